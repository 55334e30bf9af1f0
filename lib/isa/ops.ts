/**
 * The instruction table: every instruction of RFC 9669 and of Linux, one row each. Opcode, selectors, operands, first
 * ISA version and, for arithmetic and conditions, the meaning. The codec, both assemblers, the lifter, the constant
 * folder, the interpreter and the targets read it; nobody downstream looks at raw bits.
 *
 * To add an instruction, add its row here and follow the type errors.
 *
 * @module
 */

/** Width in bits of an arithmetic operation or comparison. A 32-bit result is zero-extended. */
export type Width = 32 | 64;
/** Size in bytes of a memory access. */
export type Size = 1 | 2 | 4 | 8;
/** ISA version, as `-mcpu=vN` of LLVM counts it. */
export type Version = 1 | 2 | 3 | 4;

/** What kind of instruction: the sum type that consumers switch over. */
export type Kind =
  | "alu" // dst = dst `fn` (src | imm)
  | "unary" // dst = `fn` dst: negation and byte swaps
  | "mov" // dst = src | imm; `sign` bits of src are sign-extended when not 0
  | "cast" // dst = src moved between address spaces, imm = to << 16 | from
  | "lddw" // dst = 64-bit immediate or what `fn` says it stands for; two slots
  | "load" // dst = memory[src + off], zero- or sign-extended
  | "store" // memory[dst + off] = src | imm
  | "atomic" // memory[dst + off] `fn`= src, perhaps fetching
  | "packet" // r0 = packet[(src) + imm], legacy, big-endian
  | "goto" // unconditional, by off (`near`) or imm (`far`)
  | "branch" // if dst `fn` (src | imm) goto off
  | "may_goto" // goto off when the kernel's budget is spent
  | "gotox" // goto address in dst, an entry of a jump table
  | "call" // helper, local function or kfunc, as `fn` says
  | "callx" // call of the address (or helper id) in dst
  | "exit" // return r0
  | "invalid"; // an undefined encoding, kept to the bit

/** Binary arithmetic. */
export type AluOp =
  | "add"
  | "sub"
  | "mul"
  | "div"
  | "sdiv"
  | "mod"
  | "smod"
  | "or"
  | "and"
  | "xor"
  | "lsh"
  | "rsh"
  | "arsh";
/** Unary arithmetic. `le`/`be` convert between host (the object's) order and the named one, truncating. */
export type UnaryOp =
  | "neg"
  | "le16"
  | "le32"
  | "le64"
  | "be16"
  | "be32"
  | "be64"
  | "bswap16"
  | "bswap32"
  | "bswap64";
/** Condition of a branch; `set` is `(a & b) != 0`. */
export type Cond = "eq" | "ne" | "set" | "gt" | "ge" | "lt" | "le" | "sgt" | "sge" | "slt" | "sle";
/** Atomic operation on memory. */
export type AtomicOp =
  | "add"
  | "or"
  | "and"
  | "xor"
  | "fetch_add"
  | "fetch_or"
  | "fetch_and"
  | "fetch_xor"
  | "xchg"
  | "cmpxchg"
  | "load_acquire"
  | "store_release";
/** What the immediate of an `lddw` stands for; selected by its src field (linux/bpf.h BPF_PSEUDO_*). */
export type LddwKind =
  | "imm64"
  | "map_fd"
  | "map_value"
  | "btf_id"
  | "func"
  | "map_idx"
  | "map_idx_value";
/** What a `call` calls; selected by its src field. */
export type CallKind = "helper" | "local" | "kfunc";

const MASK64 = 0xffff_ffff_ffff_ffffn;
const MASK32 = 0xffff_ffffn;

/** The low `width` bits of a 64-bit pattern. */
function low(value: bigint, width: Width): bigint {
  return width === 64 ? value & MASK64 : value & MASK32;
}
function signed(value: bigint, width: number): bigint {
  return BigInt.asIntN(width, value);
}

/** Facts about a binary operation. */
export interface AluRow {
  /** The operation bits of the opcode. */
  readonly code: number;
  /** Value of the offset field that selects it. */
  readonly off: number;
  /** The first ISA version that has it. */
  readonly version: Version;
  /** Whether the operands can be exchanged. */
  readonly commutative: boolean;
  /** The operator of the pseudo-C syntax, without `=`. */
  readonly sign: string;
  /** Its meaning: takes patterns of the width, returns any integer congruent to the result. */
  readonly eval: (a: bigint, b: bigint, width: Width) => bigint;
}

/** Shift amounts are masked to the width (RFC 9669 section 4.1). */
const shift = (b: bigint, width: Width): bigint => b & BigInt(width - 1);

/**
 * Binary arithmetic (RFC 9669 section 4.1). Division by zero gives 0, modulo by zero the dividend; the most negative
 * number divided by -1 is itself.
 */
// deno-fmt-ignore
export const ALU: { readonly [K in AluOp]: AluRow } = {
  add:  { code: 0x00, off: 0, version: 1, commutative: true,  sign: "+",   eval: (a, b) => a + b },
  sub:  { code: 0x10, off: 0, version: 1, commutative: false, sign: "-",   eval: (a, b) => a - b },
  mul:  { code: 0x20, off: 0, version: 1, commutative: true,  sign: "*",   eval: (a, b) => a * b },
  div:  { code: 0x30, off: 0, version: 1, commutative: false, sign: "/",   eval: (a, b) => b === 0n ? 0n : a / b },
  or:   { code: 0x40, off: 0, version: 1, commutative: true,  sign: "|",   eval: (a, b) => a | b },
  and:  { code: 0x50, off: 0, version: 1, commutative: true,  sign: "&",   eval: (a, b) => a & b },
  lsh:  { code: 0x60, off: 0, version: 1, commutative: false, sign: "<<",  eval: (a, b, w) => a << shift(b, w) },
  rsh:  { code: 0x70, off: 0, version: 1, commutative: false, sign: ">>",  eval: (a, b, w) => a >> shift(b, w) },
  mod:  { code: 0x90, off: 0, version: 1, commutative: false, sign: "%",   eval: (a, b) => b === 0n ? a : a % b },
  xor:  { code: 0xa0, off: 0, version: 1, commutative: true,  sign: "^",   eval: (a, b) => a ^ b },
  arsh: { code: 0xc0, off: 0, version: 1, commutative: false, sign: "s>>", eval: (a, b, w) => signed(a, w) >> shift(b, w) },
  sdiv: { code: 0x30, off: 1, version: 4, commutative: false, sign: "s/",  eval: (a, b, w) => b === 0n ? 0n : signed(a, w) / signed(b, w) },
  smod: { code: 0x90, off: 1, version: 4, commutative: false, sign: "s%",  eval: (a, b, w) => b === 0n ? a : signed(a, w) % signed(b, w) },
};

/** The bytes of the low `bits` of a value in reverse. */
function swapped(value: bigint, bits: number): bigint {
  let result = 0n;
  for (let i = 0; i < bits; i += 8) result = (result << 8n) | ((value >> BigInt(i)) & 0xffn);
  return result;
}
const truncated = (value: bigint, bits: number): bigint => value & ((1n << BigInt(bits)) - 1n);

/** Facts about a unary operation. */
export interface UnaryRow {
  /** Bits of the result of a byte swap; 0 for negation. */
  readonly bits: 0 | 16 | 32 | 64;
  /** The first ISA version that has it. */
  readonly version: Version;
  /** Its meaning; `bigEndian` is the byte order of the program. */
  readonly eval: (a: bigint, bigEndian: boolean) => bigint;
}

/** Negation and byte swaps (RFC 9669 sections 4.1 and 4.2). */
// deno-fmt-ignore
export const UNARY: { readonly [K in UnaryOp]: UnaryRow } = {
  neg:     { bits: 0,  version: 1, eval: (a) => -a },
  le16:    { bits: 16, version: 1, eval: (a, big) => big ? swapped(a, 16) : truncated(a, 16) },
  le32:    { bits: 32, version: 1, eval: (a, big) => big ? swapped(a, 32) : truncated(a, 32) },
  le64:    { bits: 64, version: 1, eval: (a, big) => big ? swapped(a, 64) : a },
  be16:    { bits: 16, version: 1, eval: (a, big) => big ? truncated(a, 16) : swapped(a, 16) },
  be32:    { bits: 32, version: 1, eval: (a, big) => big ? truncated(a, 32) : swapped(a, 32) },
  be64:    { bits: 64, version: 1, eval: (a, big) => big ? a : swapped(a, 64) },
  bswap16: { bits: 16, version: 4, eval: (a) => swapped(a, 16) },
  bswap32: { bits: 32, version: 4, eval: (a) => swapped(a, 32) },
  bswap64: { bits: 64, version: 4, eval: (a) => swapped(a, 64) },
};

/** Facts about a condition. */
export interface CondRow {
  /** The operation bits of the opcode. */
  readonly code: number;
  /** The first ISA version that has it, with 64 bits. */
  readonly version: Version;
  /** The operator of the pseudo-C syntax. */
  readonly sign: string;
  /** The condition that holds exactly when this one does not; `set` has none. */
  readonly inverse: Cond | null;
  /** The condition with its operands exchanged. */
  readonly swapped: Cond;
  /** Its meaning: takes patterns of the width. */
  readonly eval: (a: bigint, b: bigint, width: Width) => boolean;
}

/** Conditions (RFC 9669 section 4.3). */
// deno-fmt-ignore
export const COND: { readonly [K in Cond]: CondRow } = {
  eq:  { code: 0x10, version: 1, sign: "==",  inverse: "ne",  swapped: "eq",  eval: (a, b) => a === b },
  gt:  { code: 0x20, version: 1, sign: ">",   inverse: "le",  swapped: "lt",  eval: (a, b) => a > b },
  ge:  { code: 0x30, version: 1, sign: ">=",  inverse: "lt",  swapped: "le",  eval: (a, b) => a >= b },
  set: { code: 0x40, version: 1, sign: "&",   inverse: null,  swapped: "set", eval: (a, b) => (a & b) !== 0n },
  ne:  { code: 0x50, version: 1, sign: "!=",  inverse: "eq",  swapped: "ne",  eval: (a, b) => a !== b },
  sgt: { code: 0x60, version: 1, sign: "s>",  inverse: "sle", swapped: "slt", eval: (a, b, w) => signed(a, w) > signed(b, w) },
  sge: { code: 0x70, version: 1, sign: "s>=", inverse: "slt", swapped: "sle", eval: (a, b, w) => signed(a, w) >= signed(b, w) },
  lt:  { code: 0xa0, version: 2, sign: "<",   inverse: "ge",  swapped: "gt",  eval: (a, b) => a < b },
  le:  { code: 0xb0, version: 2, sign: "<=",  inverse: "gt",  swapped: "ge",  eval: (a, b) => a <= b },
  slt: { code: 0xc0, version: 2, sign: "s<",  inverse: "sge", swapped: "sgt", eval: (a, b, w) => signed(a, w) < signed(b, w) },
  sle: { code: 0xd0, version: 2, sign: "s<=", inverse: "sgt", swapped: "sge", eval: (a, b, w) => signed(a, w) <= signed(b, w) },
};

/** Facts about an atomic operation. */
export interface AtomicRow {
  /** The immediate that selects it. */
  readonly imm: number;
  /** The first ISA version that has it. */
  readonly version: Version;
  /** Whether the old value of memory is a result: in src, or in r0 for `cmpxchg`, or in dst for `load_acquire`. */
  readonly fetches: boolean;
  /** Bytes of memory that it can access. */
  readonly sizes: readonly Size[];
  /** The new memory from the old, the source operand and the expected value (`cmpxchg`). */
  readonly eval: (old: bigint, source: bigint, expected: bigint) => bigint;
}

/** Atomic operations (RFC 9669 section 5.3; load-acquire and store-release: Linux 6.15). */
// deno-fmt-ignore
export const ATOMIC: { readonly [K in AtomicOp]: AtomicRow } = {
  add:           { imm: 0x00,  version: 1, fetches: false, sizes: [4, 8], eval: (m, s) => m + s },
  or:            { imm: 0x40,  version: 3, fetches: false, sizes: [4, 8], eval: (m, s) => m | s },
  and:           { imm: 0x50,  version: 3, fetches: false, sizes: [4, 8], eval: (m, s) => m & s },
  xor:           { imm: 0xa0,  version: 3, fetches: false, sizes: [4, 8], eval: (m, s) => m ^ s },
  fetch_add:     { imm: 0x01,  version: 3, fetches: true,  sizes: [4, 8], eval: (m, s) => m + s },
  fetch_or:      { imm: 0x41,  version: 3, fetches: true,  sizes: [4, 8], eval: (m, s) => m | s },
  fetch_and:     { imm: 0x51,  version: 3, fetches: true,  sizes: [4, 8], eval: (m, s) => m & s },
  fetch_xor:     { imm: 0xa1,  version: 3, fetches: true,  sizes: [4, 8], eval: (m, s) => m ^ s },
  xchg:          { imm: 0xe1,  version: 3, fetches: true,  sizes: [4, 8], eval: (_, s) => s },
  cmpxchg:       { imm: 0xf1,  version: 3, fetches: true,  sizes: [4, 8], eval: (m, s, e) => m === e ? s : m },
  load_acquire:  { imm: 0x100, version: 4, fetches: true,  sizes: [1, 2, 4, 8], eval: (m) => m },
  store_release: { imm: 0x110, version: 4, fetches: false, sizes: [1, 2, 4, 8], eval: (_, s) => s },
};

/** The pseudo forms of `lddw` by the value of the src field (linux/bpf.h). */
export const LDDW_KINDS: readonly LddwKind[] = [
  "imm64",
  "map_fd",
  "map_value",
  "btf_id",
  "func",
  "map_idx",
  "map_idx_value",
];
/** The forms of `call` by the value of the src field (RFC 9669 section 4.3.1). */
export const CALL_KINDS: readonly CallKind[] = ["helper", "local", "kfunc"];

/** The fields of an instruction that an operation uses as operands; all others are zero or a selector. */
export const FIELD = { dst: 1, src: 2, off: 4, imm: 8 } as const;

/** A row of the instruction table. All rows have all fields, so that reading one is monomorphic. */
export interface Op {
  /** Index of the row in {@link OPS}. */
  readonly id: number;
  /** What kind of instruction. */
  readonly kind: Kind;
  /**
   * Which one of its kind: an {@link AluOp}, {@link UnaryOp}, {@link Cond}, {@link AtomicOp}, {@link LddwKind},
   * {@link CallKind}, `near`/`far` (goto), `abs`/`ind` (packet), or empty.
   */
  readonly fn: string;
  /** Width in bits of the operation; 64 where it has no meaning. */
  readonly width: Width;
  /** `imm` if the second operand is the immediate, `reg` if it is src, empty if there is no choice. */
  readonly form: "imm" | "reg" | "";
  /** Bytes of memory accessed, 0 for none. */
  readonly size: Size | 0;
  /** Bits sign-extended by a `mov` (8, 16, 32), or by a `load` (8 × size); 0 for none. */
  readonly sign: 0 | 8 | 16 | 32;
  /** The opcode byte. */
  readonly code: number;
  /** Value of the off field that selects this row; 0 when off is an operand or reserved. */
  readonly off: number;
  /** Value of the imm field that selects this row; 0 when imm is an operand or reserved. */
  readonly imm: number;
  /** Value of the src field that selects this row; 0 when src is an operand or reserved. */
  readonly src: number;
  /** The operand fields, a sum of {@link FIELD}. */
  readonly fields: number;
  /** The first ISA version that has it. */
  readonly version: Version;
}

const rows: Op[] = [];
const byCode: Op[][] = Array.from({ length: 256 }, () => []);

const { dst: DST, src: SRC, off: OFF, imm: IMM } = FIELD;

function row(kind: Kind, code: number, fields: number, more: Partial<Op> = {}): void {
  const op: Op = {
    id: rows.length,
    kind,
    fn: "",
    width: 64,
    form: "",
    size: 0,
    sign: 0,
    code,
    off: 0,
    imm: 0,
    src: 0,
    fields,
    version: 1,
    ...more,
  };
  rows.push(op);
  byCode[code].push(op);
}

// Instruction classes and modifiers (RFC 9669 section 3).
const LD = 0, LDX = 1, ST = 2, STX = 3, ALU32 = 4, JMP = 5, JMP32 = 6, ALU64 = 7;
const X = 0x08;
const SIZE_CODE: { readonly [K in Size]: number } = { 4: 0x00, 2: 0x08, 1: 0x10, 8: 0x18 };
const SIZES: readonly Size[] = [1, 2, 4, 8];
const later = (a: Version, b: Version): Version => a > b ? a : b;

for (const width of [64, 32] as const) {
  const cls = width === 64 ? ALU64 : ALU32;
  for (const [fn, { code, off, version }] of Object.entries(ALU)) {
    row("alu", cls | code, DST | IMM, { fn, width, form: "imm", off, version });
    row("alu", cls | code | X, DST | SRC, { fn, width, form: "reg", off, version });
  }
  row("unary", cls | 0x80, DST, { fn: "neg", width });
  row("mov", cls | 0xb0, DST | IMM, { width, form: "imm" });
  for (const sign of width === 64 ? [0, 8, 16, 32] as const : [0, 8, 16] as const) {
    const version = sign === 0 ? 1 : 4;
    row("mov", cls | 0xb0 | X, DST | SRC, { width, form: "reg", sign, off: sign, version });
  }
}
for (const [fn, { bits, version }] of Object.entries(UNARY)) {
  if (bits === 0) continue;
  const code = fn.startsWith("bswap") ? ALU64 | 0xd0 : ALU32 | 0xd0 | (fn.startsWith("be") ? X : 0);
  row("unary", code, DST, { fn, imm: bits, version });
}
row("cast", ALU64 | 0xb0 | X, DST | SRC | IMM, { off: 1, version: 4 });

LDDW_KINDS.forEach((fn, src) => row("lddw", LD | 0x18, DST | IMM, { fn, src }));
for (const size of SIZES) {
  const code = SIZE_CODE[size];
  row("load", LDX | 0x60 | code, DST | SRC | OFF, { size });
  if (size < 8) {
    const sign = (size * 8) as 8 | 16 | 32;
    row("load", LDX | 0x80 | code, DST | SRC | OFF, { size, sign, version: 4 });
    row("packet", LD | 0x20 | code, IMM, { fn: "abs", size });
    row("packet", LD | 0x40 | code, SRC | IMM, { fn: "ind", size });
  }
  row("store", ST | 0x60 | code, DST | OFF | IMM, { size, form: "imm" });
  row("store", STX | 0x60 | code, DST | SRC | OFF, { size, form: "reg" });
  for (const [fn, { imm, version, sizes }] of Object.entries(ATOMIC)) {
    if (sizes.includes(size)) {
      row("atomic", STX | 0xc0 | code, DST | SRC | OFF, { fn, size, imm, version });
    }
  }
}

row("goto", JMP | 0x00, OFF, { fn: "near" });
row("goto", JMP32 | 0x00, IMM, { fn: "far", version: 4 });
row("gotox", JMP | 0x00 | X, DST, { version: 4 });
for (const width of [64, 32] as const) {
  const cls = width === 64 ? JMP : JMP32;
  for (const [fn, cond] of Object.entries(COND)) {
    const version = width === 64 ? cond.version : later(cond.version, 3);
    row("branch", cls | cond.code, DST | OFF | IMM, { fn, width, form: "imm", version });
    row("branch", cls | cond.code | X, DST | SRC | OFF, { fn, width, form: "reg", version });
  }
}
row("may_goto", JMP | 0xe0, OFF, { version: 4 });
CALL_KINDS.forEach((fn, src) => {
  row("call", JMP | 0x80, fn === "kfunc" ? OFF | IMM : IMM, { fn, src });
});
row("callx", JMP | 0x80 | X, DST);
row("exit", JMP | 0x90, 0);

/** The instruction table. */
export const OPS: readonly Op[] = rows;

/** The rows that share an opcode byte, by that byte. */
export const OPS_BY_CODE: readonly (readonly Op[])[] = byCode;

/** A row for each opcode byte that stands for an undefined encoding; all fields are kept. */
export const INVALID: readonly Op[] = Array.from({ length: 256 }, (_, code): Op => ({
  id: -1,
  kind: "invalid",
  fn: "",
  width: 64,
  form: "",
  size: 0,
  sign: 0,
  code,
  off: 0,
  imm: 0,
  src: 0,
  fields: DST | SRC | OFF | IMM,
  version: 1,
}));

/** What identifies a row within its kind. */
export interface OpKey {
  /** The kind. */
  readonly kind: Kind;
  /** Which one of its kind; see {@link Op.fn}. */
  readonly fn?: string;
  /** Width in bits, 64 by default. */
  readonly width?: Width;
  /** Operand form, none by default. */
  readonly form?: "imm" | "reg" | "";
  /** Bytes accessed, 0 by default. */
  readonly size?: Size | 0;
  /** Bits sign-extended, 0 by default. */
  readonly sign?: 0 | 8 | 16 | 32;
}

const keyOf = (k: OpKey): string =>
  `${k.kind} ${k.fn ?? ""} ${k.width ?? 64} ${k.form ?? ""} ${k.size ?? 0} ${k.sign ?? 0}`;
const byKey = new Map<string, Op>(rows.map((op) => [keyOf(op), op]));

/**
 * Looks for a row of the table that may not exist, as parsers do.
 *
 * @param key What identifies the row.
 * @returns The row, or undefined if there is no such instruction.
 */
export function lookUpOp(key: OpKey): Op | undefined {
  return byKey.get(keyOf(key));
}

/**
 * Finds a row of the table. Do this once, at module level, not for each instruction.
 *
 * @param key What identifies the row.
 * @returns The row.
 * @throws {RangeError} If there is no such instruction.
 */
export function findOp(key: OpKey): Op {
  const op = lookUpOp(key);
  if (op === undefined) throw new RangeError(`no such instruction: ${keyOf(key)}`);
  return op;
}

/**
 * Evaluates binary arithmetic.
 *
 * @param fn The operation.
 * @param width Width in bits of operands and result.
 * @param a First operand, a 64-bit pattern.
 * @param b Second operand, a 64-bit pattern.
 * @returns The result as an unsigned 64-bit pattern, zero-extended if 32 bits wide.
 */
export function evalAlu(fn: AluOp, width: Width, a: bigint, b: bigint): bigint {
  return low(ALU[fn].eval(low(a, width), low(b, width), width), width);
}

/**
 * Evaluates unary arithmetic.
 *
 * @param fn The operation.
 * @param width Width in bits (of negation; a byte swap has its own).
 * @param a The operand, a 64-bit pattern.
 * @param bigEndian Whether the program is big-endian.
 * @returns The result as an unsigned 64-bit pattern.
 */
export function evalUnary(fn: UnaryOp, width: Width, a: bigint, bigEndian = false): bigint {
  return low(UNARY[fn].eval(low(a, width), bigEndian), width);
}

/**
 * Evaluates a condition.
 *
 * @param fn The condition.
 * @param width Width in bits of the comparison.
 * @param a First operand, a 64-bit pattern.
 * @param b Second operand, a 64-bit pattern.
 * @returns Whether it holds.
 */
export function evalCond(fn: Cond, width: Width, a: bigint, b: bigint): boolean {
  return COND[fn].eval(low(a, width), low(b, width), width);
}

/**
 * Sign-extends the low bits of a pattern (MOVSX, sign-extending loads).
 *
 * @param value A 64-bit pattern.
 * @param bits How many low bits hold the signed number.
 * @param width Width in bits of the result.
 * @returns The result as an unsigned 64-bit pattern, zero-extended if 32 bits wide.
 */
export function signExtend(value: bigint, bits: number, width: Width = 64): bigint {
  return low(signed(value, bits), width);
}
