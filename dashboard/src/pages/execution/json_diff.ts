/** Where two JSON values differ. */

export interface Difference {
  /** Such as `lines[2].price`; empty for the whole. */
  path: string;
  left: unknown;
  right: unknown;
  /** Which side has nothing there. */
  missing?: "left" | "right";
}

/** The differences, the first `most` of them. What is a list or an object on both sides is looked into. */
export function differences(left: unknown, right: unknown, most = 50): Difference[] {
  const found: Difference[] = [];
  const walk = (a: unknown, b: unknown, path: string): void => {
    if (found.length >= most || a === b) {
      return;
    }
    if (isContainer(a) && isContainer(b) && Array.isArray(a) === Array.isArray(b)) {
      const names = new Set([...Object.keys(a), ...Object.keys(b)]);
      for (const name of names) {
        const inner = Array.isArray(a) ? `${path}[${name}]` : path ? `${path}.${name}` : name;
        const isLeft = Object.hasOwn(a, name);
        const isRight = Object.hasOwn(b, name);
        if (isLeft && isRight) {
          walk((a as Record<string, unknown>)[name], (b as Record<string, unknown>)[name], inner);
        } else if (found.length < most) {
          const value = ((isLeft ? a : b) as Record<string, unknown>)[name];
          found.push({ path: inner, left: isLeft ? value : undefined, right: isLeft ? undefined : value, missing: isLeft ? "right" : "left" });
        }
      }
      return;
    }
    found.push({ path, left: a, right: b });
  };
  walk(left, right, "");
  return found;
}

function isContainer(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
