/**
 * Loaders that epass does not control: `bpftool prog loadall` of 20 objects of different projects, rewritten by
 * `epass opt`, rewritten on the way by the preload library, and with epass made to fail in three ways. Needs root, a C
 * compiler and bpftool.
 *
 * `deno run -P=script scripts/preload_check.ts [COUNT]`
 *
 * @module
 */

import { existsSync, readdirSync } from "node:fs";
import { compileProgram } from "../lib/compile.ts";
import { loadProgram } from "../lib/object/load.ts";
import { type BpftoolLoad, bpftoolLoad } from "./bpftool_loads.ts";
import { CORPUS } from "./kernel_rows.ts";
import { buildPreload } from "./preload.ts";

const COUNT = 20;

/** Milliseconds for a rewrite; of an epass that hangs, few. */
const TIMEOUT = { rewrite: "60000", hang: "300" } as const;

/** Commands in place of epass that fail: with a status, with endless nonsense, without an end. */
const FAILURES: { readonly [name: string]: string } = {
  status: "exit 1",
  nonsense: "exec yes nonsense",
  hang: "exec sleep 60",
};

/** Runs of one object. */
interface Row {
  readonly object: string;
  readonly original: BpftoolLoad;
  readonly opt: BpftoolLoad;
  readonly preload: BpftoolLoad;
  readonly failures: readonly BpftoolLoad[];
}

/** The objects of the corpus: the first of each project, then the second, and so on. */
function* objectsInTurn(): Generator<string> {
  const folder = `${CORPUS}/objects`;
  const projects = readdirSync(folder).sort().map((project) =>
    readdirSync(`${folder}/${project}`).sort().map((name) => `${folder}/${project}/${name}`)
  );
  const longest = Math.max(...projects.map((objects) => objects.length));
  for (let i = 0; i < longest; i++) {
    for (const objects of projects) if (i < objects.length) yield objects[i];
  }
}

/** The same programs as the original. */
const same = (load: BpftoolLoad, original: BpftoolLoad): boolean =>
  load.programs !== null && load.programs.join() === original.programs!.join();

/** Everything that a row must show. */
const holds = ({ original, opt, preload, failures }: Row): boolean =>
  same(opt, original) && same(preload, original) && preload.rewritten > 0 &&
  preload.original === 0 &&
  failures.every((f) => same(f, original) && f.rewritten === 0 && f.original > 0);

function checkObject(
  object: string,
  original: BpftoolLoad,
  work: string,
  library: string,
): Row {
  const preloaded = (command: string, timeout: string): BpftoolLoad =>
    bpftoolLoad(object, {
      env: {
        LD_PRELOAD: library,
        EPASS_PRELOAD: "1",
        EPASS_VERBOSE: "1",
        EPASS_COMMAND: command,
        EPASS_TIMEOUT: timeout,
      },
    });
  const rewritten = `${work}/${object.replace(/^.*\//, "")}`;
  Deno.writeFileSync(rewritten, compileProgram(loadProgram(Deno.readFileSync(object))).bytes);
  const cli = new URL("../cli.ts", import.meta.url).pathname;
  return {
    object,
    original,
    opt: bpftoolLoad(rewritten),
    preload: preloaded(`${Deno.execPath()} run --no-prompt ${cli}`, TIMEOUT.rewrite),
    failures: Object.keys(FAILURES).map((name) =>
      preloaded(`${work}/${name}`, name === "hang" ? TIMEOUT.hang : TIMEOUT.rewrite)
    ),
  };
}

function printRow({ object, original, opt, preload, failures }: Row): void {
  const verdict = (load: BpftoolLoad): string => same(load, original) ? "loaded" : "REFUSED";
  const cells = [
    object.slice(CORPUS.length + "/objects/".length).slice(-58).padEnd(58),
    `${original.programs!.length}`.padStart(8),
    verdict(opt).padStart(8),
    `${verdict(preload)} ${preload.rewritten}+${preload.original}`.padStart(12),
    ...failures.map((load) => verdict(load).padStart(8)),
  ];
  console.log(cells.join("  "));
}

function main(): void {
  const count = Number(Deno.args[0] ?? COUNT);
  const work = Deno.makeTempDirSync({ prefix: "epass-preload-" });
  const library = `${work}/libepass_preload.so`;
  buildPreload(library);
  for (const [name, script] of Object.entries(FAILURES)) {
    Deno.writeTextFileSync(`${work}/${name}`, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  const header = ["object".padEnd(58), "programs", "epass opt", "preload r+o"];
  console.log([...header, ...Object.keys(FAILURES).map((name) => name.padStart(8))].join("  "));
  const rows: Row[] = [];
  try {
    for (const object of objectsInTurn()) {
      if (rows.length === count) break;
      const original = bpftoolLoad(object);
      if (original.programs === null || original.programs.length === 0) continue;
      const row = checkObject(object, original, work, library);
      rows.push(row);
      printRow(row);
      if (!holds(row)) console.log(row.opt.messages + row.preload.messages);
    }
  } finally {
    Deno.removeSync(work, { recursive: true });
  }
  const passed = rows.filter(holds).length;
  console.log(`${passed} passed, ${count - passed} failed, 0 skipped`);
  Deno.exitCode = passed === count ? 0 : 1;
}

if (import.meta.main) {
  if (existsSync(`${CORPUS}/objects`)) main();
  else console.log("0 passed, 0 failed, 1 skipped");
}
