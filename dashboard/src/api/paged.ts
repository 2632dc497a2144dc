/** Lists that are shown page by page: the newest first, older ones when they are asked for. */
import { useInfiniteQuery } from "@tanstack/react-query";

export interface PageOf<Item> {
  items: Item[];
  cursor: string | undefined;
}

export interface PagedOptions {
  /** How often it is read again while somebody looks, in milliseconds. */
  every?: number;
  /** How many items make a page. */
  size?: number;
  enabled?: boolean;
}

/** More pages than this are read again less often: each is a request. */
const FEW_PAGES = 3;

export interface Paged<Item> {
  /** Undefined until the first page is there. */
  items: Item[] | undefined;
  error: Error | null;
  refetch: () => void;
  hasMore: boolean;
  isLoadingMore: boolean;
  loadMore: () => void;
}

/** A list of the API. All pages that are shown are read again together, so nothing is shown twice or left out. */
export function usePaged<Item>(
  queryKey: readonly unknown[],
  list: (query: { limit: number; cursor?: string }) => PromiseLike<PageOf<Item>>,
  { every, size = 50, enabled = true }: PagedOptions = {},
): Paged<Item> {
  const query = useInfiniteQuery({
    queryKey: [...queryKey, "pages"],
    enabled,
    initialPageParam: undefined as string | undefined,
    queryFn: async ({ pageParam }) => await list({ limit: size, ...(pageParam === undefined ? {} : { cursor: pageParam }) }),
    getNextPageParam: (last) => last.cursor,
    refetchInterval: ({ state }) => every !== undefined && ((state.data?.pages.length ?? 1) <= FEW_PAGES ? every : 10 * every),
  });
  return {
    items: query.data?.pages.flatMap(({ items }) => items),
    error: query.data ? null : query.error,
    refetch: () => void query.refetch(),
    hasMore: query.hasNextPage,
    isLoadingMore: query.isFetchingNextPage,
    loadMore: () => void query.fetchNextPage(),
  };
}
