/** The editor around its canvas: palette, tools, panels, and what holds them together. */
import { Box, Button, Drawer, Group, Modal } from "@mantine/core";
import { useDisclosure, useMediaQuery } from "@mantine/hooks";
import type { Workflow } from "@sluicegate/sdk";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";

import { usePlace } from "../../app/place";
import { RunDialog } from "../../run/run_dialog";
import { Page } from "../../ui/page";
import { Canvas, type CanvasHandle } from "./canvas";
import { useCommands } from "./commands";
import classes from "./editor.module.css";
import { useGuard } from "./guard";
import { HeaderActions, HeaderMark } from "./header";
import { useHistory } from "./history";
import { useKeys } from "./keys";
import { RunBar, useLiveRun } from "./live_run";
import { type Draft, mayConnect, NOTHING, type Selection } from "./model";
import { Palette } from "./palette";
import { Panel, type PanelName, SidePanel } from "./panel";
import { type NodeType, typeOf } from "./ports";
import { type PlacedProblem, useProblems } from "./problems";
import { RawJson } from "./raw_json";
import { ConflictDialog, draftOf, isSameDraft, useSaving } from "./saving";
import { useScene } from "./scene";
import { Help } from "./settings_panel";
import { Newer, Tools } from "./tools";
import type { Trials } from "./trial";

export function Workbench({ latest, types: list }: { latest: Workflow; types: readonly NodeType[] }) {
  const place = usePlace();
  const saving = useSaving(latest);
  const { workflow } = saving.base;
  const history = useHistory<Draft>(saving.base.draft);
  const draft = history.value;
  const isEditable = place.can("editor") && latest.state !== "trashed";
  const isDirty = useMemo(() => !isSameDraft(draft, saving.base.draft), [draft, saving.base.draft]);
  const guard = useGuard(isDirty);

  const types = useMemo(() => new Map(list.map((type) => [type.type, type])), [list]);
  const [selection, setSelection] = useState<Selection>(NOTHING);
  const [panel, setPanel] = useState<PanelName | null>(null);
  const problems = useProblems(draft.definition, isEditable);
  const trials = useMemo((): Trials => ({ workflowId: workflow.id, byNode: new Map() }), [workflow.id]);
  const [runId, setRunId] = useState<string | null>(null);
  const run = useLiveRun(runId);
  const scene = useScene({ definition: draft.definition, types, selection, nodeProblems: problems.byNode, edgeProblems: problems.byEdge, standings: run.standings });

  const canvas = useRef<CanvasHandle>(null);
  const frame = useRef<HTMLDivElement>(null);
  const isNarrow = useMediaQuery("(max-width: 62em)") ?? false;
  const [isPaletteOpen, paletteDrawer] = useDisclosure(false);
  const [isRunOpen, runDialog] = useDisclosure(false);
  const [isJsonOpen, jsonDialog] = useDisclosure(false);
  const [isHelpOpen, helpDialog] = useDisclosure(false);

  const select = useCallback((next: Selection) => {
    setSelection(next);
    setPanel(next.nodes.size === 1 ? "node" : (old) => (old === "node" ? null : old));
  }, []);
  // On the canvas it comes in pieces, one per node.
  const onSelection = useCallback((to: (selection: Selection) => Selection) => setSelection(to), []);
  const selectedId = selection.nodes.size === 1 && selection.edges.size === 0 ? [...selection.nodes][0] : undefined;
  useEffect(() => {
    setPanel((old) => (selectedId !== undefined ? "node" : old === "node" ? null : old));
  }, [selectedId]);
  const commands = useCommands({ history, selection, select, scene, types, canvas });

  const goTo = (problem: PlacedProblem) => {
    if (problem.nodeId) {
      select({ nodes: new Set([problem.nodeId]), edges: new Set() });
      canvas.current?.show([problem.nodeId]);
    } else if (problem.edgeKey) {
      const edge = scene.edges.find(({ id }) => id === problem.edgeKey);
      setSelection({ nodes: new Set(), edges: new Set([problem.edgeKey]) });
      if (edge) {
        canvas.current?.show([edge.source, edge.target]);
      }
    }
  };
  const save = async () => (isDirty && isEditable ? await saving.save(draft) : workflow);
  const take = (workflow: Workflow) => {
    saving.take(workflow);
    history.reset(draftOf(workflow));
    setSelection(NOTHING);
  };
  const startRun = async () => {
    if (await save()) {
      runDialog.open();
    }
  };
  const focus = (selector: string) => requestAnimationFrame(() => requestAnimationFrame(() => document.querySelector<HTMLElement>(selector)?.focus()));
  const toPalette = () => {
    if (isNarrow) {
      paletteDrawer.open();
    }
    focus("[data-palette-search]");
  };
  const { onKeyDown } = useKeys({
    commands,
    canvas,
    frame,
    isEditable,
    undo: history.undo,
    redo: history.redo,
    save: () => void save(),
    help: helpDialog.open,
    escape: () => {
      setSelection(NOTHING);
      setPanel(null);
    },
    toPalette,
    toFields: () => focus("[data-node-name]"),
  });

  const closePanel = () => {
    setPanel(null);
    // So that the same node can be chosen again.
    if (panel === "node") {
      setSelection(NOTHING);
    }
  };
  const add = (type: string) => {
    paletteDrawer.close();
    commands.add(type);
    focus("[data-node-name]");
  };
  const node = selectedId === undefined ? undefined : draft.definition.nodes.find(({ id }) => id === selectedId);
  const palette = <Palette types={list} onAdd={add} hasStart={draft.definition.nodes.some((node) => typeOf(node) === "start")} />;
  const side = panel && (panel !== "node" || node) && (
    <Panel
      name={panel}
      node={node}
      draft={draft}
      types={types}
      problems={problems}
      isEditable={isEditable}
      trials={trials}
      change={history.change}
      onGo={goTo}
      onSelect={(id) => select({ nodes: new Set([id]), edges: new Set() })}
      onAddInside={(loopId, type) => commands.addInside(loopId, type)}
      onClose={closePanel}
      commands={commands}
    />
  );

  return (
    <Page
      title={draft.name || "Unnamed"}
      above={[{ title: "Workflows", to: place.to("workflows") }]}
      mark={<HeaderMark latest={latest} version={workflow.version} isDirty={isDirty} />}
      actions={<HeaderActions latest={latest} base={workflow} isDirty={isDirty} isEditable={isEditable} isSaving={saving.isSaving} onSave={() => void save()} onRun={() => void startRun()} />}
    >
      {latest.version > workflow.version && !saving.conflict && !saving.isSaving && <Newer latest={latest} isDirty={isDirty} onTake={() => take(latest)} />}
      {/* biome-ignore lint: the keys of what is in it */}
      <Box ref={frame} className={`panel ${classes["frame"]}`} onKeyDown={onKeyDown}>
        {isEditable && !isNarrow && palette}
        <div className={classes["middle"]}>
          <Tools
            history={history}
            commands={commands}
            problems={problems}
            panel={panel}
            onPanel={(name) => setPanel(panel === name ? null : name)}
            onJson={jsonDialog.open}
            onHelp={helpDialog.open}
            isEditable={isEditable}
            selection={selection}
            definition={draft.definition}
            types={types}
            onFind={(id) => {
              select({ nodes: new Set([id]), edges: new Set() });
              canvas.current?.show([id]);
            }}
            {...(isNarrow && isEditable ? { onAdd: paletteDrawer.open } : {})}
          />
          {runId && <RunBar executionId={runId} run={run} onClose={() => setRunId(null)} />}
          <Canvas
            ref={canvas}
            scene={scene}
            label="Canvas"
            onSelection={onSelection}
            {...(isEditable
              ? {
                  onMove: commands.move,
                  onConnect: commands.connect,
                  onDropType: commands.addAt,
                  mayConnect: (source: string, target: string) => mayConnect(draft.definition, source, target),
                }
              : {})}
          />
        </div>
        {side && (isNarrow ? <SidePanel onClose={closePanel}>{side}</SidePanel> : <aside className={classes["side"]} aria-label="Details">{side}</aside>)}
      </Box>
      <Drawer opened={isPaletteOpen} onClose={paletteDrawer.close} position="bottom" size="75%" title="Add a node" closeButtonProps={{ "aria-label": "Close" }} classNames={{ body: classes["drawer"] ?? "" }}>
        {palette}
      </Drawer>
      <Modal opened={isHelpOpen} onClose={helpDialog.close} title="Keys of the editor" centered>
        <Help />
      </Modal>
      <RawJson
        definition={draft.definition}
        opened={isJsonOpen}
        onClose={jsonDialog.close}
        onApply={isEditable ? (definition) => history.change((draft) => ({ ...draft, definition })) : undefined}
      />
      <RunDialog workflow={workflow} opened={isRunOpen} onClose={runDialog.close} onStarted={(id) => { runDialog.close(); setRunId(id); }} />
      <ConflictDialog saving={saving} draft={draft} onTake={take} />
      <Modal opened={guard.wanted !== null} onClose={guard.stay} title="Leave without saving?" centered>
        Your changes since version {workflow.version} would be lost.
        <Group justify="flex-end" mt="lg" gap="xs">
          <Button variant="default" onClick={guard.stay} data-autofocus>
            Stay
          </Button>
          <Button color="red" onClick={guard.leave}>
            Leave
          </Button>
        </Group>
      </Modal>
    </Page>
  );
}
