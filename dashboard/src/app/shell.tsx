/** What surrounds every page: the way to the others, where we are, whether what is shown is live. */
import {
  ActionIcon,
  AppShell,
  Badge,
  Burger,
  Group,
  Menu,
  NavLink,
  ScrollArea,
  Select,
  Stack,
  Text,
  Tooltip,
  UnstyledButton,
  useComputedColorScheme,
  useMantineColorScheme,
} from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { BookOpen, CalendarClock, Inbox, LogOut, Moon, Play, Server, Settings, Sun, UserRound, Webhook, Workflow } from "lucide-react";
import { type ReactNode, useEffect } from "react";
import { Link, useLocation } from "wouter";

import { client } from "../api/client";
import { useLiveState } from "../live/stream";
import { notifyProblem } from "../ui/problem";
import { usePlace, usePods, useWorkspaces } from "./place";
import { signOut, useSession } from "./session";
import classes from "./shell.module.css";

const LINKS = [
  { to: "executions", label: "Executions", icon: Play },
  { to: "inbox", label: "Inbox", icon: Inbox },
  { to: "workflows", label: "Workflows", icon: Workflow },
  { to: "schedules", label: "Schedules", icon: CalendarClock },
  { to: "webhooks", label: "Webhooks", icon: Webhook },
  { to: "workers", label: "Workers and queues", icon: Server },
  { to: "settings", label: "Settings", icon: Settings },
] as const;

export function Shell({ children }: { children: ReactNode }) {
  const [isOpen, { toggle, close }] = useDisclosure(false);
  const [location] = useLocation();
  useEffect(close, [location]);
  return (
    <AppShell header={{ height: 52 }} navbar={{ width: 232, breakpoint: "sm", collapsed: { mobile: !isOpen } }} padding={{ base: "sm", md: "lg" }}>
      <a className={classes["skip"]} href="#content">
        Skip to content
      </a>
      <AppShell.Header className={classes["header"]}>
        <Group h="100%" px="md" gap="sm" wrap="nowrap" justify="space-between">
          <Group gap="sm" wrap="nowrap" miw={0}>
            <Burger opened={isOpen} onClick={toggle} hiddenFrom="sm" size="sm" aria-label="Menu" aria-expanded={isOpen} />
            <Link href="/" className={classes["brand"]!} aria-label="Sluicegate, start page">
              <img src="/icon.svg" width={26} height={26} alt="" />
              <Text fw={700} visibleFrom="xs">
                Sluicegate
              </Text>
            </Link>
          </Group>
          <Group gap="xs" wrap="nowrap">
            <LiveSign />
            <SchemeSwitch />
            <Account />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="xs" className={classes["navbar"]} aria-label="Main">
        <PlaceSwitch />
        <ScrollArea flex={1} mt="xs">
          <Navigation />
        </ScrollArea>
        <NavLink component="a" href="/docs" label="API reference" leftSection={<BookOpen size={17} aria-hidden />} />
      </AppShell.Navbar>
      <AppShell.Main id="content" tabIndex={-1} className={classes["main"]}>
        {children}
      </AppShell.Main>
    </AppShell>
  );
}

function Navigation() {
  const place = usePlace();
  const [location] = useLocation();
  const count = useOpenCount();
  return (
    <Stack gap={2}>
      {LINKS.map(({ to, label, icon: Icon }) => {
        const href = place.to(to);
        const isHere = location === href || location.startsWith(`${href}/`);
        return (
          <NavLink
            key={to}
            component={Link}
            href={href}
            label={label}
            active={isHere}
            aria-current={isHere ? "page" : undefined}
            leftSection={<Icon size={17} aria-hidden />}
            rightSection={
              to === "inbox" && count ? (
                <Badge size="sm" circle={count.length < 2} variant="filled" aria-label={`${count} waiting`}>
                  {count}
                </Badge>
              ) : undefined
            }
          />
        );
      })}
    </Stack>
  );
}

/** How much waits for the caller: read now and then and when the inbox changes; the tab's one stream belongs to its page. */
function useOpenCount(): string | undefined {
  const { workspaceId } = usePlace();
  const { data } = useQuery({
    queryKey: ["suspensions", workspaceId, "count"],
    queryFn: async () => {
      const page = await client.suspensions.list(workspaceId, { state: "open", mine: true, limit: 100 });
      return page.items.length >= 100 ? "99+" : String(page.items.length);
    },
    refetchInterval: 20_000,
  });
  return data === "0" ? undefined : data;
}

const LIVE = {
  open: ["Live", "What happens is shown at once", "completed"],
  connecting: ["Connecting", "The stream is being opened", "queued"],
  waiting: ["Reconnecting", "The server can't be reached; it is tried again", "suspended"],
  polling: ["Live, slower", "Something between holds streams back: the log is read every second", "suspended"],
  refused: ["Not live", "The server does not open the stream for you", "failed"],
} as const;

function LiveSign() {
  const state = useLiveState();
  if (state === "idle" || state === "closed") {
    return null;
  }
  const [label, title, status] = LIVE[state];
  return (
    <Tooltip label={title}>
      <span className={classes["live"]} data-status={status} data-live={state} role="status">
        <span className={classes["dot"]} aria-hidden />
        {label}
      </span>
    </Tooltip>
  );
}

function SchemeSwitch() {
  const { setColorScheme } = useMantineColorScheme();
  const scheme = useComputedColorScheme("light");
  const other = scheme === "dark" ? "light" : "dark";
  return (
    <ActionIcon variant="subtle" color="gray" onClick={() => setColorScheme(other)} aria-label={`Switch to ${other} colours`}>
      {scheme === "dark" ? <Sun size={18} /> : <Moon size={18} />}
    </ActionIcon>
  );
}

function Account() {
  const { data: session } = useSession();
  const place = usePlace();
  return (
    <Menu position="bottom-end" width={240}>
      <Menu.Target>
        <UnstyledButton className={classes["account"]} aria-label="Account">
          <UserRound size={18} aria-hidden />
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          <span className="truncate">{session?.name ?? session?.principalId}</span> · {place.role}
        </Menu.Label>
        <Menu.Item leftSection={<LogOut size={15} />} onClick={() => void signOut().catch((error: unknown) => notifyProblem(error))}>
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

function PlaceSwitch() {
  const place = usePlace();
  const [, navigate] = useLocation();
  const { data: workspaces = [] } = useWorkspaces();
  const { data: pods = [] } = usePods(place.workspaceId);
  return (
    <Stack gap={6}>
      {workspaces.length > 1 && (
        <Select
          size="xs"
          aria-label="Workspace"
          allowDeselect={false}
          value={place.workspaceId}
          data={workspaces.map(({ id, name }) => ({ value: id, label: name }))}
          onChange={(id) => id && navigate(`/w/${id}`)}
        />
      )}
      <Select
        size="xs"
        aria-label="Pod"
        allowDeselect={false}
        searchable={pods.length > 8}
        value={place.podId}
        data={pods.map(({ id, name }) => ({ value: id, label: name }))}
        onChange={(id) => id && navigate(`/w/${place.workspaceId}/p/${id}/executions`)}
      />
    </Stack>
  );
}
