// Writes the types of the API and of the streams' messages to src/generated/schemas.ts, from openapi.yaml and
// events.schema.json. `generate(folder)` writes them elsewhere: the test that compares uses it.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import yaml from "js-yaml";
import openapiTS, { astToString } from "openapi-typescript";

const root = new URL("../../../", import.meta.url);

export async function generate(folder) {
  await mkdir(folder, { recursive: true });
  const api = yaml.load(await readFile(new URL("openapi.yaml", root), "utf8"));
  // The generator reads OpenAPI only, so what streams add to the API's schemas is put beside them. What both have is the same.
  const text = await readFile(new URL("sdk/events.schema.json", root), "utf8");
  const { $defs } = JSON.parse(text.replaceAll('"#/$defs/', '"#/components/schemas/'));
  // The schemas of other faces begin with their names; this client speaks the native one.
  const native = Object.entries(api.components.schemas).filter(([name]) => !/^(Kinetic|Kodexa)/.test(name));
  const components = { ...api.components, schemas: { ...Object.fromEntries(native), ...$defs } };
  const document = { ...api, paths: queries(api.paths), components };
  const head = "// Generated from openapi.yaml and sdk/events.schema.json by scripts/generate.js; do not edit.\n";
  const types = astToString(await openapiTS(document, { alphabetize: false, defaultNonNullable: false, emptyObjectsUnknown: true }));
  await writeFile(new URL("schemas.ts", folder), head + types);
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

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await generate(new URL("../src/generated/", import.meta.url));
}
