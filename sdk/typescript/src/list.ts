/** Lists of the API: one page when awaited, everything when iterated. */
import type { RequestOptions, Transport } from "./transport.js";

/** A page of a list, newest first. */
export interface Page<Item> {
  items: Item[];
  /** For `cursor` of the next page; undefined at the end. */
  cursor: string | undefined;
}

/**
 * A list that is asked for when it is used: `await list` gives its first page, `for await (const item of list)` goes
 * through all items of all pages, `for await (const page of list.pages())` through the pages.
 */
export class List<Item> implements PromiseLike<Page<Item>>, AsyncIterable<Item> {
  readonly #transport: Transport;
  readonly #path: string;
  readonly #options: RequestOptions;

  constructor(transport: Transport, path: string, options: RequestOptions) {
    this.#transport = transport;
    this.#path = path;
    this.#options = options;
  }

  /** Asks for the first page. */
  then<A = Page<Item>, B = never>(
    onFulfilled?: ((page: Page<Item>) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#page({}).then(onFulfilled, onRejected);
  }

  /** All pages, one after the other. */
  async *pages(): AsyncGenerator<Page<Item>, void, undefined> {
    let page = await this.#page({});
    yield page;
    while (page.cursor !== undefined) {
      page = await this.#page({ cursor: page.cursor });
      yield page;
    }
  }

  /** All items of all pages. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Item, void, undefined> {
    for await (const page of this.pages()) {
      yield* page.items;
    }
  }

  async #page(place: { cursor?: string }): Promise<Page<Item>> {
    const options = { ...this.#options, query: { ...this.#options.query, ...place } };
    const { body, headers } = await this.#transport.request<Item[]>("GET", this.#path, options);
    // Only the cursor of the link counts: a proxy may have other addresses than the server behind it.
    const next = /<[^>]*[?&]cursor=([^&>]*)[^>]*>\s*;\s*rel="?next/.exec(headers.get("link") ?? "")?.[1];
    return { items: body, cursor: next === undefined ? undefined : decodeURIComponent(next.replaceAll("+", " ")) };
  }
}
