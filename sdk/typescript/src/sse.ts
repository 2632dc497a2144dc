/** A parser of server-sent events, as the HTML standard defines them, for bytes that are cut anywhere. */

/** A message, dispatched by its empty line. Server-sent events of a browser drop those without data; a bare id is a cursor here. */
export interface SseMessage {
  /** The `id` of this very message. */
  id: string | undefined;
  /** Its `data` lines, joined. */
  data: string | undefined;
}

export class SseParser {
  // Strips a byte order mark, and keeps a character that is cut for the next bytes.
  #decoder = new TextDecoder();
  #line = "";
  #endsInReturn = false;
  #id: string | undefined;
  #data: string | undefined;

  /** The messages that these bytes complete. What never gets its empty line is never dispatched. */
  push(bytes: Uint8Array): SseMessage[] {
    const messages: SseMessage[] = [];
    const text = this.#decoder.decode(bytes, { stream: true });
    if (text === "") {
      return messages;
    }
    // The second half of a line end that was cut.
    let start = this.#endsInReturn && text.startsWith("\n") ? 1 : 0;
    this.#endsInReturn = text.endsWith("\r");
    // Only new text is searched: a long line in many pieces costs no more than in one.
    const ends = /\r\n|\r|\n/g;
    ends.lastIndex = start;
    for (let end = ends.exec(text); end; end = ends.exec(text)) {
      this.#read(this.#line + text.slice(start, end.index), messages);
      this.#line = "";
      start = ends.lastIndex;
    }
    this.#line += text.slice(start);
    return messages;
  }

  #read(line: string, messages: SseMessage[]): void {
    if (line === "") {
      if (this.#id !== undefined || this.#data !== undefined) {
        messages.push({ id: this.#id, data: this.#data });
        this.#id = this.#data = undefined;
      }
      return;
    }
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "data") {
      this.#data = this.#data === undefined ? value : `${this.#data}\n${value}`;
    } else if (field === "id" && !value.includes("\0")) {
      this.#id = value;
    }
  }
}
