/** JSON as text: read, and where it is wrong told by line. Browsers tell that in ways of their own, and some not at all. */

export type Parsed = { value: unknown; problem?: undefined } | { problem: JsonProblem };

export interface JsonProblem {
  message: string;
  /** From 1. */
  line: number;
  column: number;
  /** The place in the text, from 0. */
  offset: number;
}

/** Reads JSON. A text without anything in it is no value: `undefined`. */
export function parseJson(text: string): Parsed {
  if (text.trim() === "") {
    return { value: undefined };
  }
  try {
    return { value: JSON.parse(text) };
  } catch {
    const { offset, message } = firstProblem(text);
    const before = text.slice(0, offset).split("\n");
    return { problem: { message, offset, line: before.length, column: (before[before.length - 1]?.length ?? 0) + 1 } };
  }
}

/** "Line 3: a comma is missing". */
export function sayProblem({ line, message }: JsonProblem): string {
  return `Line ${line}: ${message}`;
}

/** A value as the text of an editor. */
export function writeJson(value: unknown): string {
  return value === undefined ? "" : JSON.stringify(value, null, 2);
}

const SPACE = /[ \t\n\r]*/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])|(?:true|false|null)(?!\w)/y;

class Wrong extends Error {
  constructor(
    readonly offset: number,
    message: string,
  ) {
    super(message);
  }
}

/** Where a text that is no JSON stops to be it. */
function firstProblem(text: string): { offset: number; message: string } {
  let place = 0;
  const take = (pattern: RegExp): boolean => {
    pattern.lastIndex = place;
    const found = pattern.exec(text);
    place += found?.[0].length ?? 0;
    return found !== null;
  };
  const next = () => {
    take(SPACE);
    return text[place];
  };
  const fail = (message: string): never => {
    throw new Wrong(place, place >= text.length ? "the text ends too early" : message);
  };
  const string = (what: string) => {
    if (text[place] === "'") {
      fail("texts are written in double quotes");
    }
    if (text[place] !== '"') {
      fail(`${what} is missing`);
    }
    if (!take(STRING)) {
      throw new Wrong(place, "this text has no end, or something in it must be escaped");
    }
  };
  const members = (end: string, member: () => void) => {
    place += 1;
    if (next() === end) {
      place += 1;
      return;
    }
    for (;;) {
      next();
      member();
      const sign = next();
      if (sign === end) {
        place += 1;
        return;
      }
      if (sign !== ",") {
        fail(`a comma or "${end}" is missing`);
      }
      place += 1;
      if (next() === end) {
        fail("one comma too many");
      }
    }
  };
  const value = (): void => {
    switch (next()) {
      case "{":
        return members("}", () => {
          string("a name in double quotes");
          if (next() !== ":") {
            fail("a colon is missing after the name");
          }
          place += 1;
          value();
        });
      case "[":
        return members("]", value);
      case '"':
      case "'":
        return string("a value");
      default:
        if (!take(SCALAR)) {
          fail("this is no JSON value");
        }
    }
  };
  try {
    value();
    if (next() !== undefined) {
      fail("there is more after the end of the value");
    }
  } catch (error) {
    if (error instanceof Wrong) {
      return { offset: Math.min(error.offset, text.length), message: error.message };
    }
    // Nested more deeply than this can follow.
  }
  return { offset: 0, message: "this is no JSON" };
}
