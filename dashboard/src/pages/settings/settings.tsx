/** What belongs to the workspace and its people. Each section has an address of its own; who may not see one is not led there. */
import { Boxes, Building2, Info, KeyRound, Lock, LockKeyhole, Palette, ScrollText, UserRound, UsersRound } from "lucide-react";
import { type ComponentType, useEffect, useRef } from "react";
import { Link, useParams } from "wouter";

import { NotFound } from "../../app/not_found";
import { type Role, usePlace } from "../../app/place";
import { Empty, Page } from "../../ui/page";
import { About } from "./about";
import { ApiKeys } from "./api_keys";
import { Appearance } from "./appearance";
import { Audit } from "./audit";
import { Groups } from "./groups";
import { Members } from "./members";
import { Pods } from "./pods";
import { Secrets } from "./secrets";
import classes from "./settings.module.css";
import { Workspace } from "./workspace";

const SECTIONS: { path: string; title: string; icon: typeof Info; role: Role; Content: ComponentType }[] = [
  { path: "workspace", title: "Workspace", icon: Building2, role: "viewer", Content: Workspace },
  { path: "pods", title: "Pods", icon: Boxes, role: "viewer", Content: Pods },
  { path: "members", title: "Members", icon: UserRound, role: "viewer", Content: Members },
  { path: "groups", title: "Groups", icon: UsersRound, role: "viewer", Content: Groups },
  { path: "api-keys", title: "API keys", icon: KeyRound, role: "admin", Content: ApiKeys },
  { path: "secrets", title: "Secrets", icon: LockKeyhole, role: "admin", Content: Secrets },
  { path: "audit", title: "Audit log", icon: ScrollText, role: "admin", Content: Audit },
  { path: "appearance", title: "Appearance", icon: Palette, role: "viewer", Content: Appearance },
  { path: "about", title: "About", icon: Info, role: "viewer", Content: About },
];

export default function Settings() {
  const { section: path = "workspace" } = useParams<{ section?: string }>();
  const place = usePlace();
  const section = SECTIONS.find((each) => each.path === path);
  const nav = useRef<HTMLElement>(null);
  useEffect(() => {
    // On a phone the sections are a strip: the one that is shown is in its middle.
    const [strip, link] = [nav.current, nav.current?.querySelector<HTMLElement>("[aria-current]")];
    if (strip && link) {
      strip.scrollLeft = link.offsetLeft - strip.offsetLeft - (strip.clientWidth - link.clientWidth) / 2;
    }
  }, [path]);
  if (!section) {
    return <NotFound what="section of the settings" />;
  }
  const { Content, title, role } = section;
  return (
    <Page title="Settings">
      <div className={classes["layout"]}>
        <nav aria-label="Settings" className={classes["nav"]} ref={nav}>
          <ul className={classes["list"]}>
            {SECTIONS.filter((each) => place.can(each.role)).map(({ path: to, title, icon: Icon }) => (
              <li key={to}>
                <Link href={place.to("settings", to)} className={classes["link"]!} aria-current={to === path ? "page" : undefined}>
                  <Icon size={16} aria-hidden />
                  {title}
                </Link>
              </li>
            ))}
          </ul>
        </nav>
        <div className={classes["content"]}>
          {place.can(role) ? (
            <Content />
          ) : (
            <Empty icon={Lock} title={`${title}: for admins and owners`}>
              Your role is {place.role}: an admin or owner of the workspace can look at this.
            </Empty>
          )}
        </div>
      </div>
    </Page>
  );
}
