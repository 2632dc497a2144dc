// What is published: fresh types, a small bundle, a package that every resolver understands, and a README that is true.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import test from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { generate } from "../scripts/generate.js";
import { binary } from "./support/server.js";

const here = fileURLToPath(new URL("../", import.meta.url));
const bin = (name) => join(here, "node_modules/.bin", name);

async function run(command, args, options = {}) {
  return await promisify(execFile)(command, args, { cwd: here, ...options }).catch((error) => {
    throw new Error(`${command} ${args.join(" ")} failed:\n${error.stdout}\n${error.stderr}`);
  });
}

async function folder(t) {
  const path = await mkdtemp(join(tmpdir(), "sluicegate-sdk-"));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

test("the generated types are fresh", async (t) => {
  const path = await folder(t);
  await generate(pathToFileURL(`${path}/`));
  const name = "schemas.ts";
  const [kept, fresh] = [await readFile(join(here, "src/generated", name), "utf8"), await readFile(join(path, name), "utf8")];
  assert.ok(kept === fresh, `src/generated/${name} is out of date: run \`npm run generate\``);
});

test("the bundle is smaller than 12 KiB, with workers, too", async (t) => {
  const sizes = [];
  for (const names of [["sdk"], ["sdk", "sdk/worker"]]) {
    const contents = names.map((name) => `export * from "@sluicegate/${name}";`).join("");
    const options = { stdin: { contents, resolveDir: here }, bundle: true, minify: true };
    const { outputFiles } = await build({ ...options, format: "esm", platform: "browser", target: "es2022", write: false });
    const size = gzipSync(outputFiles[0].contents).length;
    t.diagnostic(`${names.join(" and ")}: ${outputFiles[0].contents.length} bytes, ${size} gzipped`);
    assert.ok(size < 12 * 1024, `${size} bytes`);
    sizes.push(size);
  }
  assert.ok(sizes[0] < sizes[1] - 1024, "who makes no worker has none of it");
});

test("the lockfile names no registry", async () => {
  assert.doesNotMatch(await readFile(join(here, "package-lock.json"), "utf8"), /"resolved"|https?:\/\/[^"]*\/-\//);
});

test("the package, packed and installed elsewhere", async (t) => {
  const path = await folder(t);
  const { stdout } = await run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", path]);
  const [{ filename, files }] = JSON.parse(stdout);
  const names = files.map((file) => file.path);
  assert.deepEqual(names.filter((name) => !name.startsWith("dist/")).sort(), ["LICENSE", "README.md", "package.json"]);
  const tarball = join(path, filename);

  const project = join(path, "project");
  await mkdir(project);
  await writeFile(join(project, "package.json"), '{"private": true, "type": "module"}');
  await run("npm", ["install", "--offline", "--no-audit", "--no-fund", tarball], { cwd: project });
  const installed = await readFile(join(project, "package-lock.json"), "utf8");
  assert.deepEqual(Object.keys(JSON.parse(installed).packages), ["", "node_modules/@sluicegate/sdk"], "no dependency");

  const blocks = [...(await readFile(join(here, "README.md"), "utf8")).matchAll(/^```js\n(.*?)^```/gms)].map(([, code]) => code);
  assert.ok(blocks.length >= 5);
  await writeFile(join(project, "readme.js"), blocks.join("\n"));
  // The same text, as strict TypeScript.
  await writeFile(join(project, "readme.ts"), `declare const process: { env: Record<string, string> };\n${blocks.join("\n")}`);

  const tests = [
    t.test("publint", () => run(bin("publint"), ["run", tarball, "--strict"])),
    t.test("are the types wrong?", () => run(bin("attw"), [tarball, "--profile", "esm-only", "--no-color"])),
    ...[["nodenext", "nodenext"], ["esnext", "bundler"]].map(([module, moduleResolution]) =>
      t.test(`tsc --strict, ${moduleResolution}`, async () => {
        const options = { module, moduleResolution, target: "es2022", lib: ["es2022", "dom"], types: [], noEmit: true };
        const compilerOptions = { ...options, strict: true, exactOptionalPropertyTypes: true };
        await writeFile(join(project, `${module}.json`), JSON.stringify({ compilerOptions, files: ["readme.ts"] }));
        await run(bin("tsc"), ["-p", `${module}.json`], { cwd: project });
      }),
    ),
    t.test("the README's examples", async (t) => {
      const server = spawn(binary, ["dev", "--listen", "127.0.0.1:0", "--data", join(path, "data"), "--json"], {
        stdio: ["ignore", "pipe", "ignore"],
      });
      t.after(async () => {
        server.kill("SIGKILL");
        await once(server, "exit");
      });
      const [line] = await once(createInterface({ input: server.stdout }), "line");
      const { url, apiKey, workspaceId, podId, workflows } = JSON.parse(line);
      const variables = {
        SLUICEGATE_URL: url,
        SLUICEGATE_API_KEY: apiKey,
        SLUICEGATE_WORKSPACE: workspaceId,
        SLUICEGATE_POD: podId,
        WORKFLOW: workflows.approval,
      };
      const { stdout, stderr } = await run(process.execPath, ["readme.js"], { cwd: project, env: { ...process.env, ...variables } });
      assert.equal(stderr, "");
      const lines = stdout.trim().split("\n");
      const end = lines.indexOf("execution_complete");
      assert.ok(lines.slice(0, end).includes("Release 250 EUR for order A-1?"), stdout);
      assert.deepEqual(lines.slice(end + 1).sort(), [
        "1 undefined", "404 not_found", "SluicegateTimeoutError", "callback execution_complete", "closed", "connecting", "open",
        "total { total: 3 }",
      ]);
    }),
  ];
  await Promise.all(tests);
});
