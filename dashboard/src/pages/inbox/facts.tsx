/** JSON to decide by, as people read it: the members of an object as a list of facts, what is nested as JSON. */
import { Json } from "../../ui/json";
import { humanized, isObject } from "../../forms/schema";
import classes from "./inbox.module.css";

const MOST = 24;
const LONG = 2_000;
const SHORT = 80;
const WIDE = 5;

export function Facts({ value, label }: { value: unknown; label: string }) {
  if (!isObject(value) || Object.keys(value).length === 0 || Object.keys(value).length > MOST) {
    return typeof value === "string" && value.length <= LONG ? <p className={classes["message"]}>{value}</p> : <Json value={value} label={label} />;
  }
  return (
    <dl className={classes["facts"]} aria-label={label}>
      {Object.entries(value).map(([name, fact]) => (
        <div key={name} className={classes["fact"]}>
          <dt title={name}>{humanized(name)}</dt>
          <dd>{plainly(fact) ?? <Nested value={fact} name={name} />}</dd>
        </div>
      ))}
    </dl>
  );
}

/** A list of alike, flat objects is a table. */
function Nested({ value, name }: { value: unknown; name: string }) {
  const rows = Array.isArray(value) && value.length > 0 && value.length <= MOST && value.every(isObject) ? value : [];
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const isFlat = rows.every((row) => columns.every((column) => row[column] === undefined || (plainly(row[column])?.length ?? LONG) < SHORT));
  if (columns.length === 0 || columns.length > WIDE || !isFlat) {
    return <Json value={value} label={name} open={1} />;
  }
  return (
    <div className={classes["tableFrame"]} tabIndex={0} role="region" aria-label={humanized(name)}>
      <table className={classes["table"]}>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column} scope="col" data-number={typeof rows[0]?.[column] === "number" || undefined}>
                {humanized(column)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, place) => (
            <tr key={place}>
              {columns.map((column) => (
                <td key={column} data-number={typeof row[column] === "number" || undefined}>
                  {plainly(row[column]) ?? ""}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
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
