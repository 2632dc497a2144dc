/** A word with a sign and a colour, for outcomes that are no status of an execution. */
import type { LucideIcon } from "lucide-react";
import type { ReactNode } from "react";

import classes from "./status.module.css";

/** `tone` is a status, whose colour is used. */
export function Mark({ tone, icon: Icon, children, title }: { tone: string; icon: LucideIcon; children: ReactNode; title?: string }) {
  return (
    <span className={classes["badge"]} data-status={tone} title={title}>
      <Icon size={13} aria-hidden />
      {children}
    </span>
  );
}
