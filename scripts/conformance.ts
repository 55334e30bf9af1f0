/**
 * Runs the conformance programs of a folder and prints how many pass: `deno run --allow-read --allow-env
 * scripts/conformance.ts [--rewritten] [--engine wasm] [--level strict] [--metering exact] [FOLDER]`. With `--rewritten` they are
 * lifted and emitted first; WebAssembly is optimised unless instructions are counted exactly; the folder is `conformance` in the shared test data by default.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { join } from "node:path";
import { SHARED } from "../tests/support.ts";
import type { Metering } from "../lib/targets/wasm/unit.ts";
import { type EngineName, ENGINES } from "../lib/vm/engine.ts";
import type { MemoryLevel } from "../lib/vm/memory.ts";
import { readSuite, rewriteRaw, runSuite } from "./conformance_suite.ts";

const { values, positionals } = parseArgs({
  args: Deno.args,
  allowPositionals: true,
  options: {
    rewritten: { type: "boolean" },
    engine: { type: "string", default: ENGINES[0] },
    level: { type: "string", default: "sandbox" },
    metering: { type: "string", default: "loops" },
  },
});
const { total, failures } = runSuite(
  readSuite(positionals[0] ?? join(SHARED, "conformance")),
  values.rewritten === true ? rewriteRaw : null,
  {
    engine: values.engine as EngineName,
    level: values.level as MemoryLevel,
    metering: values.metering as Metering,
  },
);
for (const failure of failures) console.log(failure);
console.log(`${total - failures.length}/${total}`);
if (failures.length > 0) Deno.exit(1);
