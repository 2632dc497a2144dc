// Compiles src/ to dist/ with the compiler alone, and puts the licence where the package has it.
import { execFileSync } from "node:child_process";
import { copyFileSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../", import.meta.url));
rmSync(`${folder}dist`, { recursive: true, force: true });
execFileSync(process.execPath, [`${folder}node_modules/typescript/bin/tsc`, "-p", folder], { stdio: "inherit" });
copyFileSync(`${folder}../../LICENSE`, `${folder}LICENSE`);
