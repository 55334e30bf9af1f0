/**
 * Lifts and emits the whole corpus: what was lifted, how code grew, the same bytes twice.
 *
 * `deno run --allow-read --allow-env scripts/corpus.ts [--check] [DIR]`
 */

import { type CompileOptions, compileProgram } from "../lib/compile.ts";
import { equalBytes } from "../lib/bytes.ts";
import { loadProgram } from "../lib/object/load.ts";

/** Files below a directory, sorted. */
export function* filesBelow(dir: string): Generator<string> {
  const entries = [...Deno.readDirSync(dir)].sort((a, b) => a.name < b.name ? -1 : 1);
  for (const entry of entries) {
    const path = `${dir}/${entry.name}`;
    if (entry.isDirectory) yield* filesBelow(path);
    else if (/\.(o|txt)$/.test(entry.name)) yield path;
  }
}

if (import.meta.main) {
  const check = Deno.args.includes("--check");
  const named = Deno.args.filter((arg) => !arg.startsWith("--"));
  const root = named[0] ?? `${Deno.env.get("EPASS_SHARED") ?? "../shared"}/corpus`;
  const options: CompileOptions = { check };
  let functions = 0, lifted = 0, before = 0, after = 0, files = 0, unstable = 0, verbatim = 0;
  const crashes: string[] = [];
  for (const path of filesBelow(root)) {
    const bytes = Deno.readFileSync(path);
    files++;
    try {
      const compiled = compileProgram(loadProgram(bytes), options);
      const again = compileProgram(loadProgram(bytes), options);
      if (!equalBytes(compiled.bytes, again.bytes)) unstable++;
      let grown = 0;
      for (const fn of compiled.functions) {
        functions++;
        before += fn.insnsBefore;
        after += fn.insnsAfter;
        grown += fn.insnsAfter - fn.insnsBefore;
        if (fn.lifted) lifted++;
        else {
          verbatim++;
          console.log(`verbatim: ${path}: ${fn.section} ${fn.name}: ${fn.reason}`);
        }
      }
      if (grown > 0) console.log(`grows by ${grown}: ${path}`);
    } catch (error) {
      crashes.push(`${path}: ${error instanceof Error ? error.stack : error}`);
    }
  }
  for (const crash of crashes.slice(0, 20)) console.log(`crash: ${crash}`);
  console.log(
    `${files} files, ${functions} functions, ${lifted} lifted (${
      (100 * lifted / functions).toFixed(2)
    }%), ${verbatim} verbatim`,
  );
  console.log(
    `${before} slots before, ${after} after (${(100 * (after - before) / before).toFixed(3)}%)`,
  );
  console.log(`${crashes.length} crashes, ${unstable} files with different bytes in two runs`);
  if (crashes.length > 0 || unstable > 0 || lifted < 0.99 * functions) Deno.exit(1);
}
