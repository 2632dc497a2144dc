/** JSON to decide by, as people read it: the members of an object as a list of facts, what is nested as JSON. */
import { Json } from "../../ui/json";
import { humanized, isObject } from "../../forms/schema";
import classes from "./inbox.module.css";

const MOST = 24;
const LONG = 2_000;

export function Facts({ value, label }: { value: unknown; label: string }) {
  if (!isObject(value) || Object.keys(value).length === 0 || Object.keys(value).length > MOST) {
    return typeof value === "string" && value.length <= LONG ? <p className={classes["message"]}>{value}</p> : <Json value={value} label={label} />;
  }
  return (
    <dl className={classes["facts"]} aria-label={label}>
      {Object.entries(value).map(([name, fact]) => (
        <div key={name} className={classes["fact"]}>
          <dt title={name}>{humanized(name)}</dt>
          <dd>{plainly(fact) ?? <Json value={fact} label={name} open={1} />}</dd>
        </div>
      ))}
    </dl>
  );
}

/** A fact that is plain text; undefined where it is not. */
function plainly(fact: unknown): string | undefined {
  switch (typeof fact) {
    case "string":
      return fact.length <= LONG ? fact || "–" : undefined;
    case "number":
      return String(fact);
    case "boolean":
      return fact ? "Yes" : "No";
    default:
      return fact === null ? "–" : undefined;
  }
}
