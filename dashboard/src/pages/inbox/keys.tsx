/** The keys of the inbox: to move, to open, to decide. Keys that are letters can be switched off, for those who speak to their computer. */
import { ActionIcon, Kbd, Modal, Stack, Switch, Table, Text, Tooltip } from "@mantine/core";
import { useLocalStorage } from "@mantine/hooks";
import { Keyboard } from "lucide-react";
import { useEffect, useRef, useState } from "react";

const KEYS: [keys: string[], what: string][] = [
  [["j", "↓"], "Next one in the list"],
  [["k", "↑"], "The one before"],
  [["Enter"], "Open it"],
  [["a"], "Go to the answer, or to the button that approves; Enter sends it"],
  [["r"], "Go to the button that rejects; Enter sends it. Where a reason is needed, go there first"],
  [["Ctrl", "Enter"], "Send what was chosen, from any field"],
  [["Esc"], "Back to the list"],
  [["?"], "These keys"],
];

export interface KeyActions {
  move: (by: 1 | -1) => void;
  leave: () => void;
  decide: (key: "a" | "r") => void;
}

/** Listens for the keys, and gives the button with their explanation. */
export function InboxKeys(actions: KeyActions) {
  const [isOn, setOn] = useLocalStorage({ key: "sluicegate.inbox-keys", defaultValue: true });
  const [isShown, setShown] = useState(false);
  const latest = useRef(actions);
  latest.current = actions;
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || document.querySelector('[role="dialog"]')) {
        return;
      }
      const act = (work: () => void) => {
        event.preventDefault();
        work();
      };
      const { move, leave, decide } = latest.current;
      const isWriting = target.matches('textarea, select, [contenteditable="true"], input:not([type="radio"], [type="checkbox"])');
      if (event.key === "Escape") {
        return target.closest('[role="listbox"]') || target.getAttribute("aria-expanded") === "true" ? undefined : act(leave);
      }
      if (isWriting) {
        return;
      }
      // Arrows belong to fields and to what scrolls, unless the list has the focus.
      const isInList = target.matches("[data-row], body");
      if (isInList && event.key === "ArrowDown") {
        act(() => move(1));
      } else if (isInList && event.key === "ArrowUp") {
        act(() => move(-1));
      } else if (isOn) {
        const letters: Record<string, () => void> = {
          j: () => move(1),
          k: () => move(-1),
          a: () => decide("a"),
          r: () => decide("r"),
          "?": () => setShown(true),
        };
        const work = letters[event.key];
        if (work) {
          act(work);
        }
      }
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [isOn]);
  return (
    <>
      <Tooltip label="Keys (?)">
        <ActionIcon variant="default" size="md" aria-label="Keyboard shortcuts" onClick={() => setShown(true)} visibleFrom="sm">
          <Keyboard size={16} />
        </ActionIcon>
      </Tooltip>
      <Modal opened={isShown} onClose={() => setShown(false)} title="Keyboard shortcuts" closeButtonProps={{ "aria-label": "Close" }} centered>
        <Stack gap="sm">
          <Table withRowBorders={false}>
            <Table.Tbody>
              {KEYS.map(([keys, what]) => (
                <Table.Tr key={what}>
                  <Table.Td style={{ whiteSpace: "nowrap" }}>
                    {keys.map((key, place) => (
                      <span key={key}>
                        {place > 0 && (keys[0] === "Ctrl" ? "+" : " ")}
                        <Kbd>{key}</Kbd>
                      </span>
                    ))}
                  </Table.Td>
                  <Table.Td>
                    <Text size="sm">{what}</Text>
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
          <Switch label="Keys that are letters" checked={isOn} onChange={(event) => setOn(event.currentTarget.checked)} />
        </Stack>
      </Modal>
    </>
  );
}
