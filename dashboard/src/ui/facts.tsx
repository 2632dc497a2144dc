/** Names and values, as many beside each other as there is room for. */
import type { ReactNode } from "react";

import classes from "./facts.module.css";

export function Facts({ children }: { children: ReactNode }) {
  return <dl className={`panel ${classes["facts"]}`}>{children}</dl>;
}

export function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className={classes["fact"]}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
