import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { equalBytes } from "../lib/bytes.ts";
import {
  compileModule,
  compileProgram,
  convertProgram,
  cpuOf,
  liftProgram,
  readProgram,
} from "../lib/compile.ts";
import { UnsupportedError } from "../lib/errors.ts";
import { parseModule } from "../lib/ir/parse.ts";
import { assemble } from "../lib/isa/assemble.ts";
import { encode } from "../lib/isa/codec.ts";
import { disassemble } from "../lib/isa/disassemble.ts";
import { loadProgram } from "../lib/object/load.ts";
import type { Program } from "../lib/object/program.ts";
import { PASSES } from "../lib/passes/pipeline.ts";
import { parsePasses, type PassUse } from "../lib/passes/selection.ts";
import { Vm } from "../lib/vm/vm.ts";
import { filesUnder, ROOT, SHARED, sharedName, testWith } from "./support.ts";

const assembled = (text: string): Program =>
  loadProgram(encode(assemble(text).insns), { from: "raw" });

const TWO_FUNCTIONS = `
  r1 = 0x5
  call L4
  r0 += 0x1
  exit
L4:
  r0 = r1
  r0 *= 0x2
  exit
`;

Deno.test("a report for each function, in slots", () => {
  const { functions, notes } = compileProgram(assembled(TWO_FUNCTIONS), { check: true });
  assert.deepEqual(notes, []);
  assert.deepEqual(
    functions.map(({ insnsBefore, insnsAfter, lifted, reason }) => [
      insnsBefore,
      insnsAfter,
      lifted,
      reason,
    ]),
    [[4, 4, true, undefined], [3, 3, true, undefined]],
  );
});

Deno.test("a rewrite looks like what went in", () => {
  const program = assembled(TWO_FUNCTIONS);
  assert.deepEqual(compileProgram(program).bytes, program.bytes);
});

Deno.test("a function that cannot be lifted is verbatim beside one that is", () => {
  const text = TWO_FUNCTIONS.replace("r0 *= 0x2", "r10 = 0x2");
  const program = assembled(text);
  const { functions, bytes } = compileProgram(program);
  assert.deepEqual(functions.map(({ lifted }) => lifted), [true, false]);
  assert.match(functions[1].reason ?? "", /^cannot lift/);
  assert.equal(functions[1].insnsAfter, functions[1].insnsBefore);
  assert.equal(
    disassemble(loadProgram(bytes, { from: "raw" }).sections[0].insns),
    disassemble(program.sections[0].insns),
  );
});

Deno.test("the output uses what the input uses, or what is asked for", () => {
  const versions = (text: string) => cpuOf(assembled(text));
  assert.equal(versions("r0 = 0x0\nexit\n"), 1);
  assert.equal(versions("if r1 < r2 goto L2\nr0 = 0x0\nL2:\nexit\n"), 2);
  assert.equal(versions("if w1 < w2 goto L2\nr0 = 0x0\nL2:\nexit\n"), 3);
  assert.equal(versions("r0 = (s8)r1\nexit\n"), 4);
  const program = assembled("r0 = (s8)r1\nexit\n");
  const older = loadProgram(compileProgram(program, { cpu: 1 }).bytes, { from: "raw" });
  assert.equal(cpuOf(older), 1);
  assert.equal(cpuOf(loadProgram(compileProgram(program).bytes, { from: "raw" })), 4);
});

const EPIR = `epir 1
function main section "xdp" global
b0(v0):
  v1 = call @double(21)
  return v1
function double section "xdp" subprogram
b0(v0):
  v1 = add.64 v0, v0
  return v1
`;

Deno.test("a module of .epir becomes a program", () => {
  const program = compileModule(parseModule(EPIR), { check: true });
  assert.deepEqual(program.functions.map(({ name }) => name), ["main", "double"]);
  assert.equal(Vm.loadSync(program).run({}).returnValue, 42n);
  const read = readProgram(new TextEncoder().encode(EPIR));
  assert.equal(Vm.loadSync(read).run({}).returnValue, 42n);
  const object = convertProgram(read, "elf");
  const { bytes, functions } = compileProgram(loadProgram(object.bytes), { check: true });
  assert.ok(functions.every(({ lifted }) => lifted));
  assert.equal(Vm.loadSync(loadProgram(bytes)).run({}).returnValue, 42n);
});

Deno.test("a module that cannot be emitted is refused with the function's name", () => {
  const text = EPIR.replace("add.64", "sdiv.64");
  assert.throws(
    () => compileModule(parseModule(text), { cpu: 2 }),
    (error) => error instanceof UnsupportedError && error.place.function === "double",
  );
});

Deno.test("a program converted to .epir and back does the same", () => {
  const text = convertProgram(assembled(TWO_FUNCTIONS), "epir").bytes;
  assert.equal(Vm.loadSync(readProgram(text)).run({}).returnValue, 11n);
  const again = convertProgram(readProgram(text), "epir").bytes;
  assert.equal(liftProgram(readProgram(again)).functions.length, 2);
});

/** Compiles a file twice; returns slots before and after, and how many functions are verbatim. */
function compileFile(path: string, registers?: number) {
  const bytes = new Uint8Array(readFileSync(path));
  const options = { check: true, ...(registers === undefined ? {} : { registers }) };
  const first = compileProgram(loadProgram(bytes), options);
  const second = compileProgram(loadProgram(bytes), options);
  assert.ok(equalBytes(first.bytes, second.bytes), `${path}: two runs differ`);
  let before = 0, after = 0, verbatim = 0;
  for (const { insnsBefore, insnsAfter, lifted, reason } of first.functions) {
    before += insnsBefore;
    after += insnsAfter;
    if (lifted) continue;
    verbatim++;
    assert.notEqual(reason ?? "", "");
  }
  return { before, after, verbatim, functions: first.functions.length };
}

Deno.test("our own objects compile with all registers and with six, twice the same", () => {
  for (const path of filesUnder(join(ROOT, "testdata", "objects"), ".o")) {
    compileFile(path);
    compileFile(path, 0b01_1100_0111);
  }
});

testWith("shared", "a sample of the corpus: valid allocations, small growth, few verbatim", () => {
  let before = 0, after = 0, verbatim = 0, functions = 0;
  for (const [folder, extension] of [["objects", ".o"], ["dumps", ".txt"]]) {
    const paths = filesUnder(join(SHARED, "corpus", folder), extension);
    for (let i = 0; i < paths.length; i += 7) {
      const result = compileFile(paths[i]);
      before += result.before;
      after += result.after;
      verbatim += result.verbatim;
      functions += result.functions;
    }
    console.log(`every seventh of ${sharedName(join(SHARED, "corpus", folder))}`);
  }
  console.log(`${before} slots, then ${after}; ${verbatim} of ${functions} functions verbatim`);
  assert.ok(after <= before * 1.005, `${before} slots, then ${after}`);
  assert.ok(verbatim <= Math.max(2, functions / 50), `${verbatim} of ${functions} verbatim`);
});

Deno.test("no level makes a function longer, and what it does stays the same", () => {
  const program = assembled(TWO_FUNCTIONS);
  for (const level of [1, 2, 3, "s"] as const) {
    const { bytes, functions } = compileProgram(program, { level, check: true });
    for (const { insnsBefore, insnsAfter, lifted } of functions) {
      assert(lifted && insnsAfter <= insnsBefore, `level ${level}`);
    }
    const vm = Vm.loadSync(loadProgram(bytes, { from: "raw" }));
    assert.equal(vm.run().returnValue, 11n);
  }
});

Deno.test("passes that are named run instead of those of a level, before who looks on", () => {
  const program = assembled("r0 = 0x5\nr0 += 0x2\nexit\n");
  const seen: string[] = [];
  const observer = { after: ({ pass }: PassUse) => void seen.push(pass.name) };
  const passes = parsePasses("simplify, dead-code", PASSES);
  const { bytes } = compileProgram(program, { passes, observer });
  assert.deepEqual(seen, ["simplify", "dead-code"]);
  assert.equal(bytes.length, 2 * 8);
});
