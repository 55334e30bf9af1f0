import assert from "node:assert/strict";
import { Instruction } from "../../lib/isa/instruction.ts";
import { findOp } from "../../lib/isa/ops.ts";
import { loadProgram } from "../../lib/object/load.ts";
import type { FunctionCode, ProgramFunction } from "../../lib/object/program.ts";
import { rewriteProgram } from "../../lib/object/rewrite.ts";
import { ROOT } from "../support.ts";

const MOV = findOp({ kind: "mov", form: "imm" });
const EXIT = findOp({ kind: "exit" });

/** New code that consists of moves, one for each origin, and an exit. */
function codeOf(origins: readonly number[]): FunctionCode {
  const insns = origins.map(() => new Instruction(MOV));
  return {
    insns: [...insns, new Instruction(EXIT)],
    origins: Int32Array.from([...origins, -1]),
    relocations: new Map(),
    core: new Map(),
    targets: new Map(),
  };
}

const program = loadProgram(Deno.readFileSync(`${ROOT}/testdata/objects/firewall.o`));
const fn = program.functions.find((f) => f.name === "count_drops")!;
const records = fn.section.lines.map((l) => [l.slot, l.lineColumn >> 10]);

/** Lines of the function after it got new code: slot in the function, and line. */
function linesAfter(origins: readonly number[]): [number, number][] {
  const { bytes } = rewriteProgram(program, new Map([[fn.index, codeOf(origins)]]));
  const now = loadProgram(bytes).functions[fn.index];
  const start = now.section.slots[now.first];
  return linesOf(now).map(([slot, line]) => [slot - start, line]);
}
const linesOf = (f: ProgramFunction): [number, number][] =>
  f.section.lines
    .filter((l) => l.slot >= f.section.slots[f.first] && l.slot < f.section.slots[f.last])
    .map((l) => [l.slot, l.lineColumn >> 10]);

Deno.test("the first instruction of new code has a line, whatever it stems from", () => {
  const [[, first]] = records;
  assert.deepEqual(linesAfter([-1, -1]), [[0, first]]);
});

Deno.test("an instruction that comes behind one of another line gets its line again", () => {
  const [a, b] = records.filter(([, line], i) => i === 0 || line !== records[i - 1][1]);
  assert.ok(a !== undefined && b !== undefined);
  assert.deepEqual(linesAfter([a[0], b[0], a[0], a[0], -1, b[0]]), [
    [0, a[1]],
    [1, b[1]],
    [2, a[1]],
    [5, b[1]],
  ]);
});

Deno.test("debugging information is emptied with a note when code changes", () => {
  const { bytes, notes } = rewriteProgram(program, new Map([[fn.index, codeOf([-1])]]));
  assert.match(notes.join(), /emptied \d+ sections of debugging information/);
  const sections = loadProgram(bytes).elf!.sections;
  assert.deepEqual(sections.map((s) => s.name), program.elf!.sections.map((s) => s.name));
  for (const { name, size } of sections) {
    if (name.includes(".debug_")) assert.equal(size, 0, name);
  }
});
