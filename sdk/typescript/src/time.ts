/** Waiting that leaves nothing behind: every timer and listener is taken back, however the waiting ends. */

/** Resolves after `ms`, or as soon as `signal` aborts or `wake` is called by what `listen` sets up. Never rejects. */
export async function pause(ms: number, signal?: AbortSignal, listen?: (wake: () => void) => () => void): Promise<void> {
  if (signal?.aborted) {
    return;
  }
  let done = () => {};
  const over = new Promise<void>((resolve) => {
    done = resolve;
  });
  const timer = setTimeout(done, ms);
  signal?.addEventListener("abort", done);
  const unlisten = listen?.(done);
  try {
    await over;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", done);
    unlisten?.();
  }
}

/** Runs `work` with a signal that aborts with `outer`, or after `ms`; `isOver` says whether it was the time. */
export async function withLimit<T>(
  ms: number,
  outer: AbortSignal | undefined,
  work: (signal: AbortSignal, isOver: () => boolean) => Promise<T>,
): Promise<T> {
  outer?.throwIfAborted();
  const controller = new AbortController();
  let over = false;
  const abort = () => controller.abort(outer?.reason);
  outer?.addEventListener("abort", abort);
  const expire = () => {
    over = true;
    controller.abort();
  };
  // A timer takes no more than 31 bits; what is longer than that is for ever.
  const timer = ms < 2 ** 31 ? setTimeout(expire, ms) : undefined;
  try {
    return await work(controller.signal, () => over);
  } finally {
    clearTimeout(timer);
    outer?.removeEventListener("abort", abort);
  }
}
