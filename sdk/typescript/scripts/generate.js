// Writes the types of the API and of the streams' messages to src/generated/, from openapi.yaml and events.schema.json.
// `generate(folder)` writes them elsewhere: the test that compares uses it.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import yaml from "js-yaml";
import openapiTS, { astToString } from "openapi-typescript";

const root = new URL("../../../", import.meta.url);

export async function generate(folder) {
  await mkdir(folder, { recursive: true });
  const api = yaml.load(await readFile(new URL("openapi.yaml", root), "utf8"));
  await write(folder, "openapi.ts", "openapi.yaml", { ...api, paths: queries(api.paths) });

  // The generator reads OpenAPI only, so the schemas are put where a document has them.
  const text = await readFile(new URL("sdk/events.schema.json", root), "utf8");
  const { $defs } = JSON.parse(text.replaceAll('"#/$defs/', '"#/components/schemas/'));
  const info = { title: "events", version: "1" };
  const events = { openapi: "3.1.0", info, paths: {}, components: { schemas: $defs } };
  await write(folder, "events.ts", "sdk/events.schema.json", events);
}

/** Of each call what no schema says: the parameters of its query. */
function queries(paths) {
  const kept = {};
  for (const [path, { get }] of Object.entries(paths)) {
    const parameters = (get?.parameters ?? []).filter((parameter) => parameter.in === "query");
    if (path.startsWith("/v1/") && parameters.length > 0) {
      kept[path] = { get: { operationId: get.operationId, parameters, responses: {} } };
    }
  }
  return kept;
}

async function write(folder, name, source, document) {
  const head = `// Generated from ${source} by scripts/generate.js; do not edit.\n`;
  const types = astToString(await openapiTS(document, { alphabetize: false, defaultNonNullable: false }));
  await writeFile(new URL(name, folder), head + types);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await generate(new URL("../src/generated/", import.meta.url));
}
