/** What all fields of a form share. */
import { createContext, useContext } from "react";

import type { Schema } from "./schema";

export interface Form {
  /** References lead into it. */
  root: Schema;
  errors: readonly { path: string; message: string }[];
  disabled: boolean;
  /** Whether what is written in a field is a value. */
  mark: (field: string, isReadable: boolean) => void;
}

export const FormContext = createContext<Form | null>(null);

export function useForm(): Form {
  const form = useContext(FormContext);
  if (!form) {
    throw new Error("this field is not inside a form");
  }
  return form;
}

/** What is wrong at a path itself, or with `deep` anywhere below it. */
export function errorAt({ errors }: Form, path: string, deep: boolean, isChoice = false): string | undefined {
  const found = errors.filter((error) => error.path === path || (deep && error.path.startsWith(`${path}/`)));
  return found.map(({ path: at, message }) => say(message, isChoice, at === path ? "" : at.slice(path.length + 1))).join(" ") || undefined;
}

/** A message as a sentence for who fills in: the server's begins with the member's name. */
function say(message: string, isChoice: boolean, below: string): string {
  if (message.endsWith("is missing") || message.includes("must not be empty")) {
    return below ? `${below} is missing.` : isChoice ? "Choose one." : "Fill this in.";
  }
  const rest = /^`[^`]*` (.*)$/s.exec(message)?.[1] ?? message;
  return below ? `${below}: ${rest}` : rest.charAt(0).toUpperCase() + rest.slice(1);
}
