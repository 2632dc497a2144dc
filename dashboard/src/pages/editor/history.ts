/** Undo and redo. What is typed into one field in a row is one step. */
import { useCallback, useMemo, useReducer } from "react";

const MOST = 200;

interface State<Value> {
  past: Value[];
  present: Value;
  future: Value[];
  mark: string | undefined;
}

type Action<Value> =
  | { type: "change"; to: (value: Value) => Value; mark: string | undefined }
  | { type: "reset"; value: Value }
  | { type: "undo" }
  | { type: "redo" };

function reduce<Value>(state: State<Value>, action: Action<Value>): State<Value> {
  const { past, present, future } = state;
  switch (action.type) {
    case "change": {
      const next = action.to(present);
      if (next === present) {
        return state;
      }
      const goesOn = action.mark !== undefined && action.mark === state.mark;
      return { past: goesOn ? past : [...past.slice(-MOST), present], present: next, future: [], mark: action.mark };
    }
    case "reset":
      return { past: [], present: action.value, future: [], mark: undefined };
    case "undo": {
      const last = past[past.length - 1];
      return last === undefined ? state : { past: past.slice(0, -1), present: last, future: [present, ...future], mark: undefined };
    }
    case "redo": {
      const [next, ...rest] = future;
      return next === undefined ? state : { past: [...past, present], present: next, future: rest, mark: undefined };
    }
  }
}

export interface History<Value> {
  value: Value;
  /** Changes in a row with the same mark are undone together. */
  change: (to: (value: Value) => Value, mark?: string) => void;
  /** Begins anew. */
  reset: (value: Value) => void;
  undo: () => void;
  redo: () => void;
  canUndo: boolean;
  canRedo: boolean;
}

export function useHistory<Value extends object>(initial: Value): History<Value> {
  const [state, dispatch] = useReducer(reduce<Value>, { past: [], present: initial, future: [], mark: undefined });
  const change = useCallback((to: (value: Value) => Value, mark?: string) => dispatch({ type: "change", to, mark }), []);
  const reset = useCallback((value: Value) => dispatch({ type: "reset", value }), []);
  const undo = useCallback(() => dispatch({ type: "undo" }), []);
  const redo = useCallback(() => dispatch({ type: "redo" }), []);
  return useMemo(
    () => ({ value: state.present, change, reset, undo, redo, canUndo: state.past.length > 0, canRedo: state.future.length > 0 }),
    [state, change, reset, undo, redo],
  );
}
