/** The editor of JSON texts: CodeMirror, in a file of its own that is loaded where somebody edits. */
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { json } from "@codemirror/lang-json";
import { bracketMatching, indentOnInput } from "@codemirror/language";
import { Compartment, EditorState, StateEffect, StateField } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView, keymap, lineNumbers, MatchDecorator, ViewPlugin, type ViewUpdate } from "@codemirror/view";
import { getNonce } from "get-nonce";
import { useEffect, useRef } from "react";

import type { EditorProps } from "./json_editor";

// No token of JSON goes over lines, so matching does: colours are the page's own, which know light and dark.
const tokens = new MatchDecorator({
  regexp: /("(?:[^"\\]|\\.)*")(?=\s*:)|"(?:[^"\\]|\\.)*"|-?\b\d[\d.eE+-]*|\b(?:true|false|null)\b/g,
  decoration: ([token = "", name]) => Decoration.mark({ class: name ? "cm-name" : token.startsWith('"') ? "cm-text" : "cm-scalar" }),
});
const highlight = ViewPlugin.fromClass(
  class {
    marks: DecorationSet;
    constructor(view: EditorView) {
      this.marks = tokens.createDeco(view);
    }
    update(update: ViewUpdate) {
      this.marks = tokens.updateDeco(update, this.marks);
    }
  },
  { decorations: (plugin) => plugin.marks },
);

const LINE = 20;

const look = (minRows: number, maxRows: number) =>
  EditorView.theme({
    "&": {
      fontSize: "13px",
      color: "var(--mantine-color-text)",
      backgroundColor: "var(--sg-raised)",
      border: "1px solid var(--sg-line)",
      borderRadius: "var(--mantine-radius-md)",
      overflow: "hidden",
    },
    "&.cm-focused": { outline: "2px solid var(--mantine-primary-color-filled)", outlineOffset: "1px" },
    ".cm-scroller": { fontFamily: "var(--mantine-font-family-monospace)", lineHeight: `${LINE}px`, maxHeight: `${maxRows * LINE}px` },
    ".cm-content": { minHeight: `${minRows * LINE}px`, caretColor: "var(--mantine-color-text)" },
    ".cm-cursor": { borderLeftColor: "var(--mantine-color-text)" },
    ".cm-gutters": { color: "var(--sg-dim)", backgroundColor: "var(--sg-soft)", borderRight: "1px solid var(--sg-line)" },
    ".cm-name": { color: "var(--sg-run)" },
    ".cm-text": { color: "var(--sg-ok)" },
    ".cm-scalar": { color: "var(--sg-wait)" },
    ".cm-wrong": { backgroundColor: "var(--sg-fail-soft)" },
    "&.cm-focused .cm-matchingBracket": { backgroundColor: "var(--sg-run-soft)" },
    "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground, ::selection": {
      backgroundColor: "var(--sg-run-soft)",
    },
  });

const setWrong = StateEffect.define<number | undefined>();
const wrongLine = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(marks, transaction) {
    for (const effect of transaction.effects) {
      if (effect.is(setWrong)) {
        const place = effect.value;
        const { doc } = transaction.state;
        return place === undefined
          ? Decoration.none
          : Decoration.set(Decoration.line({ class: "cm-wrong" }).range(doc.lineAt(Math.min(place, doc.length)).from));
      }
    }
    return marks.map(transaction.changes);
  },
  provide: (field) => EditorView.decorations.from(field),
});

export default function CodeEditor(props: EditorProps) {
  const { value, label, describedBy, problemAt, isInvalid, disabled, minRows, maxRows } = props;
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const attributes = useRef(new Compartment());
  const onChange = useRef(props.onChange);
  onChange.current = props.onChange;

  const told = () => [
    EditorView.contentAttributes.of({
      "aria-label": label,
      // Focusable as it is; said for those who look for it in the markup.
      tabindex: "0",
      "aria-invalid": String(isInvalid),
      ...(describedBy ? { "aria-describedby": describedBy } : {}),
    }),
    EditorState.readOnly.of(disabled),
  ];

  useEffect(() => {
    if (!place.current) {
      return;
    }
    const editor = new EditorView({
      parent: place.current,
      state: EditorState.create({
        doc: value,
        extensions: [
          // The page's policy lets in only styles that carry it.
          EditorView.cspNonce.of(getNonce() ?? ""),
          lineNumbers(),
          history(),
          indentOnInput(),
          bracketMatching(),
          json(),
          highlight,
          EditorView.lineWrapping,
          // Tab goes on to the next field, as everywhere.
          keymap.of([...defaultKeymap, ...historyKeymap]),
          wrongLine,
          look(minRows, maxRows),
          attributes.current.of(told()),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) {
              onChange.current(update.state.doc.toString());
            }
          }),
        ],
      }),
    });
    view.current = editor;
    return () => {
      view.current = null;
      editor.destroy();
    };
    // Once: what changes later is handed to the editor below.
  }, []);

  useEffect(() => {
    const editor = view.current;
    // What is typed comes back as it was typed; only another text replaces the one that is there.
    if (editor && editor.state.doc.toString() !== value) {
      editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: value } });
    }
  }, [value]);
  useEffect(() => {
    view.current?.dispatch({ effects: setWrong.of(problemAt) });
  }, [problemAt, value]);
  useEffect(() => {
    view.current?.dispatch({ effects: attributes.current.reconfigure(told()) });
  }, [label, describedBy, isInvalid, disabled]);

  return <div ref={place} />;
}
