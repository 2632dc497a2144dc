/** Keeps somebody from leaving with changes that are not saved: by a link, the browser's way back, or closing the tab. */
import { useCallback, useEffect, useState } from "react";
import { useLocation } from "wouter";

import { beforeBack } from "../../app/leaving";

export interface Guard {
  /** Where somebody wants to go; null while nobody does. */
  wanted: string | null;
  leave: () => void;
  stay: () => void;
}

export function useGuard(isDirty: boolean): Guard {
  const [wanted, setWanted] = useState<string | null>(null);
  const [isLeaving, setLeaving] = useState(false);
  const [, navigate] = useLocation();
  const asksFirst = isDirty && !isLeaving;
  useEffect(() => {
    if (!asksFirst) {
      return;
    }
    const here = location.pathname;
    const href = location.href;
    // Every navigation of the router comes through here, whoever has asked for it.
    const { pushState, replaceState } = history;
    const asks = (go: typeof pushState): typeof pushState =>
      function (state, unused, to) {
        const url = new URL(String(to ?? location.href), location.href);
        if (url.pathname === here) {
          go.call(history, state, unused, to);
        } else {
          setWanted(url.pathname + url.search + url.hash);
        }
      };
    history.pushState = asks(pushState);
    history.replaceState = asks(replaceState);
    const onBack = (event: PopStateEvent) => {
      if (location.pathname !== here) {
        // Before the router sees it.
        event.stopImmediatePropagation();
        const to = location.pathname + location.search + location.hash;
        pushState.call(history, null, "", href);
        setWanted(to);
      }
    };
    const onUnload = (event: BeforeUnloadEvent) => event.preventDefault();
    beforeBack(onBack);
    window.addEventListener("beforeunload", onUnload);
    return () => {
      history.pushState = pushState;
      history.replaceState = replaceState;
      beforeBack(null);
      window.removeEventListener("beforeunload", onUnload);
    };
  }, [asksFirst]);

  // Once what asks is gone.
  useEffect(() => {
    if (isLeaving && wanted !== null) {
      navigate(wanted);
    }
  }, [isLeaving, wanted, navigate]);
  return { wanted: isLeaving ? null : wanted, leave: useCallback(() => setLeaving(true), []), stay: useCallback(() => setWanted(null), []) };
}
