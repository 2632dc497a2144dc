/** The inbox: what waits for somebody, live, beside what one of them asks. On a phone each has a screen of its own. */
import { Button, Group, Text } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import { CheckCheck, Inbox as InboxIcon, MousePointerClick } from "lucide-react";
import { useMemo, useRef, useState } from "react";
import { Link, useLocation, useParams, useSearchParams } from "wouter";

import { usePlace } from "../../app/place";
import { oncePerFrame } from "../../live/frame";
import { Empty, Loading, Page } from "../../ui/page";
import { notifyDone, Problem } from "../../ui/problem";
import { Detail } from "./detail";
import classes from "./inbox.module.css";
import { InboxKeys } from "./keys";
import type { Suspension } from "./mailbox";
import { sayEnding } from "./outcome";
import { Row } from "./row";
import { useInbox, useLately } from "./use_inbox";
import { headingOf, refusalOf, useMe, useNames } from "./who";

type View = "mine" | "open" | "closed";
const VIEWS: [View, string][] = [
  ["mine", "For me"],
  ["open", "All open"],
  ["closed", "Answered lately"],
];
/** So many rows are drawn at once. */
const ROWS = 50;
/** More endings at once than this are told in one sentence. */
const MOST_TOLD = 3;

export default function Inbox() {
  const place = usePlace();
  const me = useMe();
  const name = useNames();
  const [, navigate] = useLocation();
  const { suspensionId: selected } = useParams<{ suspensionId?: string }>();
  const [search] = useSearchParams();
  const isPhone = useMediaQuery("(max-width: 48em)", false, { getInitialValueInEffect: false });
  const view = VIEWS.find(([view]) => view === search.get("show"))?.[0] ?? "mine";
  const [most, setMost] = useState(ROWS);

  const tell = useEndings(me.id, name);
  const inbox = useInbox(tell);
  const { shown, isLoaded, error, retry } = inbox;
  const lately = useLately(inbox, view === "closed");
  const mine = useMemo(() => shown.open.filter((suspension) => refusalOf(suspension, me) === null), [shown, me.id, me.role, me.isPerson]);
  const items = view === "mine" ? mine : view === "open" ? shown.open : shown.closed;
  const isReady = view === "closed" ? !!lately.data : isLoaded;

  const query = view === "mine" ? "" : `?show=${view}`;
  const back = place.to("inbox") + query;
  const to = (id: string) => place.to("inbox", id) + query;
  // Where the open one was in the list: what follows it stands there when it has gone.
  const position = useRef(0);
  const at = items.findIndex(({ id }) => id === selected);
  if (at >= 0) {
    position.current = at;
  }
  const following = at >= 0 ? (items[at + 1] ?? items[at - 1]) : (items[position.current] ?? items[items.length - 1]);
  const next = following && following.state === "open" ? { to: to(following.id), title: headingOf(following).title } : undefined;

  const list = useRef<HTMLDivElement>(null);
  const rows = () => [...(list.current?.querySelectorAll<HTMLElement>("[data-row]") ?? [])];
  const keys = (
    <InboxKeys
      move={(by) => {
        const all = rows();
        const focused = all.indexOf(document.activeElement as HTMLElement);
        const from = focused >= 0 ? focused : all.findIndex((row) => row.dataset["row"] === selected);
        all[from < 0 ? (by > 0 ? 0 : all.length - 1) : Math.max(0, Math.min(all.length - 1, from + by))]?.focus();
      }}
      leave={() => {
        if (isPhone && selected) {
          navigate(back);
        } else {
          (rows().find((row) => row.dataset["row"] === selected) ?? rows()[0])?.focus();
        }
      }}
      decide={(key) => {
        const target = document.querySelector<HTMLElement>(`[data-key="${key}"]`);
        const field = key === "a" && !target?.closest("form")?.querySelector('[data-key="r"]') ? target?.closest("form")?.querySelector<HTMLElement>("input:checked, input, textarea, [contenteditable]") : undefined;
        if (target?.dataset["needsReason"]) {
          target.click();
        } else {
          (field ?? target)?.focus();
        }
      }}
    />
  );
  const detail = selected && (
    <Detail
      key={selected}
      id={selected}
      inbox={inbox}
      isAlone={isPhone}
      back={back}
      next={next}
      onVoted={() => notifyDone("Your vote is counted")}
    />
  );
  if (isPhone && detail) {
    return (
      <>
        {detail}
        {keys}
      </>
    );
  }
  return (
    <Page title="Inbox" actions={keys}>
      <div className={classes["columns"]}>
        <div className={classes["side"]}>
          <nav className={classes["views"]} aria-label="Which ones">
            {VIEWS.map(([each, label]) => {
              const count = each === "mine" ? mine.length : each === "open" ? shown.open.length : undefined;
              return (
                <Link key={each} href={place.to("inbox") + (each === "mine" ? "" : `?show=${each}`)} aria-current={each === view ? "page" : undefined} onClick={() => setMost(ROWS)}>
                  {label}
                  {isLoaded && count !== undefined && <span className={classes["count"]}>{count}</span>}
                </Link>
              );
            })}
          </nav>
          <div className={classes["list"]} ref={list}>
            {error && !isLoaded ? (
              <Problem error={error} retry={retry} />
            ) : lately.error && view === "closed" && !lately.data ? (
              <Problem error={lately.error} retry={() => void lately.refetch()} />
            ) : !isReady ? (
              <Loading rows={5} height={84} />
            ) : items.length === 0 ? (
              <Nothing view={view} others={shown.open.length} all={`${place.to("inbox")}?show=open`} />
            ) : (
              <>
                <ul className={classes["rows"]} aria-label={VIEWS.find(([each]) => each === view)?.[1]}>
                  {items.slice(0, most).map((suspension) => (
                    <Row key={suspension.id} suspension={suspension} to={to(suspension.id)} isSelected={suspension.id === selected} />
                  ))}
                </ul>
                {items.length > most && (
                  <Button variant="default" size="xs" m="xs" onClick={() => setMost(most + ROWS)}>
                    {items.length - most} more
                  </Button>
                )}
              </>
            )}
          </div>
        </div>
        {!isPhone && <div className={classes["pane"]}>{detail || (items.length > 0 && <Choose />)}</div>}
      </div>
    </Page>
  );
}

/** Tells of what others have decided while it was looked at here: in a sentence each, or in one for many. */
function useEndings(me: string, name: (id?: string | null) => string): (suspension: Suspension) => void {
  const latest = useRef(name);
  latest.current = name;
  return useMemo(() => {
    let due: Suspension[] = [];
    const flush = oncePerFrame(() => {
      const ended = due;
      due = [];
      if (ended.length > MOST_TOLD) {
        notifications.show({ message: `${ended.length} of those that waited are over`, autoClose: 6_000 });
        return;
      }
      for (const suspension of ended) {
        notifications.show({ title: headingOf(suspension).title, message: sayEnding(suspension, latest.current), autoClose: 6_000 });
      }
    });
    return (suspension) => {
      if (suspension.decision?.by !== me) {
        due.push(suspension);
        flush();
      }
    };
  }, [me]);
}

function Nothing({ view, others, all }: { view: View; others: number; all: string }) {
  if (view === "closed") {
    return <Empty icon={InboxIcon} title="Nothing was answered yet">Approvals and questions are listed here when they are over, with who decided what.</Empty>;
  }
  if (view === "mine" && others > 0) {
    return (
      <Empty icon={CheckCheck} title="Nothing waits for you">
        {others === 1 ? "One is" : `${others} are`} put to others. <Link href={all}>Show all that are open</Link>
      </Empty>
    );
  }
  return (
    <Empty icon={CheckCheck} title="Nothing waits">
      When a workflow comes to an approval, a question or a callback, it appears here at once.
    </Empty>
  );
}

function Choose() {
  return (
    <Group className={classes["choose"]!} justify="center">
      <MousePointerClick size={18} aria-hidden />
      <Text size="sm">Choose one to see what is asked.</Text>
    </Group>
  );
}
