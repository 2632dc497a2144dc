/** What an artifact is made of, as the body of a request. */

/** Text, bytes, a stream of bytes, or the path of a file (in Node and its like). */
export type Content =
  | string
  | ArrayBuffer
  | ArrayBufferView
  | Blob
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array>
  | { path: string };

const TYPES: Record<string, string> = {
  csv: "text/csv",
  gif: "image/gif",
  html: "text/html",
  jpeg: "image/jpeg",
  jpg: "image/jpeg",
  json: "application/json",
  log: "text/plain; charset=utf-8",
  md: "text/markdown",
  mp4: "video/mp4",
  pdf: "application/pdf",
  png: "image/png",
  svg: "image/svg+xml",
  txt: "text/plain; charset=utf-8",
  webm: "video/webm",
  webp: "image/webp",
  xml: "application/xml",
  zip: "application/zip",
};

/** How to read it, what it probably is, and whether it can be read a second time. */
export function open(
  name: string,
  content: Content,
): { body: () => BodyInit | Promise<BodyInit>; contentType: string; isRepeatable: boolean } {
  const byName = TYPES[/\.(\w+)$/.exec(name)?.[1]?.toLowerCase() ?? ""] ?? "application/octet-stream";
  if (typeof content === "string" || content instanceof ArrayBuffer || ArrayBuffer.isView(content)) {
    return { body: () => content as BodyInit, contentType: byName, isRepeatable: true };
  }
  if (content instanceof Blob) {
    return { body: () => content, contentType: content.type || byName, isRepeatable: true };
  }
  if (content instanceof ReadableStream) {
    return { body: () => content, contentType: byName, isRepeatable: false };
  }
  if (Symbol.asyncIterator in content) {
    return { body: () => streamOf(content), contentType: byName, isRepeatable: false };
  }
  return { body: () => file(content.path), contentType: byName, isRepeatable: true };
}

/** The type of an image by its first bytes; PNG if they can't be seen. */
export function imageType(image: Content): "png" | "jpeg" | "webp" {
  if (image instanceof ArrayBuffer || ArrayBuffer.isView(image)) {
    const bytes = ArrayBuffer.isView(image) ? new Uint8Array(image.buffer, image.byteOffset, image.byteLength) : new Uint8Array(image);
    if (bytes[0] === 0xff && bytes[1] === 0xd8) {
      return "jpeg";
    }
    return bytes[0] === 0x52 && bytes[8] === 0x57 ? "webp" : "png";
  }
  return "png";
}

async function file(path: string): Promise<ReadableStream<Uint8Array>> {
  // By a name that bundlers for browsers don't follow.
  const module = "node:fs/promises";
  const { open } = (await import(module)) as { open: (path: string) => Promise<{ createReadStream(): AsyncIterable<Uint8Array> }> };
  // Opened first, so that a file that is missing is an error of its own. The stream closes it.
  return streamOf((await open(path)).createReadStream());
}

function streamOf(source: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await iterator.next();
      if (done) {
        controller.close();
      } else {
        controller.enqueue(value);
      }
    },
    async cancel() {
      await iterator.return?.();
    },
  });
}
