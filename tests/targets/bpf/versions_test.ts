import assert from "node:assert/strict";
import { compileProgram } from "../../../lib/compile.ts";
import { UnsupportedError } from "../../../lib/errors.ts";
import { Builder } from "../../../lib/ir/builder.ts";
import { IrFunction, type Value } from "../../../lib/ir/function.ts";
import { parseModule } from "../../../lib/ir/parse.ts";
import { encode } from "../../../lib/isa/codec.ts";
import {
  ALU,
  type AluOp,
  COND,
  type Cond,
  type Version,
  type Width,
} from "../../../lib/isa/ops.ts";
import type { CodeRelocation, CoreRecord, FunctionCode } from "../../../lib/object/program.ts";
import { loadProgram } from "../../../lib/object/load.ts";
import { compileToBpf } from "../../../lib/targets/bpf/target.ts";
import { Vm } from "../../../lib/vm/vm.ts";
import { Random } from "../../support/random.ts";
import { BUDGETS } from "../../differential/rewritten.ts";
import { randomProgram } from "../../support/random_program.ts";
import { equalBytes } from "../../../lib/bytes.ts";
import { assemble } from "../../../lib/isa/assemble.ts";

const parse = (body: string): IrFunction =>
  parseModule(`epir 1\nfunction f\n${body}`).functions[0].body as IrFunction;

const compile = (fn: IrFunction, cpu: Version): FunctionCode =>
  compileToBpf(fn, { cpu, order: "little", check: true });

function resultOf({ insns }: FunctionCode, memory: Uint8Array): bigint {
  const { returnValue, fault } = Vm.loadSync(loadProgram(encode(insns), { from: "raw" }), {
    engine: "interpreter",
  })
    .run({ context: memory.slice() });
  assert.equal(fault, null);
  return returnValue;
}

/** A function of the two numbers at its first parameter. */
function functionOf(make: (b: Builder, x: Value, y: Value) => Value): IrFunction {
  const fn = new IrFunction("f");
  const b = new Builder(fn);
  b.atEnd(fn.newBlock());
  const memory = b.param();
  b.ret(make(b, b.load(8, memory, 0, 0), b.load(8, memory, 8, 0)));
  return fn;
}

/** Expects the same results from the versions as from v4, which has an instruction for everything. */
function agree(fn: IrFunction, random: Random, versions: readonly Version[], name: string): void {
  const newest = compile(fn, 4);
  const older = versions.map((cpu) => [cpu, compile(fn, cpu)] as const);
  for (const [cpu, { insns }] of older) {
    for (const { op } of insns) {
      assert.ok(op.version <= cpu, `${name} for v${cpu} has v${op.version}`);
    }
  }
  for (let round = 0; round < 12; round++) {
    const memory = new Uint8Array(16);
    const view = new DataView(memory.buffer);
    const [x, y] = [random.pattern(), random.pattern()];
    view.setBigUint64(0, x, true);
    view.setBigUint64(8, random.chance(0.2) ? x : y, true);
    const expected = resultOf(newest, memory);
    for (const [cpu, code] of older) {
      assert.equal(resultOf(code, memory), expected, `${name} of ${x} and ${y} for v${cpu}`);
    }
  }
}

const BEFORE_V4: readonly Version[] = [1, 2, 3];

Deno.test("sign extensions and byte swaps expand to what v4 does", () => {
  const random = new Random(1);
  for (const sign of [8, 16, 32] as const) {
    for (const width of [32, 64] as const) {
      if (sign === 32 && width === 32) continue;
      const fn = functionOf((b, x, y) => b.alu("add", 64, b.sext(x, sign, width), y));
      agree(fn, random, BEFORE_V4, `sext.${width}.${sign}`);
    }
    const size = sign / 8 as 1 | 2 | 4;
    const fn = functionOf((b) => b.load(size, b.fn.entry.params[0], 8, sign));
    agree(fn, random, BEFORE_V4, `load.s${sign}`);
    const swap = functionOf((b, x, y) =>
      b.alu("xor", 64, b.unary(`bswap${sign === 8 ? 64 : sign}` as "bswap16", 64, x), y)
    );
    agree(swap, random, BEFORE_V4, "bswap");
  }
});

Deno.test("comparisons expand to what v4 does, with registers and immediates on either side", () => {
  const random = new Random(2);
  for (const cond of Object.keys(COND) as Cond[]) {
    for (const width of [32, 64] as const) {
      for (const form of ["registers", "immediate", "swapped", "wide"] as const) {
        const fn = functionOf((b, x, y) => {
          const constant = form === "wide" ? random.pattern() : BigInt(random.immediate());
          const operand = form === "registers" ? y : b.fn.constant(constant);
          const [left, right] = form === "swapped" ? [operand, x] : [x, operand];
          const [yes, no] = [b.fn.newBlock(), b.fn.newBlock()];
          b.branch(cond, width, left, right, yes, no);
          b.atEnd(yes);
          b.ret(b.fn.constant(1));
          b.atEnd(no);
          return b.fn.constant(2);
        });
        agree(fn, random, BEFORE_V4, `branch.${width}.${cond} ${form}`);
      }
    }
  }
});

Deno.test("arithmetic means the same in every version that has it", () => {
  const random = new Random(3);
  for (const name of Object.keys(ALU) as AluOp[]) {
    if (ALU[name].version > 1) continue;
    for (const width of [32, 64] as Width[]) {
      for (const left of [true, false]) {
        const fn = functionOf((b, x) => {
          const constant = b.fn.constant(random.pattern());
          return left ? b.alu(name, width, constant, x) : b.alu(name, width, x, constant);
        });
        agree(fn, random, BEFORE_V4, `${name}.${width}`);
      }
    }
  }
});

Deno.test("an instruction that the version lacks is named, with the version", () => {
  const cases: [string, Version, RegExp][] = [
    ["v1 = sdiv.64 v0, v0", 3, /cannot emit for v3: alu sdiv needs v4/],
    ["v1 = smod.32 v0, v0", 1, /cannot emit for v1: alu smod 32 needs v4/],
    ["v1 = atomic.u64.fetch_add v0, v0", 2, /cannot emit for v2: atomic fetch_add needs v3/],
    ["v1 = atomic.u32.load_acquire v0", 3, /cannot emit for v3: atomic load_acquire\S* needs v4/],
    ["may_goto b1, b1", 3, /cannot emit for v3: may_goto needs v4/],
  ];
  for (const [insn, cpu, message] of cases) {
    const body = `b0(v0):\n  ${insn}\n` + (insn.startsWith("may") ? "b1:\n" : "") + "  return v0";
    const fn = parse(body);
    assert.throws(
      () => compile(fn, cpu),
      (error) => error instanceof UnsupportedError && message.test(error.message),
      insn,
    );
    compile(fn, 4);
  }
});

Deno.test("a function that needs a newer version is carried verbatim, with the reason", () => {
  const { insns } = assemble("r0 = 0x7\nr1 = 0x2\nr0 s/= r1\nexit\n");
  const { bytes, functions } = compileProgram(loadProgram(encode(insns)), { cpu: 3 });
  assert.deepEqual(bytes, encode(insns));
  assert.equal(functions[0].lifted, false);
  assert.match(functions[0].reason ?? "", /alu sdiv needs v4/);
});

Deno.test("CO-RE constants keep their form and record, relocations and targets their place", () => {
  const core: CoreRecord = { typeId: 3, accessOffset: 9, access: "0:1", kind: 0 };
  const relocation: CodeRelocation = { type: 1, symbol: 4, name: "counts", addend: null };
  const fn = parse(`  v8 = core.32 8 core(3, 9, "0:1", 0)
  v9 = core.64 16 core(3, 9, "0:1", 0)
b0(v0):
  v1 = add.64 v0, v8
  v2 = add.64 v1, v9
  v3 = copy v8
  v4 = add.64 v2, v3
  v5 = load.u32 v4 + 8 core(3, 9, "0:1", 0)
  store.u64 v0, 7 core(3, 9, "0:1", 0)
  v6 = call @f(v5)
  v7 = call map_lookup_elem(map_fd(0, 0, reloc(1, 4, "counts")), func(@f))
  return v7`);
  const { insns, core: records, relocations, targets } = compile(fn, 4);
  assert.deepEqual([...records.keys()].map((at) => insns[at].op.kind), [
    "alu",
    "lddw",
    "mov",
    "load",
    "store",
  ]);
  for (const record of records.values()) assert.deepEqual(record, core);
  assert.deepEqual([...records].map(([at]) => insns[at].imm), [8, 16, 8, 0, 7]);
  assert.deepEqual([...relocations].map(([at, r]) => [insns[at].op.fn, r]), [[
    "map_fd",
    relocation,
  ]]);
  assert.deepEqual([...targets].map(([at, f]) => [insns[at].op.kind, insns[at].op.fn, f]), [
    ["call", "local", 0],
    ["lddw", "func", 0],
  ]);
});

Deno.test("parameters that share a register, or have none, are refused", () => {
  const refuses = (body: string) =>
    assert.throws(() => compile(parse(body), 4), (error) => error instanceof UnsupportedError);
  refuses("b0(v0, v1:r1):\n  return v1");
  refuses(`b0(${Array.from({ length: 12 }, (_, i) => `v${i}`)}):\n  return v1`);
  assert.equal(
    compile(parse("b0(v0:r6, v1):\n  v2 = add.64 v0, v1\n  return v2"), 4).insns[0].dst,
    6,
  );
});

Deno.test("gotox is refused: its jump table would point into the old code", () => {
  assert.throws(
    () => compile(parse("b0(v0):\n  gotox v0, b1\nb1:\n  return v0"), 4),
    /cannot emit gotox/,
  );
});

Deno.test("random programs for older versions: nothing newer in what is lifted, the same behaviour", () => {
  let lifted = 0;
  for (let seed = 1000; seed < 1120; seed++) {
    const { insns, context } = randomProgram(seed);
    const program = loadProgram(encode(insns), { from: "raw" });
    const run = (bytes: Uint8Array) => {
      const vm = Vm.loadSync(loadProgram(bytes, { from: "raw" }), { engine: "interpreter" });
      vm.registerHelper(5, (_context, r1) => r1);
      return vm.run({ context, limit: 200_000 });
    };
    const before = run(program.bytes);
    if (before.fault?.kind === "limit") continue;
    for (const cpu of BEFORE_V4) {
      for (const { registers, name } of BUDGETS) {
        const what = `seed ${seed}, v${cpu}, ${name}`;
        const { bytes, functions } = compileProgram(program, { cpu, registers, check: true });
        const rewritten = loadProgram(bytes, { from: "raw" });
        let at = 0;
        for (const fn of functions) {
          const end = at + fn.insnsAfter;
          const { insns: code, slots } = rewritten.sections[0];
          for (let i = 0; i < code.length; i++) {
            if (!fn.lifted || slots[i] < at || slots[i] >= end) continue;
            assert.ok(code[i].op.version <= cpu, `${what}: ${code[i].op.kind} ${code[i].op.fn}`);
          }
          at = end;
          if (fn.lifted) lifted++;
          else assert.match(fn.reason ?? "", /needs v\d|spill slots do not fit/, what);
        }
        const after = run(bytes);
        assert.equal(after.fault?.kind, before.fault?.kind, what);
        if (before.fault === null) assert.equal(after.returnValue, before.returnValue, what);
        assert.ok(equalBytes(after.context, before.context), what);
      }
    }
  }
  assert.ok(lifted > 200, `${lifted} functions lifted`);
});
