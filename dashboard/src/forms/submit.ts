/** What every dialog does with its form: sends it, waits, and puts what was refused at the fields. */
import { useState } from "react";

import { fieldErrorsOf } from "../ui/problem";

export interface Submit {
  isBusy: boolean;
  /** A failure that no field shows. */
  problem: unknown;
  /** What is wrong with the field at this path (`/name`). */
  at: (path: string) => string | undefined;
  /** Does the work; gives whether it was done. */
  run: (work: () => Promise<unknown>) => Promise<boolean>;
}

/** `paths` are the fields that show what is wrong with them; all else is the `problem`. */
export function useSubmit(paths: readonly string[] = []): Submit {
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const fields = fieldErrorsOf(error);
  const isAt = (path: string, field: string) => field === path || field.startsWith(`${path}/`);
  const isShown = fields.length > 0 && fields.every(({ path }) => paths.some((known) => isAt(known, path)));
  return {
    isBusy,
    problem: isShown ? undefined : error,
    at: (path) => fields.find((field) => isAt(path, field.path))?.message,
    run: async (work) => {
      setBusy(true);
      setError(undefined);
      try {
        await work();
        return true;
      } catch (failure) {
        setError(failure);
        return false;
      } finally {
        setBusy(false);
      }
    },
  };
}
