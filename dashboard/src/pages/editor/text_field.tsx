/** A text that is a template or an expression, with a menu of what it may read. */
import { ActionIcon, Menu, ScrollArea, Textarea, Tooltip } from "@mantine/core";
import { Braces } from "lucide-react";
import { createContext, type ReactNode, useContext, useRef } from "react";

/** Names that the expressions of the node in the inspector know. */
export const NamesContext = createContext<readonly { name: string; about: string }[]>([]);

export interface TextFieldProps {
  label: ReactNode;
  description?: ReactNode;
  value: string;
  onChange: (value: string | undefined) => void;
  error?: ReactNode;
  required?: boolean;
  /** Bare: an expression without braces. Plain: a text for people. */
  kind: "template" | "expression" | "plain";
  ariaLabel?: string | undefined;
}

export function TextField({ label, description, value, onChange, error, required = false, kind, ariaLabel }: TextFieldProps) {
  const field = useRef<HTMLTextAreaElement>(null);
  const names = useContext(NamesContext);
  const insert = (name: string) => {
    const element = field.current;
    const [from, to] = element ? [element.selectionStart, element.selectionEnd] : [value.length, value.length];
    // Inside braces already, or in a bare expression: the name alone.
    const before = value.slice(0, from);
    const isInside = kind === "expression" || before.lastIndexOf("{{") > before.lastIndexOf("}}");
    const text = isInside ? name : `{{ ${name} }}`;
    onChange(before + text + value.slice(to));
    requestAnimationFrame(() => {
      element?.focus();
      element?.setSelectionRange(from + text.length, from + text.length);
    });
  };
  return (
    <Textarea
      ref={field}
      label={label}
      aria-label={ariaLabel}
      description={description}
      value={value}
      error={error}
      required={required}
      withAsterisk={required}
      autosize
      minRows={1}
      maxRows={14}
      size="sm"
      spellCheck={kind === "plain"}
      classNames={kind === "plain" ? {} : { input: "mono" }}
      onChange={({ currentTarget }) => onChange(currentTarget.value === "" ? undefined : currentTarget.value)}
      rightSection={
        kind === "plain" || names.length === 0 ? undefined : (
          <Menu position="bottom-end" withinPortal>
            <Menu.Target>
              <Tooltip label="Insert a value">
                <ActionIcon variant="subtle" color="gray" size="sm" aria-label="Insert a value">
                  <Braces size={14} />
                </ActionIcon>
              </Tooltip>
            </Menu.Target>
            <Menu.Dropdown>
              <ScrollArea.Autosize mah={260}>
                {names.map(({ name, about }) => (
                  <Menu.Item key={name} onClick={() => insert(name)} rightSection={<span className="dim">{about}</span>}>
                    <span className="mono">{name}</span>
                  </Menu.Item>
                ))}
              </ScrollArea.Autosize>
            </Menu.Dropdown>
          </Menu>
        )
      }
    />
  );
}
