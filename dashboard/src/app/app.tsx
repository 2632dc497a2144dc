/** Addresses and what is shown there. Each page is a file of its own that is loaded when it is needed. */
import "./leaving"; // Before the router.
import { Center, Loader } from "@mantine/core";
import { type ComponentType, lazy, Suspense, useMemo } from "react";
import { Redirect, Route, Switch, useLocation, useSearch } from "wouter";

import { Problem } from "../ui/problem";
import { NoWorkspace } from "./no_workspace";
import { NotFound } from "./not_found";
import { PlaceContext, placeOf, usePods, useRole, useWorkspaces } from "./place";
import { useSession } from "./session";
import { Shell } from "./shell";
import { SignIn } from "./sign_in";

const page = (load: () => Promise<{ default: ComponentType }>) => lazy(load);

/** Below `/w/:workspaceId/p/:podId`. */
const PAGES: [path: string, Page: ComponentType][] = [
  ["/executions", page(() => import("../pages/executions/executions"))],
  ["/executions/:executionId", page(() => import("../pages/execution/execution"))],
  ["/executions/:executionId/compare/:otherId", page(() => import("../pages/execution/compare"))],
  // One page, whichever of its items is open: its list and its stream stay.
  ["/inbox/:suspensionId?", page(() => import("../pages/inbox/inbox"))],
  ["/workflows", page(() => import("../pages/workflows/workflows"))],
  ["/workflows/:workflowId", page(() => import("../pages/editor/editor"))],
  ["/workflows/:workflowId/versions", page(() => import("../pages/workflows/versions"))],
  ["/schedules", page(() => import("../pages/schedules/schedules"))],
  ["/schedules/:scheduleId", page(() => import("../pages/schedules/schedule"))],
  ["/webhooks", page(() => import("../pages/webhooks/webhooks"))],
  ["/webhooks/:webhookId", page(() => import("../pages/webhooks/webhook"))],
  ["/workers", page(() => import("../pages/workers/workers"))],
  ["/settings", page(() => import("../pages/settings/settings"))],
  ["/settings/:section", page(() => import("../pages/settings/settings"))],
];

export function App() {
  const { data: session, error, refetch } = useSession();
  const [location] = useLocation();
  const search = useSearch();
  if (error && !session) {
    return (
      <Center h="100vh" p="md">
        <Problem error={error} retry={() => void refetch()} />
      </Center>
    );
  }
  if (session === undefined) {
    return <Waiting />;
  }
  if (session === null || location === "/sign-in") {
    // Where to go on afterwards.
    const wanted = location.startsWith("/w/") ? location + (search && `?${search}`) : new URLSearchParams(search).get("return");
    const next = wanted?.startsWith("/w/") ? wanted : undefined;
    return <SignIn next={next} />;
  }
  return (
    <Switch>
      <Route path="/">
        <Home />
      </Route>
      <Route path="/w/:workspaceId">{({ workspaceId }) => <FirstPod workspaceId={workspaceId} />}</Route>
      <Route path="/w/:workspaceId/p/:podId/*?">{({ workspaceId, podId }) => <Inside workspaceId={workspaceId} podId={podId} />}</Route>
      <Route>
        <NotFound />
      </Route>
    </Switch>
  );
}

function Waiting() {
  return (
    <Center h="60vh">
      <Loader role="status" aria-label="Loading" />
    </Center>
  );
}

/** To the workspace and pod that were looked at last, or to the first ones. */
function Home() {
  const { data: workspaces, error } = useWorkspaces();
  if (error) {
    return <Problem error={error} />;
  }
  if (!workspaces) {
    return <Waiting />;
  }
  const last = readLast();
  const workspace = workspaces.find(({ id }) => id === last?.workspaceId) ?? workspaces[0];
  return workspace ? <Redirect to={`/w/${workspace.id}`} replace /> : <NoWorkspace />;
}

function FirstPod({ workspaceId }: { workspaceId: string }) {
  const { data: pods, error } = usePods(workspaceId);
  if (error) {
    return <Problem error={error} />;
  }
  if (!pods) {
    return <Waiting />;
  }
  const last = readLast();
  const pod = pods.find(({ id }) => id === last?.podId) ?? pods[pods.length - 1];
  return pod ? <Redirect to={`/w/${workspaceId}/p/${pod.id}/executions`} replace /> : <NotFound what="pod" />;
}

function Inside({ workspaceId, podId }: { workspaceId: string; podId: string }) {
  const { data: role, error } = useRole(workspaceId);
  const place = useMemo(() => role && placeOf(workspaceId, podId, role), [workspaceId, podId, role]);
  if (error) {
    return <NotFound what="workspace" />;
  }
  if (!place) {
    return <Waiting />;
  }
  writeLast({ workspaceId, podId });
  const base = `/w/${workspaceId}/p/${podId}`;
  return (
    <PlaceContext value={place}>
      <Shell>
        <Suspense fallback={<Waiting />}>
          <Switch>
            <Route path={base}>
              <Redirect to={`${base}/executions`} replace />
            </Route>
            {PAGES.map(([path, Page]) => (
              <Route key={path} path={base + path}>
                {/* One page per address: nothing of the last one stays. */}
                {(parameters) => <Page key={path.endsWith("?") ? path : Object.values(parameters).join("/")} />}
              </Route>
            ))}
            <Route>
              <NotFound />
            </Route>
          </Switch>
        </Suspense>
      </Shell>
    </PlaceContext>
  );
}

const LAST = "sluicegate.last-place";

function readLast(): { workspaceId?: string; podId?: string } | undefined {
  try {
    return JSON.parse(localStorage.getItem(LAST) ?? "{}") as { workspaceId?: string; podId?: string };
  } catch {
    return undefined;
  }
}

function writeLast(place: { workspaceId: string; podId: string }): void {
  try {
    localStorage.setItem(LAST, JSON.stringify(place));
  } catch {
    // A browser that keeps nothing begins at the first pod.
  }
}
