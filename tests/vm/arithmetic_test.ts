import assert from "node:assert/strict";
import { Instruction } from "../../lib/isa/instruction.ts";
import {
  type AluOp,
  ATOMIC,
  type AtomicOp,
  type Cond,
  evalAlu,
  evalCond,
  evalUnary,
  findOp,
  type Op,
  OPS,
  signExtend,
  type UnaryOp,
} from "../../lib/isa/ops.ts";
import { Vm } from "../../lib/vm/vm.ts";
import { Random } from "../support/random.ts";
import { programOf } from "./support.ts";

const SEED = Number(Deno.env.get("EPASS_SEED") ?? 1);
const LOAD = findOp({ kind: "load", size: 8 });
const MOV = findOp({ kind: "mov", form: "imm" });
const EXIT = findOp({ kind: "exit" });
const low32 = (value: bigint): bigint => BigInt.asUintN(32, value);
const hex = (value: bigint): string => `0x${value.toString(16)}`;

/** Runs `r2 = a; r0 = b; insns; exit` on pairs of operands; returns r0 for each. */
function results(
  insns: readonly Instruction[],
  pairs: readonly (readonly [bigint, bigint])[],
  order: "little" | "big" = "little",
): bigint[] {
  const loads = [new Instruction(LOAD, 2, 1, 8), new Instruction(LOAD, 0, 1, 0)];
  const vm = Vm.loadSync(programOf([...loads, ...insns, new Instruction(EXIT)], order), {
    engine: "interpreter",
  });
  const context = new Uint8Array(16);
  const view = new DataView(context.buffer);
  return pairs.map(([a, b]) => {
    view.setBigUint64(0, a, order === "little");
    view.setBigUint64(8, b, order === "little");
    const { fault, returnValue } = vm.run({ context });
    assert.equal(fault, null);
    return returnValue;
  });
}

/** Compares an instruction on random operands with its meaning in the table. */
function check(
  op: Op,
  insns: (imm: number) => readonly Instruction[],
  expected: (a: bigint, b: bigint) => bigint,
  order: "little" | "big" = "little",
): void {
  const random = new Random(SEED * 1000 + op.id);
  for (let round = 0; round < (op.form === "imm" ? 40 : 1); round++) {
    const imm = random.immediate();
    const count = op.form === "imm" ? 10 : 400;
    const pairs = Array.from({ length: count }, () => {
      const a = random.pattern();
      const b = op.form === "imm" ? BigInt.asUintN(64, BigInt(imm)) : random.pattern();
      return [a, random.chance(0.1) ? a : b] as const;
    });
    results(insns(imm), pairs, order).forEach((actual, i) => {
      const [a, b] = pairs[i];
      const second = op.form === "imm" ? BigInt.asUintN(64, BigInt(imm)) : b;
      const wanted = expected(a, second);
      const what = `${op.kind} ${op.fn} ${op.width} ${op.form} ${hex(a)}, ${hex(second)}`;
      assert.equal(actual, wanted, `${what}: ${hex(actual)} for ${hex(wanted)} (seed ${SEED})`);
    });
  }
}

const ofKind = (kind: string): readonly Op[] => OPS.filter((op) => op.kind === kind);

Deno.test("binary arithmetic agrees with the table", () => {
  for (const op of ofKind("alu")) {
    check(
      op,
      (imm) => [new Instruction(op, 0, op.form === "reg" ? 2 : 0, 0, op.form === "imm" ? imm : 0)],
      (a, b) => evalAlu(op.fn as AluOp, op.width, a, b),
    );
  }
});

Deno.test("binary arithmetic of a register with itself agrees with the table", () => {
  for (const op of ofKind("alu").filter(({ form }) => form === "reg")) {
    check(
      op,
      () => [new Instruction(op, 0, 0)],
      (a) => evalAlu(op.fn as AluOp, op.width, a, a),
    );
  }
});

Deno.test("unary arithmetic agrees with the table in both byte orders", () => {
  for (const order of ["little", "big"] as const) {
    for (const op of ofKind("unary")) {
      const big = order === "big";
      const expected = (a: bigint) => evalUnary(op.fn as UnaryOp, op.width, a, big);
      check(op, () => [new Instruction(op, 0)], expected, order);
    }
  }
});

Deno.test("moves truncate and extend as the table says", () => {
  for (const op of ofKind("mov")) {
    check(
      op,
      (imm) => [new Instruction(op, 0, op.form === "reg" ? 2 : 0, 0, op.form === "imm" ? imm : 0)],
      (_a, b) => op.sign > 0 ? signExtend(b, op.sign, op.width) : op.width === 32 ? low32(b) : b,
    );
  }
});

Deno.test("a cast between address spaces keeps the low half", () => {
  const op = ofKind("cast")[0];
  check(op, () => [new Instruction(op, 0, 2, 0, 1)], (_a, b) => low32(b));
});

Deno.test("conditions agree with the table", () => {
  for (const op of ofKind("branch")) {
    check(
      op,
      (imm) => [
        new Instruction(op, 0, op.form === "reg" ? 2 : 0, 2, op.form === "imm" ? imm : 0),
        new Instruction(MOV, 0, 0, 0, 0),
        new Instruction(EXIT),
        new Instruction(MOV, 0, 0, 0, 1),
      ],
      (a, b) => evalCond(op.fn as Cond, op.width, a, b) ? 1n : 0n,
    );
  }
});

Deno.test("loads and stores of every size agree with the bytes in both byte orders", () => {
  const store = findOp({ kind: "store", size: 8, form: "reg" });
  for (const order of ["little", "big"] as const) {
    for (const op of ofKind("load")) {
      const insns = [new Instruction(store, 10, 2, -8), new Instruction(op, 0, 10, -8)];
      const bits = op.size * 8;
      check(op, () => insns, (_a, b) => {
        const part = order === "little" ? b : b >> BigInt(64 - bits);
        return op.sign > 0 ? signExtend(part, op.sign) : BigInt.asUintN(bits, part);
      }, order);
    }
    for (const op of ofKind("store").filter(({ form }) => form === "reg")) {
      const load = findOp({ kind: "load", size: op.size });
      const insns = [new Instruction(op, 10, 2, -8), new Instruction(load, 0, 10, -8)];
      check(op, () => insns, (_a, b) => BigInt.asUintN(op.size * 8, b), order);
    }
  }
});

Deno.test("atomics agree with the table", () => {
  const storeWide = findOp({ kind: "store", size: 8, form: "reg" });
  const loadWide = findOp({ kind: "load", size: 8 });
  const mov = findOp({ kind: "mov", form: "reg" });
  for (const op of ofKind("atomic")) {
    const { eval: evaluate, fetches } = ATOMIC[op.fn as AtomicOp];
    const bits = op.size * 8;
    const acquire = op.fn === "load_acquire", compares = op.fn === "cmpxchg";
    const before = [
      new Instruction(mov, 3, 0),
      new Instruction(storeWide, 10, 0, -8),
      acquire ? new Instruction(op, 3, 10, -8) : new Instruction(op, 10, 2, -8),
    ];
    const narrow = (value: bigint): bigint => BigInt.asUintN(bits, value);
    const memory = (a: bigint, b: bigint): bigint =>
      a >> BigInt(bits) << BigInt(bits) | narrow(evaluate(narrow(a), narrow(b), narrow(a)));
    check(op, () => [...before, new Instruction(loadWide, 0, 10, -8)], memory);
    const result = compares ? 0 : acquire ? 3 : 2;
    check(
      op,
      () => [...before, new Instruction(mov, 0, result)],
      (a, b) => fetches ? narrow(a) : b,
    );
  }
});
