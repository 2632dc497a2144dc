/** The files that workers have left. */
import { Anchor, SimpleGrid, Text } from "@mantine/core";
import type { Schemas } from "@sluicegate/sdk";
import { Download, FileText, Film, Image, Package } from "lucide-react";

import { usePlace } from "../../app/place";
import type { ExecutionLog } from "../../live/execution_log";
import { Empty } from "../../ui/page";
import { Ago } from "../../ui/time";
import classes from "./artifacts.module.css";
import type { Selection } from "./selection";

const ICONS = { output: Package, video: Film, screenshot: Image, log: FileText, file: FileText } as const;
/** What the server shows as a picture; the rest it hands out to be saved. */
const PICTURES = /^image\/(png|jpeg|gif|webp|avif|bmp)$/;

export function formatSize(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB"];
  let unit = 0;
  let size = bytes;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit++;
  }
  return `${unit === 0 ? size : size.toFixed(size < 10 ? 1 : 0)} ${units[unit]}`;
}

export function Artifacts({ log, selection }: { log: ExecutionLog; selection: Selection }) {
  if (log.artifacts.length === 0) {
    return (
      <Empty icon={Package} title="There are no files">
        A worker can send screenshots, recordings and other files with its task; they are listed here as soon as they come.
      </Empty>
    );
  }
  return (
    <SimpleGrid cols={{ base: 1, xs: 2, md: 3 }} spacing="sm">
      {log.artifacts.map(({ artifact }) => (
        <Artifact key={artifact.id} artifact={artifact} onSelect={() => selection.select(artifact.nodeId, artifact.path ?? undefined)} />
      ))}
    </SimpleGrid>
  );
}

function Artifact({ artifact, onSelect }: { artifact: Schemas["Artifact"]; onSelect: () => void }) {
  const place = usePlace();
  const Icon = ICONS[artifact.kind] ?? FileText;
  const content = `/v1${place.pod("artifacts", artifact.id, "content")}`;
  return (
    <article className={`${classes["card"]} panel`}>
      <a href={content} target="_blank" rel="noreferrer" className={classes["view"]} aria-label={`Open ${artifact.name}`}>
        {PICTURES.test(artifact.contentType) ? <img src={content} alt="" loading="lazy" /> : <Icon size={40} aria-hidden />}
      </a>
      <div className={classes["facts"]}>
        <Text size="sm" fw={600} className="truncate" title={artifact.name}>
          {artifact.name}
        </Text>
        <Text size="xs" className="dim">
          {artifact.kind}, {formatSize(artifact.size)}, <Ago at={artifact.createdAt} />
        </Text>
        <div className={classes["links"]}>
          <button type="button" className={classes["node"]} onClick={onSelect}>
            {artifact.path ?? artifact.nodeId}
          </button>
          <Anchor href={content} download={artifact.name} size="xs">
            <Download size={13} aria-hidden /> Save
          </Anchor>
        </div>
      </div>
    </article>
  );
}
