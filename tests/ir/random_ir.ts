/**
 * Random valid functions for property tests.
 *
 * @module
 */

import { Builder } from "../../lib/ir/builder.ts";
import { connect } from "../../lib/ir/cfg.ts";
import { Dominators } from "../../lib/ir/dominators.ts";
import {
  type Block,
  type Callee,
  IrFunction,
  Terminator,
  type Value,
} from "../../lib/ir/function.ts";
import { hasResult, TRAP_KINDS } from "../../lib/ir/operations.ts";
import {
  ALU,
  type AluOp,
  ATOMIC,
  type AtomicOp,
  COND,
  type Cond,
  LDDW_KINDS,
  type Size,
  UNARY,
  type UnaryOp,
  type Width,
} from "../../lib/isa/ops.ts";
import type { CodeRelocation, CoreRecord } from "../../lib/object/program.ts";

/** A small deterministic generator (mulberry32). */
export class Random {
  #state: number;

  /** @param seed Any integer. */
  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /**
   * @param count How many.
   * @returns An integer from 0 to below the count.
   */
  below(count: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % count;
  }

  /** @returns True once in a number of times. */
  once(times: number): boolean {
    return this.below(times) === 0;
  }

  /** @returns One of the items. */
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)];
  }
}

/**
 * Makes blocks with random terminators. Some may be unreachable.
 *
 * @param fn The function, empty.
 * @param random The source of chance.
 * @param count How many blocks, at least 1.
 */
export function randomGraph(fn: IrFunction, random: Random, count: number): void {
  const blocks = Array.from({ length: count }, () => fn.newBlock());
  const near = random.once(2);
  blocks.forEach((block, i) => {
    const target = () => {
      const at = near ? i + 4 - random.below(7) : random.below(count);
      return blocks[Math.min(Math.max(at, 1), count - 1)];
    };
    const kind = count === 1 ? "return" : random.pick(
      ["jump", "jump", "branch", "branch", "branch", "may_goto", "gotox", "return"] as const,
    );
    const op = kind === "return" && random.once(3) ? "trap" : kind;
    block.term = new Terminator(op);
    if (op === "trap") block.term.trap = random.pick(TRAP_KINDS);
    const edges =
      { jump: 1, branch: 2, may_goto: 2, gotox: 1 + random.below(4), return: 0, trap: 0 }[op];
    for (let k = 0; k < edges; k++) connect(block, target());
  });
}

const CONSTANTS = [0n, 1n, -1n, 14n, 0xffffn, 0x10000n, 0xffff_ffffn, 1n << 63n, -0x8000_0000n];

/** Fills blocks with random instructions. */
class Filler {
  readonly #fn: IrFunction;
  readonly #random: Random;
  readonly #builder: Builder;
  #available: Value[] = [];

  constructor(fn: IrFunction, random: Random) {
    this.#fn = fn;
    this.#random = random;
    this.#builder = new Builder(fn);
  }

  fill(): void {
    const fn = this.#fn;
    const random = this.#random;
    for (const block of fn.blocks) {
      this.#builder.atEnd(block);
      for (let i = random.below(3); i > 0; i--) this.#mark(this.#builder.param());
    }
    const dominators = new Dominators(fn);
    const available: Value[][] = [];
    const rest = fn.blocks.filter((block) => !dominators.reaches(block));
    for (const block of [...dominators.tree, ...rest]) {
      const idom = dominators.idom(block);
      this.#available = [...idom === null ? [] : available[idom.id], ...block.params];
      available[block.id] = this.#available;
      this.#builder.atEnd(block);
      for (let i = random.below(6); i > 0; i--) {
        const value = this.#mark(this.#instruction());
        if (hasResult(value)) this.#available.push(value);
      }
      this.#terminator(block);
    }
  }

  #mark(value: Value): Value {
    const random = this.#random;
    if (random.once(2)) value.pc = random.below(100);
    if (hasResult(value) && random.once(2)) value.hint = random.below(10);
    const pinned = value.op !== "param" && value.op !== "select" && random.once(8);
    if (pinned) value.core = this.#core();
    return value;
  }

  #terminator(block: Block): void {
    const term = block.term!;
    term.pc = this.#random.below(50) - 1;
    const operands = { jump: 0, branch: 2, may_goto: 0, gotox: 1, return: 1, trap: 0 }[term.op];
    for (let i = 0; i < operands; i++) term.args.push(this.#operand());
    if (term.op === "branch") {
      term.fn = this.#random.pick(Object.keys(COND) as Cond[]);
      term.width = this.#width();
    }
    for (const edge of term.edges) edge.args = edge.to.params.map(() => this.#operand());
  }

  #width(): Width {
    return this.#random.once(2) ? 32 : 64;
  }

  #core(): CoreRecord {
    const random = this.#random;
    return {
      typeId: random.below(9),
      accessOffset: random.below(9),
      access: "0:1",
      kind: random.below(3),
    };
  }

  #relocation(): CodeRelocation | null {
    const random = this.#random;
    if (random.once(2)) return null;
    const addend = random.once(2) ? null : BigInt(random.below(9) - 4);
    return {
      type: 1,
      symbol: random.below(4),
      name: random.pick(["counts", ".rodata", ""]),
      addend,
    };
  }

  #operand(): Value {
    const random = this.#random;
    if (this.#available.length > 0 && !random.once(4)) return random.pick(this.#available);
    switch (random.below(8)) {
      case 0:
        return this.#fn.undef;
      case 1:
        return this.#fn.frame;
      case 2:
        return this.#fn.symbol({
          kind: random.pick(LDDW_KINDS),
          imm: random.below(3) - 1,
          high: random.once(3) ? random.below(3) - 1 : 0,
          target: random.once(3) ? 0 : -1,
          relocation: this.#relocation(),
        });
      case 3:
        return this.#fn.coreConstant(random.pick(CONSTANTS), this.#core(), random.once(2));
      default:
        return this.#fn.constant(random.pick(CONSTANTS));
    }
  }

  #operands(count: number): Value[] {
    return Array.from({ length: count }, () => this.#operand());
  }

  #instruction(): Value {
    const random = this.#random;
    const b = this.#builder;
    const off = random.once(3) ? 0 : random.below(0x10000) - 0x8000;
    const size = random.pick([1, 2, 4, 8] as const);
    const narrow = random.pick([8, 16, 32] as const);
    switch (random.below(13)) {
      case 12: {
        const [a, c, x, y] = this.#operands(4);
        return b.select(random.pick(Object.keys(COND) as Cond[]), this.#width(), a, c, x, y);
      }
      case 0:
        return b.copy(this.#operand());
      case 1:
        return b.zext(this.#operand());
      case 2:
        return b.sext(this.#operand(), narrow, narrow === 32 ? 64 : this.#width());
      case 3:
        return b.cast(this.#operand(), random.pick([1, 0x10000, -1]));
      case 4: {
        const fn = random.pick(Object.keys(UNARY) as UnaryOp[]);
        return b.unary(fn, fn === "neg" ? this.#width() : 64, this.#operand());
      }
      case 5:
        return b.load(size, this.#operand(), off, size < 8 && random.once(3) ? size * 8 as 8 : 0);
      case 6:
        return b.store(size, this.#operand(), off, this.#operand());
      case 7: {
        const fn = random.pick(Object.keys(ATOMIC) as AtomicOp[]);
        const count = fn === "load_acquire" ? 1 : fn === "cmpxchg" ? 3 : 2;
        return b.atomic(fn, random.pick(ATOMIC[fn].sizes), off, this.#operands(count));
      }
      case 8: {
        const fn = random.pick(["abs", "ind"] as const);
        const bytes = random.pick([1, 2, 4] as Size[]);
        return b.packet(fn, bytes, random.below(9) - 4, this.#operands(fn === "abs" ? 1 : 2));
      }
      case 9:
        return this.#call();
      default:
        return b.alu(
          random.pick(Object.keys(ALU) as AluOp[]),
          this.#width(),
          this.#operand(),
          this.#operand(),
        );
    }
  }

  #call(): Value {
    const random = this.#random;
    const relocation = this.#relocation();
    const callee = random.pick<Callee>([
      { kind: "helper", id: random.pick([1, 5, 0xbad2310, 2001000000]) },
      { kind: "local", target: 0, name: random.pick(["f", "g h"]), relocation },
      {
        kind: "kfunc",
        name: "bpf_x",
        imm: random.below(3) - 1,
        off: random.below(2),
        form: random.pick(["local", "kfunc"]),
        relocation,
      },
      { kind: "indirect" },
      { kind: "intrinsic", name: random.pick(["memory.copy", "odd name"]) },
    ]);
    const count = random.below(6) + (callee.kind === "indirect" ? 1 : 0);
    return this.#builder.call(callee, this.#operands(count));
  }
}

/**
 * Makes a valid function; references to functions are to index 0.
 *
 * @param seed Which one.
 * @param greatest The greatest number of blocks.
 * @returns The function, named `f`.
 */
export function randomFunction(seed: number, greatest = 12): IrFunction {
  const random = new Random(seed);
  const fn = new IrFunction("f");
  randomGraph(fn, random, 1 + random.below(greatest));
  new Filler(fn, random).fill();
  return fn;
}
