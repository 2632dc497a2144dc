/** The live list of executions for a page: one list per filter, the pod's stream for all of them. */
import { useEffect, useMemo, useRef, useSyncExternalStore } from "react";

import { client } from "../api/client";
import { usePlace } from "../app/place";
import { type ExecutionsFilter, type ExecutionsView, LIST_EVENTS } from "./execution_rows";
import { ExecutionList } from "./executions";
import { useStream } from "./stream";

/** `onChange` is told of every change in the pod, whether it is in the list or not. */
export function useExecutionList(filter: ExecutionsFilter, onChange: () => void): [ExecutionsView, ExecutionList] {
  const { workspaceId, podId } = usePlace();
  const key = JSON.stringify(filter);
  const list = useMemo(() => new ExecutionList(workspaceId, podId, JSON.parse(key) as ExecutionsFilter), [workspaceId, podId, key]);
  useEffect(() => list.start(), [list]);
  const current = useRef({ list, onChange });
  current.current = { list, onChange };

  useStream(`executions ${podId}`, ({ onState, onError }) => {
    let wasOpen = false;
    return client.streamPodEvents(
      workspaceId,
      podId,
      (event) => {
        current.current.list.take(event);
        current.current.onChange();
      },
      onError,
      {
        types: LIST_EVENTS,
        onState: (state) => {
          onState(state);
          if (state === "open") {
            // What was read before the stream had begun may have changed in between; after a failure it goes on where it was.
            if (!wasOpen || current.current.list.view().error !== undefined) {
              current.current.list.reload();
            }
            if (wasOpen) {
              current.current.onChange();
            }
            wasOpen = true;
          }
        },
      },
    );
  });
  return [useSyncExternalStore(list.subscribe, list.view), list];
}
