import { equal } from "node:assert/strict";
import fc from "fast-check";
import {
  ALU,
  type AluOp,
  COND,
  type Cond,
  evalAlu,
  evalCond,
  evalUnary,
  signExtend,
  UNARY,
  type UnaryOp,
  type Width,
} from "../../lib/isa/ops.ts";
import { SEED } from "./generators.ts";

/** A pattern as a number of the width, unsigned and signed: what a typed array keeps of it. */
function cell(value: bigint, width: Width): { u: bigint; s: bigint } {
  if (width === 32) {
    const word = Number(value & 0xffff_ffffn);
    return { u: BigInt(word >>> 0), s: BigInt(word | 0) };
  }
  return { u: new BigUint64Array([value])[0], s: new BigInt64Array([value])[0] };
}

/** RFC 9669 section 4.1, by cases. */
function reference(fn: AluOp, width: Width, x: bigint, y: bigint): bigint {
  const a = cell(x, width), b = cell(y, width);
  const amount = b.u % BigInt(width);
  const power = 2n ** amount;
  const abs = (n: bigint) => n < 0n ? -n : n;
  const result = (): bigint => {
    switch (fn) {
      case "add":
        return a.u + b.u;
      case "sub":
        return a.u - b.u;
      case "mul":
        return a.u * b.u;
      case "div":
        return b.u === 0n ? 0n : a.u / b.u;
      case "mod":
        return b.u === 0n ? a.u : a.u - (a.u / b.u) * b.u;
      case "sdiv": {
        if (b.s === 0n) return 0n;
        const quotient = abs(a.s) / abs(b.s);
        return (a.s < 0n) === (b.s < 0n) ? quotient : -quotient;
      }
      case "smod": {
        if (b.s === 0n) return a.s;
        const rest = abs(a.s) % abs(b.s);
        return a.s < 0n ? -rest : rest;
      }
      case "or":
        return a.u + b.u - (a.u & b.u);
      case "and":
        return a.u & b.u;
      case "xor":
        return a.u + b.u - 2n * (a.u & b.u);
      case "lsh":
        return a.u * power;
      case "rsh":
        return a.u / power;
      case "arsh":
        return a.s >= 0n ? a.s / power : -((-a.s + power - 1n) / power);
    }
  };
  return cell(result(), width).u;
}

const pattern = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.constantFrom(0n, 1n, 2n, 31n, 32n, 33n, 63n, 64n, 65n),
  fc.constantFrom(0x7fff_ffffn, 0x8000_0000n, 0xffff_ffffn, 0x1_0000_0000n, 0xffff_ffff_0000_0000n),
  fc.constantFrom(2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n, 0x8000_0000_8000_0000n),
);

Deno.test("arithmetic equals the reference", () => {
  for (const fn of Object.keys(ALU) as AluOp[]) {
    for (const width of [32, 64] as const) {
      fc.assert(
        fc.property(pattern, pattern, (a, b) => {
          equal(evalAlu(fn, width, a, b), reference(fn, width, a, b), `${fn}${width} ${a} ${b}`);
        }),
        { numRuns: 500, seed: SEED },
      );
    }
  }
});

Deno.test("division at its edges", () => {
  const min64 = 2n ** 63n, min32 = 2n ** 31n, one = 2n ** 64n - 1n;
  equal(evalAlu("sdiv", 64, min64, one), min64);
  equal(evalAlu("smod", 64, min64, one), 0n);
  equal(evalAlu("sdiv", 32, min32, one), min32);
  equal(evalAlu("smod", 32, min32, one), 0n);
  for (const fn of ["div", "sdiv"] as const) {
    equal(evalAlu(fn, 64, 7n, 0n), 0n);
    equal(evalAlu(fn, 32, 7n, 1n << 32n), 0n);
  }
  for (const fn of ["mod", "smod"] as const) {
    equal(evalAlu(fn, 64, one, 0n), one);
    equal(evalAlu(fn, 32, one, 1n << 32n), 0xffff_ffffn);
  }
  equal(evalAlu("sdiv", 64, -7n, 2n), BigInt.asUintN(64, -3n));
  equal(evalAlu("smod", 64, -7n, 2n), one);
  equal(evalAlu("smod", 64, 7n, -2n), 1n);
});

Deno.test("shift amounts are masked to the width", () => {
  equal(evalAlu("lsh", 64, 1n, 64n), 1n);
  equal(evalAlu("lsh", 32, 1n, 32n), 1n);
  equal(evalAlu("lsh", 32, 1n, 63n), 0x8000_0000n);
  equal(evalAlu("arsh", 32, 0x8000_0000n, 31n), 0xffff_ffffn);
  equal(evalAlu("arsh", 64, 2n ** 63n, 63n), 2n ** 64n - 1n);
});

Deno.test("conditions equal the reference, their inverse and their swap", () => {
  const relations: { readonly [fn: string]: (order: number) => boolean } = {
    eq: (order) => order === 0,
    ne: (order) => order !== 0,
    gt: (order) => order > 0,
    ge: (order) => order >= 0,
    lt: (order) => order < 0,
    le: (order) => order <= 0,
  };
  const order = (a: bigint, b: bigint) => a < b ? -1 : a > b ? 1 : 0;
  for (const fn of Object.keys(COND) as Cond[]) {
    for (const width of [32, 64] as const) {
      fc.assert(
        fc.property(pattern, pattern, (x, y) => {
          const a = cell(x, width), b = cell(y, width);
          const relation = relations[fn.replace(/^s(?=[gl])/, "")];
          const expected = fn === "set"
            ? (a.u & b.u) !== 0n
            : relation(fn.startsWith("s") ? order(a.s, b.s) : order(a.u, b.u));
          equal(evalCond(fn, width, x, y), expected);
          equal(evalCond(COND[fn].swapped, width, y, x), expected);
          const { inverse } = COND[fn];
          if (inverse !== null) equal(evalCond(inverse, width, x, y), !expected);
        }),
        { numRuns: 300, seed: SEED },
      );
    }
  }
});

/** Byte swaps through a DataView: the value written in one order and read in another. */
function swapReference(fn: UnaryOp, a: bigint, bigEndian: boolean): bigint {
  const { bits } = UNARY[fn];
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, a, true);
  const low = [...new Uint8Array(view.buffer, 0, bits / 8)];
  const keeps = fn.startsWith("bswap") ? false : fn.startsWith("be") === bigEndian;
  if (!keeps) low.reverse();
  return low.reduceRight((value, byte) => value << 8n | BigInt(byte), 0n);
}

Deno.test("negation and byte swaps equal the reference in both byte orders", () => {
  for (const fn of Object.keys(UNARY) as UnaryOp[]) {
    fc.assert(
      fc.property(pattern, fc.boolean(), (a, bigEndian) => {
        if (fn === "neg") {
          equal(evalUnary(fn, 64, a), reference("sub", 64, 0n, a));
          equal(evalUnary(fn, 32, a), reference("sub", 32, 0n, a));
        } else equal(evalUnary(fn, 64, a, bigEndian), swapReference(fn, a, bigEndian));
      }),
      { numRuns: 300, seed: SEED },
    );
  }
});

Deno.test("sign extension", () => {
  equal(signExtend(0x80n, 8), 0xffff_ffff_ffff_ff80n);
  equal(signExtend(0x80n, 8, 32), 0xffff_ff80n);
  equal(signExtend(0x1_7fffn, 16), 0x7fffn);
  equal(signExtend(0x8000_0000n, 32), 0xffff_ffff_8000_0000n);
});
