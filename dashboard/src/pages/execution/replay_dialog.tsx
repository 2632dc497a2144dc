import type { Definition, Execution } from "@sluicegate/sdk";
import type { ExecutionLog } from "../../live/execution_log";
export default function ReplayDialog(_: { execution: Execution; definition: Definition; fromNodeId: string | null; log: ExecutionLog; onClose: () => void }) {
  return null;
}
