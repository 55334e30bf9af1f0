/**
 * Rewrites the shared corpus and proves of each function that it still does the same; prints what is not proved.
 *
 * `deno run --allow-read --allow-env scripts/prove_corpus.ts [-O2] [FILTER...]`
 *
 * @module
 */

import { readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { compileProgram } from "../lib/compile.ts";
import { compareVersions } from "../lib/equivalence.ts";
import { EpassError } from "../lib/errors.ts";
import { loadProgram } from "../lib/object/load.ts";
import type { Program } from "../lib/object/program.ts";
import type { Level } from "../lib/passes/pipeline.ts";
import { SHARED } from "../tests/support.ts";

const corpus = join(SHARED, "corpus");
const option = Deno.args.find((arg) => arg.startsWith("-O"))?.slice(2) ?? "0";
const level: Level = option === "s" ? "s" : Number(option) as Level;
const filters = Deno.args.filter((arg) => !arg.startsWith("-"));
const files = readdirSync(corpus, { recursive: true, encoding: "utf8" })
  .filter((name) => /^(objects|dumps)\/.*\.(o|txt)$/.test(name))
  .filter((name) => filters.length === 0 || filters.some((filter) => name.includes(filter)))
  .sort();

/** The input, null if it is none. */
function readInput(name: string): Program | null {
  try {
    return loadProgram(Deno.readFileSync(join(corpus, name)));
  } catch (error) {
    if (error instanceof EpassError) return null;
    throw error;
  }
}

let proved = 0, total = 0;
const reasons = new Map<string, number>();
for (const name of files) {
  const before = readInput(name);
  if (before === null) continue;
  const { bytes } = compileProgram(before, { level });
  for (const fn of compareVersions(before, loadProgram(bytes), { runs: 0 })) {
    total++;
    if (fn.kind === "proved") {
      proved++;
      continue;
    }
    console.log(`${relative(".", name)}: ${fn.name}: ${fn.reason}`);
    const reason = fn.reason.replace(/\d+/g, "N");
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }
}
for (const [reason, count] of [...reasons].sort((a, b) => b[1] - a[1])) {
  console.log(`${String(count).padStart(4)}  ${reason}`);
}
console.log(`${proved} of ${total} functions proved at -O${option}`);
