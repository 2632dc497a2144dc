/** The one client of the API. The browser's session speaks for the person: no script ever holds a credential. */
import { SluicegateApiError, SluicegateClient, type Schemas } from "@sluicegate/sdk";

export const client = new SluicegateClient({ baseUrl: location.origin, session: true, retries: 1 });

/** For what a node does while somebody looks on: up to 30 seconds, and never twice. */
export const patient = new SluicegateClient({ baseUrl: location.origin, session: true, retries: 0, requestTimeout: 45_000 });

/** Any call of the API: `call<Schemas["Member"][]>("GET", "/workspaces/.../members")`. */
export const call = client.request.bind(client);

export type { Schemas };

/** All items of a list, or the newest `most`. */
export async function listAll<Item>(path: string, query: object = {}, most = 1_000): Promise<Item[]> {
  const items: Item[] = [];
  for await (const item of client.list<Item>(path, { limit: 200, ...query })) {
    items.push(item);
    if (items.length >= most) {
      break;
    }
  }
  return items;
}

/** Whether asking again can't help. */
export function isRefusal(error: unknown): error is SluicegateApiError {
  return error instanceof SluicegateApiError && error.statusCode < 500 && error.statusCode !== 429;
}

export { SluicegateApiError };
