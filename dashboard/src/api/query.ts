/** What the pages have read: kept for a moment, read again when the tab is looked at or the network is back. */
import { MutationCache, QueryCache, QueryClient } from "@tanstack/react-query";

import { isRefusal } from "./client";

/** The session has ended: everything that was read is somebody's own, and the page asks to sign in again. */
function onError(error: unknown): void {
  if (isRefusal(error) && error.statusCode === 401) {
    queryClient.setQueryData(["session"], null);
  }
}

export const queryClient: QueryClient = new QueryClient({
  queryCache: new QueryCache({ onError }),
  mutationCache: new MutationCache({ onError }),
  defaultOptions: {
    queries: {
      staleTime: 2_000,
      retry: (failures, error) => !isRefusal(error) && failures < 5,
      retryDelay: (failures) => Math.min(500 * 2 ** failures, 10_000) * (0.5 + Math.random() / 2),
    },
    mutations: { retry: false },
  },
});
