/** Work that is done once per frame, however often it is asked for: a stream may bring thousands of events in one. */

/** A function that runs `work` soon, once for all calls until then. A hidden page has no frames: a timer does it there. */
export function oncePerFrame(work: () => void): () => void {
  let isDue = false;
  const run = () => {
    isDue = false;
    work();
  };
  return () => {
    if (!isDue) {
      isDue = true;
      if (document.visibilityState === "visible") {
        requestAnimationFrame(run);
      } else {
        setTimeout(run, 50);
      }
    }
  };
}
