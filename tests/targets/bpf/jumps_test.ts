import assert from "node:assert/strict";
import { equalBytes } from "../../../lib/bytes.ts";
import { compileProgram } from "../../../lib/compile.ts";
import { EpassError } from "../../../lib/errors.ts";
import { encode } from "../../../lib/isa/codec.ts";
import { Instruction } from "../../../lib/isa/instruction.ts";
import { findOp, type Version } from "../../../lib/isa/ops.ts";
import { loadProgram } from "../../../lib/object/load.ts";
import { CodeBuffer } from "../../../lib/targets/bpf/emit.ts";
import { relaxJumps } from "../../../lib/targets/bpf/jumps.ts";
import { Vm } from "../../../lib/vm/vm.ts";
import { Random } from "../../support/random.ts";

const ADD = findOp({ kind: "alu", fn: "add", form: "imm" });
const MOV = findOp({ kind: "mov", form: "imm" });
const MOV_REG = findOp({ kind: "mov", form: "reg" });
const GOTO = findOp({ kind: "goto", fn: "near" });
const IF = findOp({ kind: "branch", fn: "gt", form: "imm" });
const SET = findOp({ kind: "branch", fn: "set", form: "imm" });
const EXIT = findOp({ kind: "exit" });

const VERSIONS: readonly Version[] = [3, 4];

/** Code with jumps to labels, before their distances are known. */
class Code {
  readonly buffer = new CodeBuffer();
  /** By instruction: the label that it jumps to, -1 for none. */
  readonly labelOf: number[] = [];
  #labels = 0;

  label(): number {
    return this.#labels++;
  }

  here(label = this.label()): number {
    this.buffer.blockStart[label] = this.buffer.insns.length;
    return label;
  }

  emit(op: typeof ADD, dst = 0, imm = 0, label = -1): void {
    this.buffer.push(new Instruction(op, dst, 0, 0, imm), null, label);
    this.labelOf.push(label);
  }

  /** Instructions that count what they run. */
  pad(count: number): void {
    for (let i = 0; i < count; i++) this.emit(ADD, 0, 1);
  }
}

/** Runs a program whose r1 is the context. */
function run(insns: readonly Instruction[], limit = 3_000_000): string {
  const result = Vm.loadSync(loadProgram(encode(insns), { from: "raw" }), { engine: "interpreter" })
    .run({ context: new Uint8Array(8), limit });
  return result.fault === null ? `0x${result.returnValue.toString(16)}` : result.fault.message;
}

function relax(code: Code, cpu: Version): Instruction[] {
  return relaxJumps(code.buffer, cpu).insns;
}

/** `if (r1 != 0) goto` or `goto` over a number of slots, forwards; returns how many instructions it did not skip. */
function forward(op: typeof ADD, distance: number): Code {
  const code = new Code();
  const end = code.label();
  code.emit(MOV, 0);
  code.emit(op, op === GOTO ? 0 : 1, 0, end);
  code.pad(distance);
  code.here(end);
  code.emit(EXIT);
  return code;
}

/** The same backwards, once. */
function backward(op: typeof ADD, distance: number): Code {
  const code = new Code();
  const start = code.label();
  const out = code.label();
  const loop = code.label();
  code.emit(MOV, 0);
  code.emit(GOTO, 0, 0, loop);
  code.here(start);
  code.pad(distance - 2);
  code.emit(EXIT);
  code.here(loop);
  code.emit(op, op === GOTO ? 0 : 1, 0, start);
  code.here(out);
  code.emit(EXIT);
  return code;
}

Deno.test("a jump of exactly the reach stays, one slot more is extended, in both directions", () => {
  for (const cpu of VERSIONS) {
    for (const op of [GOTO, IF]) {
      for (const distance of [32_766, 32_767]) {
        const insns = relax(forward(op, distance), cpu);
        assert.equal(insns.length, distance + 3, `v${cpu} +${distance}`);
        assert.equal(insns[1].off, distance);
        assert.equal(run(insns), "0x0");
      }
      for (const distance of [32_768, 32_769, 50_000]) {
        const insns = relax(forward(op, distance), cpu);
        assert.equal(run(insns), "0x0", `v${cpu} +${distance}`);
        assert.ok(insns.length - distance < 10, `v${cpu} ${insns.length}`);
      }
      for (const distance of [32_766, 32_767, 32_768, 32_769, 50_000]) {
        const code = backward(op, distance);
        assert.equal(code.buffer.blockStart[0], 2);
        const insns = relax(code, cpu);
        assert.equal(run(insns), `0x${(distance - 2).toString(16)}`, `v${cpu} -${distance}`);
      }
    }
  }
});

Deno.test("v4 has gotol, older versions do not get it", () => {
  const far = (cpu: Version) =>
    relax(forward(GOTO, 40_000), cpu).filter(({ op }) => op.fn === "far").length;
  assert.deepEqual([far(1), far(2), far(3), far(4)], [0, 0, 0, 1]);
});

Deno.test("what is attached to instructions moves with them", () => {
  for (const cpu of VERSIONS) {
    const code = forward(IF, 70_000);
    const { buffer } = code;
    const relocation = { type: 10, symbol: 1, name: "f", addend: null };
    const record = { typeId: 1, accessOffset: 2, access: "0", kind: 0 };
    for (const index of [0, 23_999, 24_000, 24_001, 60_000]) {
      buffer.insns[index] = new Instruction(MOV_REG, 3, 3, 0, 0);
      buffer.origins[index] = index;
      buffer.relocations.set(index, relocation);
      buffer.core.set(index, record);
      buffer.targets.set(index, index);
    }
    const moved = relaxJumps(buffer, cpu);
    assert.equal(moved.targets.size, 5);
    for (const [at, index] of moved.targets) {
      assert.equal(moved.insns[at], buffer.insns[index], `v${cpu} ${index}`);
      assert.equal(moved.origins[at], index);
      assert.equal(moved.relocations.get(at), relocation);
      assert.equal(moved.core.get(at), record);
    }
  }
});

/** A long function of blocks with jumps between random ones, which ends when its budget in r2 is spent. */
function longProgram(seed: number, blocks: number, slots: number): Code {
  const random = new Random(seed);
  const code = new Code();
  const labels = Array.from({ length: blocks }, () => code.label());
  const end = code.label();
  code.emit(MOV, 0);
  code.emit(MOV, 2, 40);
  const popular = random.pick(labels);
  for (const label of labels) {
    code.here(label);
    for (let i = random.below(2 * slots / blocks); i > 0; i--) code.emit(ADD, 0, random.below(9));
    code.emit(ADD, 2, -1);
    const budget = code.label();
    code.emit(IF, 2, 0, budget);
    code.emit(GOTO, 0, 0, end);
    code.here(budget);
    const target = random.chance(0.3) ? popular : random.pick(labels);
    const kind = random.below(3);
    if (kind > 0) {
      code.emit(random.pick([IF, SET]), random.below(2) * 2, 7 + random.below(30), target);
    }
    if (kind < 2) code.emit(GOTO, 0, 0, random.pick(labels));
  }
  code.here(end);
  code.emit(EXIT);
  return code;
}

/** What the code does, executed by its labels. */
function reference({ buffer, labelOf }: Code): string {
  const registers = [0n, 1n, 0n];
  for (let at = 0;;) {
    const { op, dst, imm } = buffer.insns[at];
    const target = buffer.blockStart[labelOf[at]];
    const value = registers[dst];
    at++;
    if (op === EXIT) return `0x${registers[0].toString(16)}`;
    if (op === ADD) registers[dst] = BigInt.asUintN(64, value + BigInt(imm));
    else if (op === MOV) registers[dst] = BigInt(imm);
    else if (op === GOTO) at = target;
    else if (op === IF ? value > BigInt(imm) : (value & BigInt(imm)) !== 0n) at = target;
  }
}

Deno.test("long functions with jumps all over, through several islands", () => {
  for (const slots of [60_000, 150_000]) {
    for (let seed = 0; seed < 6; seed++) {
      const blocks = seed % 2 === 0 ? 40 : 900;
      const expected = reference(longProgram(seed, blocks, slots));
      for (const cpu of VERSIONS) {
        const insns = relax(longProgram(seed, blocks, slots), cpu);
        assert.equal(run(insns), expected, `seed ${seed}, ${slots} slots, v${cpu}`);
      }
    }
  }
});

Deno.test("many far jumps to one target share their trampolines", () => {
  const code = new Code();
  const end = code.label();
  code.emit(MOV, 0);
  for (let i = 0; i < 2000; i++) code.emit(SET, 0, 0x4000_0000, end);
  code.pad(149_000);
  code.here(end);
  code.emit(EXIT);
  const before = code.buffer.insns.length;
  const insns = relax(code, 3);
  assert.equal(run(insns), `0x${(149_000).toString(16)}`);
  assert.ok(insns.length - before < 20, `${insns.length - before} added`);
});

Deno.test("an island that is too large for its jumps is refused, not got wrong", () => {
  const code = new Code();
  const labels = Array.from({ length: 40_000 }, () => code.label());
  code.emit(MOV, 0);
  for (const label of labels) code.emit(SET, 0, 1, label);
  for (const label of labels) {
    code.here(label);
    code.emit(ADD, 0, 2);
  }
  code.emit(EXIT);
  try {
    assert.equal(run(relax(code, 3)), "0x13880");
  } catch (error) {
    assert.ok(
      error instanceof EpassError && /no trampoline in reach/.test(error.message),
      `${error}`,
    );
  }
});

Deno.test("a lifted function beyond the reach behaves the same", () => {
  for (const cpu of VERSIONS) {
    // It loops three times over 40,000 instructions, entered over them; v3 has no jump that long in its input.
    const code = new Code();
    const [loop, body, out] = [code.label(), code.label(), code.label()];
    code.emit(MOV, 0);
    code.emit(MOV, 2, 3);
    code.here(loop);
    code.emit(IF, 2, 0, body);
    code.emit(GOTO, 0, 0, out);
    code.here(body);
    code.pad(40_000);
    code.emit(ADD, 2, -1);
    code.emit(GOTO, 0, 0, loop);
    code.here(out);
    code.emit(EXIT);
    const insns = relax(code, cpu);
    const program = loadProgram(encode(insns), { from: "raw" });
    const once = compileProgram(program, { cpu, check: true });
    assert.ok(once.functions.every(({ lifted }) => lifted), once.functions[0].reason);
    const { sections } = loadProgram(once.bytes, { from: "raw" });
    assert.ok(sections[0].insns.every(({ op }) => op.version <= cpu));
    assert.equal(run(sections[0].insns), run(insns));
    const twice = compileProgram(loadProgram(once.bytes, { from: "raw" }), { cpu });
    assert.ok(equalBytes(twice.bytes, compileProgram(loadProgram(once.bytes), { cpu }).bytes));
  }
});

Deno.test("short jumps stay short beside one that is far", () => {
  const code = new Code();
  const end = code.label();
  code.emit(MOV, 0);
  code.emit(IF, 1, 0, end);
  for (let i = 0; i < 20_000; i++) {
    const next = code.label();
    code.emit(SET, 0, 1, next);
    code.emit(ADD, 0, 1);
    code.here(next);
  }
  code.here(end);
  code.emit(EXIT);
  assert.equal(relax(code, 4).length, code.buffer.insns.length + 2);
});
