/** Workflows that tests run, and what the list of executions shows of them. */
import { expect, type Page } from "@playwright/test";

import type { Server } from "./server.ts";

const LINE = [{ source: "begin", target: "finish" }];
export const TINY = { nodes: [{ id: "begin", type: "start" }, { id: "finish", type: "end" }], edges: LINE };
export const FAILING = {
  nodes: [{ id: "begin", type: "start" }, { id: "sum", type: "transform", data: { transformScript: "1 / (input.by - input.by)" } }, { id: "finish", type: "end" }],
  edges: [{ source: "begin", target: "sum" }, { source: "sum", target: "finish" }],
};
export const ASKING = {
  nodes: [{ id: "begin", type: "start" }, { id: "gate", type: "approval-gate", data: { title: "May it?", message: "It may." } }, { id: "finish", type: "end" }],
  edges: [
    { source: "begin", target: "gate" },
    { source: "gate", sourceHandle: "approved", target: "finish" },
    { source: "gate", sourceHandle: "rejected", target: "finish" },
  ],
};
export interface Listed {
  id: string;
  status: string;
}

export const grid = (page: Page) => page.getByRole("grid", { name: "Executions" });
export const rowOf = (page: Page, id: string) => grid(page).locator(`[data-id="${id}"]`);
const LABELS: Record<string, string> = { suspended: "Waiting" };

/** The rows in sight, as the API should have them. */
export async function shown(page: Page): Promise<Listed[]> {
  return await grid(page)
    .locator("[data-id]")
    .evaluateAll((rows) =>
      rows
        .map((row) => ({ id: (row as HTMLElement).dataset["id"]!, index: Number((row as HTMLElement).dataset["row"]), status: row.querySelector("[data-status]")?.textContent ?? "" }))
        .sort((a, b) => a.index - b.index)
        .map(({ id, status }) => ({ id, status })),
    );
}

/** Waits until the rows in sight are the first ones that the API has. */
export async function expectEqual(page: Page, server: Server, query = ""): Promise<void> {
  await expect(async () => {
    const listed = await server.call<Listed[]>("GET", server.pod(`/executions?limit=100${query}`));
    const wanted = listed.map(({ id, status }) => ({ id, status: LABELS[status] ?? status[0]!.toUpperCase() + status.slice(1) }));
    const rows = await shown(page);
    expect(rows.length).toBeGreaterThan(0);
    expect(rows).toEqual(wanted.slice(0, rows.length));
  }).toPass({ timeout: 20_000 });
}

/** Waits until the page has its stream. */
export const isLive = (page: Page) => expect(page.locator('[data-live="open"]')).toBeVisible();
