/**
 * Runs the conformance programs of a folder and prints how many pass: `deno run --allow-read --allow-env
 * scripts/conformance.ts [--rewritten] [FOLDER]`. With `--rewritten` they are lifted and emitted first; the folder is
 * `conformance` in the shared test data by default.
 *
 * @module
 */

import { join } from "node:path";
import { SHARED } from "../tests/support.ts";
import { readSuite, rewriteRaw, runSuite } from "./conformance_suite.ts";

const folder = Deno.args.find((arg) => !arg.startsWith("-")) ?? join(SHARED, "conformance");
const { total, failures } = runSuite(
  readSuite(folder),
  Deno.args.includes("--rewritten") ? rewriteRaw : null,
);
for (const failure of failures) console.log(failure);
console.log(`${total - failures.length}/${total}`);
if (failures.length > 0) Deno.exit(1);
