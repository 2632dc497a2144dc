/** The last input of each workflow, for as long as the tab is there: who tries something runs it more than once. */

const LONGEST = 100_000;
const keyOf = (principalId: string, workflowId: string) => `sluicegate.input.${principalId}.${workflowId}`;

/** The last input; undefined if there is none. */
export function recallInput(principalId: string, workflowId: string): unknown {
  try {
    const text = sessionStorage.getItem(keyOf(principalId, workflowId));
    return text === null ? undefined : (JSON.parse(text) as unknown);
  } catch {
    return undefined;
  }
}

export function rememberInput(principalId: string, workflowId: string, input: unknown): void {
  try {
    const text = JSON.stringify(input ?? null);
    if (text.length <= LONGEST) {
      sessionStorage.setItem(keyOf(principalId, workflowId), text);
    }
  } catch {
    // A browser that keeps nothing asks anew.
  }
}
