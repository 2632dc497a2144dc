/** What each tab of an execution's page shows. Those that bring much code with them are files of their own. */
import type { Definition, Execution } from "@sluicegate/sdk";
import { lazy, Suspense } from "react";

import { type ExecutionLog, isFinal } from "../../live/execution_log";
import { Loading } from "../../ui/page";
import { Problem } from "../../ui/problem";
import { Artifacts } from "./artifacts";
import { DataTab } from "./data_tab";
import { Events } from "./events";
import classes from "./execution.module.css";
import { Lineage } from "./lineage";
import { Logs } from "./logs";
import type { Selection } from "./selection";
import { Suspensions } from "./suspensions";
import { Timeline } from "./timeline";

const Flow = lazy(() => import("../../graph/flow").then(({ Flow }) => ({ default: Flow })));

export interface TabContentProps {
  /** Missing until it is read; most of what is shown comes by the stream. */
  execution: Execution | undefined;
  log: ExecutionLog;
  definition: Definition | undefined;
  noDefinition: unknown;
  status: string | undefined;
  selection: Selection;
}

export function TabContent({ execution, log, definition, noDefinition, status, selection }: TabContentProps) {
  switch (selection.tab) {
    case "graph":
      if (noDefinition) {
        return <Problem error={noDefinition} />;
      }
      return (
        <div className={`${classes["canvas"]} panel`}>
          {definition && (
            <Suspense fallback={<Loading rows={3} />}>
              <Flow
                definition={definition}
                states={log.nodes}
                stamp={log}
                selected={selection.nodeId}
                onSelect={selection.select}
                label="Graph of the execution"
              />
            </Suspense>
          )}
        </div>
      );
    case "timeline":
      return <Timeline log={log} definition={definition} selection={selection} />;
    case "events":
      return <Events log={log} isLive={!isFinal(status)} />;
    case "logs":
      return <Logs log={log} isLive={!isFinal(status)} definition={definition} selection={selection} />;
    case "data":
      return execution ? <DataTab execution={execution} log={log} status={status} /> : <Loading rows={4} />;
    case "suspensions":
      return <Suspensions log={log} definition={definition} selection={selection} />;
    case "artifacts":
      return <Artifacts log={log} selection={selection} />;
    case "lineage":
      return execution ? <Lineage execution={execution} log={log} /> : <Loading rows={4} />;
  }
}
