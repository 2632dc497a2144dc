/** One sign per node type, the same wherever a node is shown. */
import {
  Bell,
  Box,
  Braces,
  CalendarClock,
  CircleHelp,
  Clock,
  Flag,
  GitBranch,
  GitMerge,
  Globe,
  HardHat,
  ListFilter,
  type LucideIcon,
  Play,
  Repeat,
  Route,
  ShieldAlert,
  ShieldCheck,
  Split,
  StickyNote,
  Workflow,
} from "lucide-react";

const ICONS: Record<string, LucideIcon> = {
  start: Play,
  end: Flag,
  transform: Braces,
  "if-else": GitBranch,
  router: Route,
  parallel: Split,
  merge: GitMerge,
  filter: ListFilter,
  datetime: CalendarClock,
  guardrails: ShieldAlert,
  wait: Clock,
  loop: Repeat,
  subworkflow: Workflow,
  http: Globe,
  "approval-gate": ShieldCheck,
  "ask-human": CircleHelp,
  callback: Bell,
  task: HardHat,
  note: StickyNote,
};

export function NodeIcon({ type, size = 16 }: { type: string; size?: number }) {
  const Icon = ICONS[type] ?? Box;
  return <Icon size={size} aria-hidden />;
}
