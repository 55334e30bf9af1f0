import assert from "node:assert/strict";
import { Builder } from "../../../lib/ir/builder.ts";
import { IrFunction } from "../../../lib/ir/function.ts";
import {
  ALU,
  type AluOp,
  evalAlu,
  evalUnary,
  signExtend,
  UNARY,
  type UnaryOp,
} from "../../../lib/isa/ops.ts";
import { Facts } from "../../../lib/passes/analysis/facts.ts";
import { rangesOf } from "../../../lib/passes/analysis/ranges.ts";
import { transfer } from "../../../lib/passes/analysis/transfer.ts";
import { Random } from "../../support/random.ts";

const MASK = (1n << 64n) - 1n;

function pattern(random: Random): bigint {
  const bits = BigInt(random.pick([0, 1, 3, 8, 16, 31, 32, 33, 48, 53, 63, 64]));
  const word = (): bigint => BigInt(random.below(0x1_0000)) << 16n | BigInt(random.below(0x1_0000));
  const value = (word() << 32n | word()) & ((1n << bits) - 1n);
  return random.below(4) === 0 ? -value & MASK : value;
}

/** Facts that hold of a few patterns, and the patterns. */
function someFacts(random: Random): { facts: Facts; members: bigint[] } {
  const members = [pattern(random)];
  while (random.below(3) > 0) {
    const last = members[members.length - 1];
    members.push(random.below(2) === 0 ? pattern(random) : (last + BigInt(random.below(9))) & MASK);
  }
  const facts = new Facts().exactly(members[0]);
  for (const member of members) facts.join(new Facts().exactly(member));
  return { facts: facts.settle(), members };
}

function holds(facts: Facts, value: bigint): boolean {
  const low = Number(BigInt.asIntN(32, value)), high = Number(BigInt.asIntN(32, value >> 32n));
  const signed = BigInt.asIntN(64, value);
  const atMost = (a: number, b: bigint): boolean => a === -Infinity || BigInt(a) <= b;
  const atLeast = (a: number, b: bigint): boolean => a === Infinity || BigInt(a) >= b;
  return atMost(facts.min, value) && atLeast(facts.max, value) &&
    atMost(facts.signedMin, signed) && atLeast(facts.signedMax, signed) &&
    ((facts.zeroLow & low) | (facts.zeroHigh & high)) === 0 &&
    (facts.oneLow & low) === facts.oneLow && (facts.oneHigh & high) === facts.oneHigh;
}

Deno.test("what is said of a result holds for all operands of which the facts hold", () => {
  const random = new Random(7);
  const fn = new IrFunction("f");
  const builder = new Builder(fn).atEnd(fn.newBlock());
  const x = builder.param(), y = builder.param();
  const out = new Facts();
  const ops = Object.keys(ALU) as AluOp[], unaries = Object.keys(UNARY) as UnaryOp[];
  for (let round = 0; round < 60_000; round++) {
    const a = someFacts(random), b = someFacts(random);
    if (random.below(2) === 0) {
      b.members = [BigInt(random.below(64))];
      b.facts.exactly(b.members[0]);
    }
    const width = random.pick([32, 64] as const);
    const kind = random.below(4);
    const op = random.pick(ops), one = random.pick(unaries);
    const bits = random.pick([8, 16, 32] as const);
    const value = kind < 2
      ? builder.alu(op, width, x, y)
      : kind === 2
      ? builder.unary(one, one === "neg" ? width : 64, x)
      : builder.sext(x, bits, bits === 32 ? 64 : width);
    const said = `${value.op} ${value.fn}.${value.width} of ${a.members} and ${b.members}`;
    transfer(value, new Facts().set(a.facts), new Facts().set(b.facts), out);
    for (const p of a.members) {
      for (const q of b.members) {
        const result = kind < 2
          ? evalAlu(op, width, p, q)
          : kind === 2
          ? evalUnary(one, value.width, p)
          : signExtend(p, bits, value.width);
        assert(holds(out, result), `${said}: ${JSON.stringify(out)} for 0x${result.toString(16)}`);
      }
    }
  }
});

Deno.test("a counter of 32 bits keeps its high half at zero around a loop", () => {
  const fn = new IrFunction("f");
  const [entry, loop, end] = [fn.newBlock(), fn.newBlock(), fn.newBlock()];
  const builder = new Builder(fn).atEnd(entry);
  const base = builder.param();
  builder.jump(loop, [fn.constant(0)]);
  const count = builder.atEnd(loop).param();
  const byte = builder.load(1, base, 0);
  const next = builder.alu("add", 32, count, byte);
  builder.branch("lt", 32, next, fn.constant(100), loop, end, [next]);
  builder.atEnd(end).ret(next);
  const ranges = rangesOf(fn);
  assert.equal(ranges.knownZeroHigh(count), true);
  assert.equal(ranges.knownZeroHigh(base), false);
  assert.deepEqual([ranges.min(byte), ranges.max(byte)], [0, 255]);
  assert.equal(ranges.knownZeros(byte), MASK ^ 0xffn);
  assert.equal(ranges.knownOnes(fn.constant(-1)), MASK);
});
