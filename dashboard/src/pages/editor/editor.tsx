/** The editor of one workflow: loads what it needs. */
import { useParams } from "wouter";

import { isRefusal } from "../../api/client";
import { NotFound } from "../../app/not_found";
import { Loading, Page } from "../../ui/page";
import { Problem } from "../../ui/problem";
import { useNodeTypes, useWorkflow } from "./queries";
import { Workbench } from "./workbench";

export default function Editor() {
  const { workflowId = "" } = useParams<{ workflowId: string }>();
  const workflow = useWorkflow(workflowId);
  const types = useNodeTypes();
  const error = workflow.data ? types.error : (workflow.error ?? types.error);
  if (error && isRefusal(error) && (error.statusCode === 404 || error.statusCode === 400)) {
    return <NotFound what="workflow" />;
  }
  if (workflow.data && types.data) {
    return <Workbench latest={workflow.data} types={types.data} />;
  }
  return (
    <Page title="Workflow">
      {error ? <Problem error={error} retry={() => void Promise.all([workflow.refetch(), types.refetch()])} /> : <Loading rows={8} height={52} />}
    </Page>
  );
}
