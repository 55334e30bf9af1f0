/**
 * The optimiser on the corpus: instructions before and after for each project, as a sum and as the geometric mean over
 * functions, which functions grow, and how fast it was. `--kernel` also asks the running kernel what it accepts and how
 * many instructions its verifier processes (root, libbpf).
 *
 * `deno run -P=kernel scripts/optimise_corpus.ts [-O2] [--passes LIST] [--cpu 3] [--check] [--kernel] [FILTER...]`
 *
 * A filter is a part of a path.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { type CompileOptions, compileProgram } from "../lib/compile.ts";
import type { Version } from "../lib/isa/ops.ts";
import { loadProgram } from "../lib/object/load.ts";
import { type Level, PASSES } from "../lib/passes/pipeline.ts";
import type { PassObserver } from "../lib/passes/run.ts";
import { parsePasses } from "../lib/passes/selection.ts";
import { filesBelow } from "./corpus.ts";

const CORPUS = `${Deno.env.get("EPASS_SHARED") ?? "../shared"}/corpus`;

/** Figures of a group of functions. */
interface Group {
  functions: number;
  before: number;
  after: number;
  /** Sum of the logarithms of the ratios. */
  logs: number;
}

const { values, positionals } = parseArgs({
  args: Deno.args.map((arg) => arg.replace(/^-O/, "--level=")),
  allowPositionals: true,
  options: {
    level: { type: "string", default: "2" },
    passes: { type: "string" },
    cpu: { type: "string" },
    check: { type: "boolean", default: false },
    kernel: { type: "boolean", default: false },
    time: { type: "boolean", default: false },
    verbose: { type: "boolean", default: false },
  },
});
const level: Level = values.level === "s" ? "s" : Number(values.level) as Level;

const times = new Map<string, number>();
const counts = new Map<string, number>();
const observer: PassObserver = {
  after({ pass }, _fn, _changed, milliseconds) {
    times.set(pass.name, (times.get(pass.name) ?? 0) + milliseconds);
  },
  count({ pass }, what, n) {
    const key = `${pass.name}: ${what}`;
    counts.set(key, (counts.get(key) ?? 0) + n);
  },
};
const options: CompileOptions = {
  level,
  check: values.check,
  ...(values.passes === undefined ? {} : { passes: parsePasses(values.passes, PASSES) }),
  ...(values.cpu === undefined ? {} : { cpu: Number(values.cpu) as Version }),
  ...(values.time ? { observer } : {}),
};

const groups = new Map<string, Group>();
const add = (name: string, before: number, after: number): void => {
  let group = groups.get(name);
  if (group === undefined) {
    groups.set(name, group = { functions: 0, before: 0, after: 0, logs: 0 });
  }
  group.functions++;
  group.before += before;
  group.after += after;
  group.logs += Math.log(after / before);
};

let milliseconds = 0, slots = 0;
for (const path of filesBelow(CORPUS)) {
  const name = path.slice(CORPUS.length + 1);
  if (positionals.length > 0 && !positionals.some((filter) => name.includes(filter))) continue;
  const program = loadProgram(Deno.readFileSync(path));
  const start = performance.now();
  const { functions } = compileProgram(program, options);
  milliseconds += performance.now() - start;
  const [kind, project] = name.split("/");
  for (const fn of functions) {
    slots += fn.insnsBefore;
    add(`${kind}/${project}`, fn.insnsBefore, fn.insnsAfter);
    add(kind === "dumps" ? "all dumps" : "all objects", fn.insnsBefore, fn.insnsAfter);
    if (fn.insnsAfter > fn.insnsBefore) {
      console.log(`grows: ${name} ${fn.name}: ${fn.insnsBefore} -> ${fn.insnsAfter}`);
    }
    if (!fn.lifted) console.log(`verbatim: ${name} ${fn.name}: ${fn.reason}`);
    if (values.verbose) console.log(`${name} ${fn.name}: ${fn.insnsBefore} -> ${fn.insnsAfter}`);
  }
}
console.log("group".padEnd(32), "functions   before    after      sum     mean");
for (const [name, { functions, before, after, logs }] of groups) {
  const percent = (ratio: number): string => `${((ratio - 1) * 100).toFixed(2)}%`.padStart(9);
  console.log(
    name.padEnd(32),
    String(functions).padStart(9),
    String(before).padStart(8),
    String(after).padStart(8),
    percent(after / before),
    percent(Math.exp(logs / functions)),
  );
}
console.log(`${Math.round(slots / milliseconds * 1000)} slots/s, ${Math.round(milliseconds)} ms`);
if (values.time) {
  for (const [name, time] of [...times].sort((a, b) => b[1] - a[1])) {
    console.log(`${time.toFixed(0).padStart(8)} ms ${name}`);
  }
  for (const [what, n] of counts) console.log(`${String(n).padStart(8)} ${what}`);
}
if (values.kernel) {
  const { judgeCorpus } = await import("./kernel_judge.ts");
  judgeCorpus(options, positionals);
}
