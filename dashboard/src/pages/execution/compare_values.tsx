/** Two values beside each other: what differs in them first, then both whole. */
import { SimpleGrid, Text } from "@mantine/core";
import { useMemo } from "react";

import { Json } from "../../ui/json";
import classes from "./compare.module.css";
import { differences } from "./json_diff";

export interface CompareValuesProps {
  left: unknown;
  right: unknown;
  /** What they are: "output of Ship it". */
  label: string;
}

const MOST = 50;
const LONGEST = 160;

function short(value: unknown, isMissing: boolean): string {
  if (isMissing) {
    return "nothing";
  }
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > LONGEST ? `${text.slice(0, LONGEST)} …` : text;
}

export function CompareValues({ left, right, label }: CompareValuesProps) {
  const found = useMemo(() => differences(left, right, MOST + 1), [left, right]);
  // One that concerns the whole says no more than the values themselves.
  const isWhole = found.length === 1 && found[0]?.path === "";
  return (
    <div className={classes["values"]}>
      {!isWhole && found.length > 0 && (
        <table className={classes["changes"]}>
          <caption className={classes["caption"]}>What differs in the {label}</caption>
          <thead>
            <tr>
              <th scope="col">Where</th>
              <th scope="col">Left</th>
              <th scope="col">Right</th>
            </tr>
          </thead>
          <tbody>
            {found.slice(0, MOST).map((each) => (
              <tr key={each.path}>
                <th scope="row" className="mono">
                  {each.path}
                </th>
                <td className="mono" data-side="left">
                  {short(each.left, each.missing === "left")}
                </td>
                <td className="mono" data-side="right">
                  {short(each.right, each.missing === "right")}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {found.length > MOST && (
        <Text size="xs" className="dim">
          These are the first {MOST} differences.
        </Text>
      )}
      <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm">
        <Json value={left} label={`left ${label}`} />
        <Json value={right} label={`right ${label}`} />
      </SimpleGrid>
    </div>
  );
}
