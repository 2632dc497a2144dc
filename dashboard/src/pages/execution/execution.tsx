/** The page of one execution: how it stands, as it happens, and all that is known of it. */
import { Drawer, Loader, Tabs } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { lazy, type ReactNode, Suspense, useState } from "react";
import { useParams } from "wouter";

import { isRefusal } from "../../api/client";
import { NotFound } from "../../app/not_found";
import { usePlace } from "../../app/place";
import type { ExecutionLog } from "../../live/execution_log";
import { shortId } from "../../ui/copy";
import { Loading, Page } from "../../ui/page";
import { Problem } from "../../ui/problem";
import { StatusBadge } from "../../ui/status";
import { Actions } from "./actions";
import classes from "./execution.module.css";
import { Facts } from "./facts";
import { FailureView } from "./failure";
import { NodePanel } from "./node_panel";
import { Remarks } from "./remarks";
import { type Selection, type Tab, useSelection } from "./selection";
import { TabContent } from "./tabs";
import { Waiting } from "./waiting";
import { useDefinition, useFollowedExecution, useWorkflow } from "./use_execution";

const ReplayDialog = lazy(() => import("./replay_dialog"));

export default function ExecutionPage() {
  const { executionId = "" } = useParams();
  const place = usePlace();
  const selection = useSelection();
  const { execution, error, refetch, log, status } = useFollowedExecution(executionId);
  const { data: workflow } = useWorkflow(execution?.workflowId);
  const { data: definition, error: noDefinition } = useDefinition(execution?.workflowId, execution?.workflowVersion);
  const isNarrow = useMediaQuery("(max-width: 62em)");
  // undefined: no replay is being prepared; null: from the beginning.
  const [replayFrom, setReplayFrom] = useState<string | null | undefined>();

  if (error && !execution) {
    return isRefusal(error) && (error.statusCode === 404 || error.statusCode === 400) ? (
      <NotFound what="execution" />
    ) : (
      <Problem error={error} retry={() => void refetch()} />
    );
  }
  const title = workflow?.name ?? `Execution ${shortId(executionId)}`;
  const failure = status === "failed" ? (log.error ?? execution?.error) : undefined;
  const panel = selection.nodeId && (
    <NodePanel log={log} definition={definition} selection={selection} status={status} onReplay={setReplayFrom} />
  );
  return (
    <Page
      title={title}
      above={[{ title: "Executions", to: place.to("executions") }]}
      mark={status && <StatusBadge status={status} />}
      actions={execution && <Actions execution={execution} status={status} onReplay={() => setReplayFrom(null)} />}
    >
      {execution ? <Facts execution={execution} log={log} status={status} /> : <Loading rows={1} />}
      {failure && (
        <FailureView failure={failure} isShort>
          {failure.nodeId && selection.nodeId !== failure.nodeId && (
            <button type="button" className={classes["link"]} onClick={() => selection.select(failure.nodeId ?? null)}>
              Show the node
            </button>
          )}
        </FailureView>
      )}
      <Remarks hasMocks={execution?.mocks ?? false} log={log} definition={definition} selection={selection} />
      <Waiting log={log} definition={definition} />
      <div className={classes["body"]}>
        <div className={classes["main"]}>
          <PageTabs log={log} selection={selection}>
            <TabContent execution={execution} log={log} definition={definition} noDefinition={noDefinition} status={status} selection={selection} />
          </PageTabs>
        </div>
        {panel && !isNarrow && (
          <aside className={`${classes["aside"]} panel`} aria-label="Node">
            {panel}
          </aside>
        )}
      </div>
      {isNarrow && (
        <Drawer.Root opened={!!panel} onClose={() => selection.select(null)} position="bottom" size="75%">
          <Drawer.Overlay />
          <Drawer.Content aria-label="Node">
            <Drawer.Body>
              {panel}
            </Drawer.Body>
          </Drawer.Content>
        </Drawer.Root>
      )}
      {replayFrom !== undefined && execution && definition && (
        <Suspense fallback={<Loader />}>
          <ReplayDialog execution={execution} definition={definition} fromNodeId={replayFrom} log={log} onClose={() => setReplayFrom(undefined)} />
        </Suspense>
      )}
    </Page>
  );
}

function PageTabs({ log, selection, children }: { log: ExecutionLog; selection: Selection; children: ReactNode }) {
  const open = [...log.suspensions.values()].filter(({ state }) => state === "open").length;
  const errors = log.logs.some(({ level }) => level === "error");
  const tabs: { id: Tab; label: string; count?: number; status?: string | undefined }[] = [
    { id: "graph", label: "Graph" },
    { id: "timeline", label: "Timeline" },
    { id: "events", label: "Events", count: log.events.length },
    { id: "logs", label: "Logs", count: log.logs.length, status: errors ? "failed" : undefined },
    { id: "data", label: "Data" },
    { id: "suspensions", label: "Suspensions", count: log.suspensions.size, status: open > 0 ? "suspended" : undefined },
    { id: "artifacts", label: "Artifacts", count: log.artifacts.length },
    { id: "lineage", label: "Lineage" },
  ];
  return (
    <Tabs value={selection.tab} onChange={(tab) => selection.showTab((tab ?? "graph") as Tab)} keepMounted={false}>
      <Tabs.List className={classes["tabs"] ?? ""}>
        {tabs.map(({ id, label, count, status }) => (
          <Tabs.Tab key={id} value={id}>
            {label}
            {!!count && (
              <span className={classes["count"]} data-status={status}>
                {count.toLocaleString()}
              </span>
            )}
          </Tabs.Tab>
        ))}
      </Tabs.List>
      <Tabs.Panel value={selection.tab} pt="sm">
        {children}
      </Tabs.Panel>
    </Tabs>
  );
}
