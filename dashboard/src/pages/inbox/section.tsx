/** A part of the detail with a heading. */
import { Title } from "@mantine/core";
import { type ReactNode, useId } from "react";

import classes from "./inbox.module.css";

export function Section({ title, children }: { title: string; children: ReactNode }) {
  const id = useId();
  return (
    <section className={classes["section"]} aria-labelledby={id}>
      <Title order={3} size="xs" className={classes["sectionTitle"]!} id={id}>
        {title}
      </Title>
      {children}
    </section>
  );
}
