/** Who did what of consequence; the newest first, all of it to take away. */
import { Button, Text, TextInput, UnstyledButton } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { Download, ScrollText, Search } from "lucide-react";
import { useState } from "react";

import { client, type Schemas } from "../../api/client";
import { usePaged } from "../../api/paged";
import { usePlace } from "../../app/place";
import { shortId } from "../../ui/copy";
import { Empty, Loading } from "../../ui/page";
import { Problem } from "../../ui/problem";
import { Section } from "../../ui/section";
import { Cell, More, Row, Table } from "../../ui/table";
import { Ago } from "../../ui/time";

const COLUMNS = [{ title: "Did", isNarrow: true }, { title: "When", isNarrow: true }, { title: "Who" }, { title: "To", isNarrow: true }, { title: "More" }];

const isId = (text: string) => /^[0-9a-f]{8}-[0-9a-f-]{27}$/.test(text);

/** What is there, on one line: "name: Linear · role: viewer". */
function detailWords(detail: Record<string, unknown>): string {
  return Object.entries(detail)
    .map(([name, value]) => `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(" · ");
}

export function Audit() {
  const place = usePlace();
  const [subject, setSubject] = useState("");
  const [wanted] = useDebouncedValue(subject.trim(), 250);
  const records = usePaged(
    ["audit", place.workspaceId, wanted],
    (query) => client.list<Schemas["AuditRecord"]>(place.workspace("audit"), { ...query, ...(wanted ? { subject: wanted } : {}) }),
    { every: 10_000 },
  );
  return (
    <Section
      title="Audit log"
      lead="Each record carries the hash of the one before: sluicegate audit verify checks an export."
      actions={
        <Button component="a" href={`/v1${place.workspace("audit", "export")}`} download="audit.ndjson" size="xs" variant="default" leftSection={<Download size={14} />}>
          Export
        </Button>
      }
    >
      <TextInput
        label="Subject"
        description="The id of what was changed: choose one below, or paste it"
        leftSection={<Search size={15} aria-hidden />}
        value={subject}
        onChange={(event) => setSubject(event.currentTarget.value)}
        maw={460}
      />
      {records.error && <Problem error={records.error} retry={records.refetch} />}
      {!records.items && !records.error && <Loading />}
      {records.items?.length === 0 && (
        <Empty icon={ScrollText} title="Nothing is recorded about this subject">
          <Button size="xs" variant="default" onClick={() => setSubject("")}>
            Show all records
          </Button>
        </Empty>
      )}
      {records.items && records.items.length > 0 && (
        <Table label="Audit log" columns={COLUMNS}>
          {records.items.map((record) => (
            <Row key={record.seq}>
              <Cell isNarrow>
                <Text component="span" size="sm" fw={600}>
                  {record.action}
                </Text>{" "}
                <span className="number dim">{record.seq}</span>
              </Cell>
              <Cell label="When" isNarrow>
                <Ago at={record.at} />
              </Cell>
              <Cell label="Who">
                <span title={record.actor} style={{ display: "inline-block", minWidth: 96 }}>{record.actor.startsWith("key:") ? `key ${shortId(record.actor)}` : record.actor}</span>
              </Cell>
              <Cell label="To" isNarrow>
                <UnstyledButton className="mono" c="var(--mantine-color-anchor)" fz={13} title={`Only records about ${record.subject}`} onClick={() => setSubject(record.subject)}>
                  {isId(record.subject) ? shortId(record.subject) : record.subject.length > 24 ? `${record.subject.slice(0, 24)}…` : record.subject}
                </UnstyledButton>
              </Cell>
              <Cell label="More">
                <Text size="sm" lineClamp={2} title={detailWords(record.detail)}>
                  {detailWords(record.detail)}
                </Text>
              </Cell>
            </Row>
          ))}
        </Table>
      )}
      <More of={records} what="records" />
    </Section>
  );
}
