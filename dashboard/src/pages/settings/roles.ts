/** Roles as people choose them. */
import type { Place, Role } from "../../app/place";

const ROLES: [role: Role, meaning: string][] = [
  ["viewer", "reads everything"],
  ["editor", "makes workflows, runs and answers"],
  ["admin", "deploys, makes triggers, keys and members"],
  ["owner", "may do everything"],
];

/** The roles that somebody may give: none above their own. */
export function rolesFor(place: Place): { value: Role; label: string }[] {
  return ROLES.filter(([role]) => place.can(role)).map(([value]) => ({ value, label: value }));
}

export function roleMeaning(role: Role): string {
  return ROLES.find(([each]) => each === role)?.[1] ?? "";
}
