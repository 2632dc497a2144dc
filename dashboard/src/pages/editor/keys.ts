/** The editor's keys. Those without Ctrl count only where nothing is typed. */
import { type KeyboardEvent, type RefObject, useEffect, useRef } from "react";

import type { CanvasHandle } from "./canvas";
import type { Commands } from "./commands";

export interface KeysProps {
  commands: Commands;
  canvas: RefObject<CanvasHandle | null>;
  frame: RefObject<HTMLElement | null>;
  isEditable: boolean;
  undo: () => void;
  redo: () => void;
  save: () => void;
  help: () => void;
  escape: () => void;
  /** To the palette's search. */
  toPalette: () => void;
  /** To the fields of the selected node. */
  toFields: () => void;
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName));
}

export function useKeys(props: KeysProps): { onKeyDown: (event: KeyboardEvent) => void } {
  const latest = useRef(props);
  latest.current = props;

  // Whatever has the focus on this page, this saves.
  useEffect(() => {
    const onKey = (event: globalThis.KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s") {
        event.preventDefault();
        latest.current.save();
      }
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);

  // The browser's own clipboard: also between tabs, and without asking for leave.
  useEffect(() => {
    const isHere = (event: ClipboardEvent) => {
      const { frame, isEditable } = latest.current;
      const isOnPage = event.target === document.body || frame.current?.contains(event.target as Node);
      return isEditable && isOnPage && !isTyping(event.target) && (getSelection()?.isCollapsed ?? true);
    };
    const onCopy = (event: ClipboardEvent) => {
      const text = isHere(event) ? latest.current.commands.copyText() : undefined;
      if (text) {
        event.clipboardData?.setData("text/plain", text);
        event.preventDefault();
        if (event.type === "cut") {
          latest.current.commands.remove();
        }
      }
    };
    const onPaste = (event: ClipboardEvent) => {
      if (isHere(event) && latest.current.commands.pasteText(event.clipboardData?.getData("text/plain") ?? "")) {
        event.preventDefault();
      }
    };
    document.addEventListener("copy", onCopy);
    document.addEventListener("cut", onCopy);
    document.addEventListener("paste", onPaste);
    return () => {
      document.removeEventListener("copy", onCopy);
      document.removeEventListener("cut", onCopy);
      document.removeEventListener("paste", onPaste);
    };
  }, []);

  const onKeyDown = (event: KeyboardEvent) => {
    const { commands, canvas, isEditable, undo, redo, help, escape, toPalette, toFields } = latest.current;
    if (event.defaultPrevented || isTyping(event.target)) {
      return;
    }
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const isCommand = event.ctrlKey || event.metaKey;
    const editing: Record<string, () => void> = isCommand
      ? { z: event.shiftKey ? redo : undo, y: redo, d: commands.duplicate }
      : { Delete: commands.remove, Backspace: commands.remove, l: commands.arrange, n: toPalette };
    const looking: Record<string, () => void> = isCommand
      ? { a: commands.selectAll }
      : {
          f: () => canvas.current?.fit(),
          "+": () => canvas.current?.zoom(1.25),
          "-": () => canvas.current?.zoom(0.8),
          "?": help,
          e: toFields,
          Escape: escape,
        };
    const action = (isEditable ? editing[key] : undefined) ?? looking[key];
    if (action && !event.altKey) {
      event.preventDefault();
      action();
    }
  };
  return { onKeyDown };
}
