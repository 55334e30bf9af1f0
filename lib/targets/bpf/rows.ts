/**
 * Rows of the instruction table by what lowering asks for, looked up once.
 *
 * @module
 */

import type { ByteOrder } from "../../bytes.ts";
import {
  ALU,
  type AluOp,
  ATOMIC,
  type AtomicOp,
  COND,
  type Cond,
  findOp,
  LDDW_KINDS,
  type Op,
  type Size,
  UNARY,
  type UnaryOp,
  type Version,
  type Width,
} from "../../isa/ops.ts";

type Form = "imm" | "reg";

/** A table of rows by name, made once. */
function table<K extends string>(names: readonly K[], make: (name: K) => Op): Record<K, Op> {
  return Object.fromEntries(names.map((name) => [name, make(name)])) as Record<K, Op>;
}

const ALU_OPS = Object.keys(ALU) as AluOp[];
const CONDS = Object.keys(COND) as Cond[];
const UNARY_OPS = Object.keys(UNARY) as UnaryOp[];
const SIZES: readonly Size[] = [1, 2, 4, 8];

function byFormAndWidth(kind: "alu" | "branch", names: readonly string[]): Record<string, Op>[] {
  const result: Record<string, Op>[] = [];
  for (const width of [32, 64] as const) {
    for (const form of ["imm", "reg"] as const) {
      result.push(table(names, (fn) => findOp({ kind, fn, width, form })));
    }
  }
  return result;
}
const place = (width: Width, form: Form): number =>
  (width === 64 ? 2 : 0) + (form === "reg" ? 1 : 0);

const aluRows = byFormAndWidth("alu", ALU_OPS);
const branchRows = byFormAndWidth("branch", CONDS);
const negRows = {
  32: findOp({ kind: "unary", fn: "neg", width: 32 }),
  64: findOp({ kind: "unary", fn: "neg" }),
};
const swapRows: Record<string, Op> = table(
  UNARY_OPS.filter((fn) => fn !== "neg"),
  (fn) => findOp({ kind: "unary", fn }),
);
const lddwRows: Record<string, Op> = table(LDDW_KINDS, (fn) => findOp({ kind: "lddw", fn }));
const callRows = table(["helper", "local", "kfunc"] as const, (fn) => findOp({ kind: "call", fn }));

const key = (size: number, more: number): number => size * 64 + more;
const loadRows = new Map<number, Op>();
const storeRows = new Map<number, Op>();
const atomicRows = new Map<string, Op>();
for (const size of SIZES) {
  loadRows.set(key(size, 0), findOp({ kind: "load", size }));
  if (size < 8) {
    const sign = (size * 8) as 8 | 16 | 32;
    loadRows.set(key(size, sign), findOp({ kind: "load", size, sign }));
  }
  storeRows.set(key(size, 0), findOp({ kind: "store", size, form: "imm" }));
  storeRows.set(key(size, 1), findOp({ kind: "store", size, form: "reg" }));
  for (const [fn, { sizes }] of Object.entries(ATOMIC)) {
    if (sizes.includes(size)) atomicRows.set(`${fn} ${size}`, findOp({ kind: "atomic", fn, size }));
  }
}

/** Rows of the instruction table. */
export const Rows = {
  cast: findOp({ kind: "cast" }) as Op,
  callx: findOp({ kind: "callx" }) as Op,
  mayGoto: findOp({ kind: "may_goto" }) as Op,

  aluRow(fn: string): (typeof ALU)[AluOp] {
    return ALU[fn as AluOp];
  },
  alu(fn: string, width: Width, form: Form): Op {
    return aluRows[place(width, form)][fn];
  },
  branch(fn: Cond, width: Width, form: Form): Op {
    return branchRows[place(width, form)][fn];
  },
  /** Below v4 a byte swap is the conversion from the other byte order. */
  unary(
    fn: string,
    width: Width,
    target: { readonly cpu: Version; readonly order: ByteOrder },
  ): Op {
    if (fn === "neg") return negRows[width];
    const row = UNARY[fn as UnaryOp];
    if (row.version > target.cpu && fn.startsWith("bswap")) {
      const other = target.order === "little" ? "be" : "le";
      return swapRows[`${other}${row.bits}`];
    }
    return swapRows[fn];
  },
  movsx(width: Width, sign: 0 | 8 | 16 | 32): Op {
    return findOp({ kind: "mov", form: "reg", width, sign });
  },
  load(size: number, sign: number): Op {
    return loadRows.get(key(size, sign))!;
  },
  store(size: number, form: Form): Op {
    return storeRows.get(key(size, form === "reg" ? 1 : 0))!;
  },
  atomic(fn: AtomicOp, size: number): Op {
    return atomicRows.get(`${fn} ${size}`)!;
  },
  packet(fn: string, size: number): Op {
    return findOp({ kind: "packet", fn, size: size as Size });
  },
  lddw(fn: string): Op {
    return lddwRows[fn];
  },
  call(fn: "helper" | "local" | "kfunc"): Op {
    return callRows[fn];
  },
};
