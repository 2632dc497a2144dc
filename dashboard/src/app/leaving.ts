/**
 * Who wants to know of the browser's way back before the router does. Browsers call the listeners of a window in the order in which
 * they were added, so this one is added before the first page is there.
 */
let ask: ((event: PopStateEvent) => void) | null = null;

addEventListener("popstate", (event) => ask?.(event));

/** Calls this before the router goes back or forth; null calls nothing. */
export function beforeBack(next: typeof ask): void {
  ask = next;
}
