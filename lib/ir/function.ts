/**
 * The intermediate representation: SSA with block parameters.
 *
 * A function is a list of blocks; a block has parameters, instructions and a terminator; edges carry arguments for the
 * parameters of their target. Every value is a 64-bit pattern; width lives on the operation, and a 32-bit operation
 * zero-extends its result. Constants, symbols and the frame pointer are leaves: values without a place, one per
 * function and content.
 *
 * @module
 */

import { invariant } from "../errors.ts";
import type { Cond, Size, Width } from "../isa/ops.ts";
import type { CodeRelocation, CoreRecord } from "../object/program.ts";

/** Operation of a value. The comment gives `args` and the other fields in use. */
export type ValueOp =
  // Leaves: no block, no arguments.
  | "const" // imm: the 64-bit pattern
  | "undef" // no defined value; reading one at run time gives 0 in the virtual machine
  | "frame" // the frame pointer r10
  | "symbol" // ref: an address that a loader fills in (an lddw)
  | "core" // imm, core, width: a constant that CO-RE patches; its form survives
  // Block parameters, function parameters among them.
  | "param"
  // Pure.
  | "copy" // [a]: a 64-bit move
  | "zext" // [a]: the low 32 bits (a 32-bit move)
  | "sext" // [a], sign: bits, width
  | "alu" // [a, b], fn: AluOp, width
  | "unary" // [a], fn: UnaryOp, width
  | "cast" // [a], imm: address spaces, to << 16 | from
  | "select" // [a, b, x, y], fn: Cond, width of the comparison: x if a COND b, else y
  // Memory.
  | "load" // [base], off, size, sign: 0 or the bits sign-extended to 64
  | "store" // [base, value], off, size; no result
  | "atomic" // [base, source, expected?], fn: AtomicOp, off, size; `load_acquire` has [base] only
  // Effects.
  | "packet" // [skb] or [skb, index], fn: abs | ind, imm, size
  | "call"; // arguments r1.. in order, callee; `indirect` callees have the address first

/** What an address leaf stands for: an `lddw` as found, with its relocation. */
export interface SymbolRef {
  /** Pseudo form of the `lddw`: `imm64` when only the relocation says what it is. */
  readonly kind: string;
  /** Low immediate. */
  readonly imm: number;
  /** High immediate. */
  readonly high: number;
  /** ELF relocation, if any. */
  readonly relocation: CodeRelocation | null;
  /** Index of the function of this program whose address it is; -1 for none. */
  readonly target: number;
}

/** What a call calls. */
export type Callee =
  /** A helper function by id (UAPI `enum bpf_func_id`). */
  | { readonly kind: "helper"; readonly id: number }
  /** A function of this program by index; the instruction's own relocation is kept. */
  | {
    readonly kind: "local";
    readonly target: number;
    readonly name: string;
    readonly relocation: CodeRelocation | null;
  }
  /** A kfunc or extern: by relocation, or by BTF id (`imm`) in the BTF of descriptor index `off`. */
  | {
    readonly kind: "kfunc";
    readonly name: string;
    readonly imm: number;
    readonly off: number;
    /** The src field of the instruction: 2, or 1 when a relocation makes it a kfunc. */
    readonly form: "local" | "kfunc";
    readonly relocation: CodeRelocation | null;
  }
  /** The address (or helper id) in the first argument: `callx`. */
  | { readonly kind: "indirect" }
  /** An operation that only some targets have, such as `memory.copy`. */
  | { readonly kind: "intrinsic"; readonly name: string };

/** A value: a leaf, a block parameter or an instruction. All have all fields, so that reading one is monomorphic. */
export class Value {
  /** Dense id, unique in the function. */
  readonly id: number;
  /** The operation. */
  op: ValueOp;
  /** Which operation of its kind; see {@link ValueOp}. */
  fn = "";
  /** Width in bits of the operation. */
  width: Width = 64;
  /** Bytes of memory accessed; 0 for none. */
  size: Size | 0 = 0;
  /** Bits that are sign-extended; 0 for none. */
  sign: 0 | 8 | 16 | 32 = 0;
  /** The operands. */
  args: Value[];
  /** Displacement in bytes of a memory access. */
  off = 0;
  /** Constant: an unsigned 64-bit pattern. */
  imm = 0n;
  /** Of a `symbol`. */
  ref: SymbolRef | null = null;
  /** Of a `call`. */
  callee: Callee | null = null;
  /** CO-RE record: the instruction form must survive. */
  core: CoreRecord | null = null;
  /** Slot in its section of the instruction that it was lifted from; -1 for none. */
  pc: number = -1;
  /** Register that held it in the input, a preference for the allocator; -1 for none. */
  hint: number = -1;
  /** The block that holds it; null for leaves and removed values. */
  block: Block | null = null;

  /**
   * Makes a value without a place.
   *
   * @param id Dense id.
   * @param op The operation.
   * @param args The operands.
   */
  constructor(id: number, op: ValueOp, args: Value[]) {
    this.id = id;
    this.op = op;
    this.args = args;
  }
}

/** Operation of a terminator. */
export type TerminatorOp =
  | "jump" // edges [target]
  | "branch" // args [a, b], fn: Cond, width, edges [taken, otherwise]
  | "may_goto" // edges [taken when the budget is spent, otherwise]
  | "gotox" // args [address], edges: all entries of its jump table
  | "return" // args [result], `undef` if r0 is not set
  | "trap"; // trap: the kind of fault that stops the program

/** Why a `trap` stops the program, by the names of the virtual machine's faults. */
export type TrapKind =
  | "null"
  | "out-of-bounds"
  | "limit"
  | "bad-jump"
  | "end-of-code"
  | "bad-call-target"
  | "unresolved-symbol"
  | "invalid-instruction"
  | "helper";

/** The end of a block. */
export class Terminator {
  /** The operation. */
  op: TerminatorOp;
  /** Condition of a `branch`. */
  fn: Cond | "";
  /** Width in bits of the comparison. */
  width: Width;
  /** The operands. */
  args: Value[];
  /** Edges to the successors. */
  edges: Edge[] = [];
  /** Slot in its section of the instruction that it was lifted from; -1 for none. */
  pc: number = -1;
  /** Why a `trap` stops the program. */
  trap: TrapKind | "" = "";

  /**
   * Makes a terminator without edges.
   *
   * @param op The operation.
   * @param args The operands.
   * @param fn Condition of a `branch`.
   * @param width Width in bits of the comparison.
   */
  constructor(op: TerminatorOp, args: Value[] = [], fn: Cond | "" = "", width: Width = 64) {
    this.op = op;
    this.args = args;
    this.fn = fn;
    this.width = width;
  }
}

/** An edge of the control-flow graph, with an argument for each parameter of its target. */
export class Edge {
  /** The block it leaves. */
  from: Block;
  /** The block it enters. */
  to: Block;
  /** Arguments, parallel to `to.params`. */
  args: Value[];

  /**
   * Makes an edge, without entering it in its blocks.
   *
   * @param from The block it leaves.
   * @param to The block it enters.
   * @param args Arguments, parallel to `to.params`.
   */
  constructor(from: Block, to: Block, args: Value[] = []) {
    this.from = from;
    this.to = to;
    this.args = args;
  }
}

/** A basic block. */
export class Block {
  /** Dense id, unique in the function. */
  readonly id: number;
  /** Parameters; function parameters in the entry block. */
  params: Value[] = [];
  /** Instructions in order. */
  insns: Value[] = [];
  /** The terminator; a block under construction has none. */
  term: Terminator | null = null;
  /** Edges that enter, in the order in which they were made. */
  preds: Edge[] = [];

  /**
   * Makes an empty block.
   *
   * @param id Dense id.
   */
  constructor(id: number) {
    this.id = id;
  }

  /** Edges that leave. */
  get succs(): readonly Edge[] {
    return this.term === null ? [] : this.term.edges;
  }
}

/** A function in SSA form. */
export class IrFunction {
  /** Its name. */
  readonly name: string;
  /** Blocks in layout order; the first is the entry, which has no predecessors. */
  blocks: Block[] = [];
  /** Number of value ids in use: the length of side tables. */
  valueCount = 0;
  /** Number of block ids in use: the length of side tables. */
  blockCount = 0;
  readonly #constants = new Map<number | bigint, Value>();
  readonly #symbols = new Map<string, Value>();
  #frame: Value | null = null;
  #undef: Value | null = null;

  /**
   * Makes a function without blocks.
   *
   * @param name Its name.
   */
  constructor(name: string) {
    this.name = name;
  }

  /** The entry block. */
  get entry(): Block {
    invariant(this.blocks.length > 0, `function ${this.name} has no blocks`);
    return this.blocks[0];
  }

  /**
   * Makes a value that is not yet in a block.
   *
   * @param op The operation.
   * @param args The operands.
   * @returns The value.
   */
  newValue(op: ValueOp, args: Value[] = []): Value {
    return new Value(this.valueCount++, op, args);
  }

  /**
   * Makes a block and appends it to the layout.
   *
   * @returns The block.
   */
  newBlock(): Block {
    const block = new Block(this.blockCount++);
    this.blocks.push(block);
    return block;
  }

  /**
   * The constant with a value.
   *
   * @param value Any integer; taken modulo 2^64.
   * @returns The leaf, one per value.
   */
  constant(value: bigint | number): Value {
    // Small numbers are keys as they are, so that lifting an immediate makes no bigint for the look-up.
    const key = typeof value === "number" && value >= -0x8000_0000 && value <= 0xffff_ffff
      ? value
      : BigInt.asIntN(64, BigInt(value));
    const number = typeof key === "bigint" && key >= -0x8000_0000n && key <= 0xffff_ffffn
      ? Number(key)
      : key;
    let leaf = this.#constants.get(number);
    if (leaf === undefined) {
      leaf = this.newValue("const");
      leaf.imm = BigInt.asUintN(64, BigInt(key));
      this.#constants.set(number, leaf);
    }
    return leaf;
  }

  /** The undefined value. */
  get undef(): Value {
    return this.#undef ??= this.newValue("undef");
  }

  /** The frame pointer. */
  get frame(): Value {
    return this.#frame ??= this.newValue("frame");
  }

  /**
   * The address that a loader fills in.
   *
   * @param ref What it stands for.
   * @returns The leaf, one per content.
   */
  symbol(ref: SymbolRef): Value {
    const r = ref.relocation;
    const key = `${ref.kind} ${ref.imm} ${ref.high} ${ref.target} ${
      r === null ? "" : `${r.type} ${r.symbol} ${r.name} ${r.addend ?? ""}`
    }`;
    let leaf = this.#symbols.get(key);
    if (leaf === undefined) {
      leaf = this.newValue("symbol");
      leaf.ref = ref;
      this.#symbols.set(key, leaf);
    }
    return leaf;
  }

  /**
   * A constant that CO-RE patches at load; each call makes a new one.
   *
   * @param imm The value in the file.
   * @param core The record.
   * @param wide Whether it is an `lddw` (64) or an immediate (32).
   * @returns The leaf.
   */
  coreConstant(imm: bigint, core: CoreRecord, wide: boolean): Value {
    const leaf = this.newValue("core");
    leaf.imm = BigInt.asUintN(64, imm);
    leaf.core = core;
    leaf.width = wide ? 64 : 32;
    return leaf;
  }
}

/**
 * Whether a value is a leaf.
 *
 * @param value Any value.
 * @returns Whether it is a leaf: without a block, available everywhere.
 */
export function isLeaf(value: Value): boolean {
  const { op } = value;
  return op === "const" || op === "undef" || op === "frame" || op === "symbol" || op === "core";
}
