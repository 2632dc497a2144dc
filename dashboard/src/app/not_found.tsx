/** What is shown where nothing is. */
import { Anchor } from "@mantine/core";
import { Compass } from "lucide-react";
import { Link } from "wouter";

import { Empty } from "../ui/page";

export function NotFound({ what = "page" }: { what?: string }) {
  return (
    <Empty icon={Compass} title={`There is no such ${what}`}>
      It may have been removed, or it is not yours to see.{" "}
      <Anchor component={Link} href="/">
        Go to the executions
      </Anchor>
    </Empty>
  );
}
