/**
 * Instruction streams that no verifier has seen: wild pointers, endless loops, recursion, jumps and calls to anywhere,
 * helpers with any argument. Most of what they execute is legal, so that they come far.
 *
 * @module
 */

import { Instruction, slotTable } from "../../lib/isa/instruction.ts";
import { findOp, type Op, OPS, type Size } from "../../lib/isa/ops.ts";
import type { Random } from "./random.ts";

const ofKind = (...kinds: string[]): readonly Op[] =>
  OPS.filter(({ kind }) => kinds.includes(kind));
const PURE = ofKind("alu", "unary", "mov", "cast");
const LOAD = ofKind("load"), STORE = ofKind("store"), ATOMIC = ofKind("atomic");
const PACKET = ofKind("packet"), BRANCH = ofKind("branch");
const GOTO = findOp({ kind: "goto", fn: "near" }), MAY_GOTO = findOp({ kind: "may_goto" });
const EXIT = findOp({ kind: "exit" }), CALLX = findOp({ kind: "callx" });
const LOCAL = findOp({ kind: "call", fn: "local" }),
  HELPER = findOp({ kind: "call", fn: "helper" });
const LDDW = findOp({ kind: "lddw", fn: "imm64" }), FUNCTION = findOp({ kind: "lddw", fn: "func" });
const MOV = findOp({ kind: "mov", form: "reg" });
const ADD = findOp({ kind: "alu", fn: "add", form: "imm" });

/** Ids of helpers that hostile programs call. */
export const HOSTILE_HELPERS: readonly number[] = [5, 4, 181, 12, 77];

/** Addresses where something begins or ends. */
const PLACES = [
  0n,
  1n,
  0xfff8n,
  0x1_0000n,
  0x1_7ff8n,
  0x1_8000n,
  0x1_8200n,
  0x2_0000n,
  0x7fff_ffffn,
  0x8000_0000n,
  0x8000_0008n,
  0x8000_fff8n,
  0xffff_ffffn,
  0x1_0000_0000n,
  0x1_0001_8000n,
  1n << 63n,
  (1n << 64n) - 8n,
];

/** Makes streams of one seed. */
class Stream {
  readonly #random: Random;
  readonly #insns: Instruction[] = [];
  /** Functions that jump into each other cannot be lifted, so many streams have one only. */
  readonly #functions: boolean;

  constructor(random: Random) {
    this.#random = random;
    this.#functions = random.chance(0.4);
  }

  make(): Instruction[] {
    const random = this.#random;
    const count = 4 + random.below(60);
    this.#push(MOV, 6, 1);
    this.#push(MOV, 7, 10);
    while (this.#insns.length < count) this.#one(count);
    this.#push(EXIT);
    return this.#insns;
  }

  #push(op: Op, dst = 0, src = 0, off = 0, imm = 0, high = 0): void {
    this.#insns.push(new Instruction(op, dst, src, off, imm, high));
  }

  #register(): number {
    return this.#random.below(10);
  }

  /** A register that is likely to hold an address. */
  #pointer(): number {
    return this.#random.chance(0.7) ? this.#random.pick([6, 7, 10, 1]) : this.#register();
  }

  #displacement(): number {
    const random = this.#random;
    if (random.chance(0.03)) return random.below(0x10000) - 0x8000;
    return random.chance(0.8) ? -8 * random.below(16) : random.below(80) - 20;
  }

  #immediate(): number {
    const random = this.#random;
    return random.pick([
      0,
      1,
      -1,
      7,
      63,
      64,
      255,
      0x7fff_ffff,
      -0x8000_0000,
      random.below(2 ** 32) | 0,
    ]);
  }

  #jump(count: number): number {
    const random = this.#random;
    if (random.chance(0.02)) return random.below(200) - 100;
    const here = this.#insns.length;
    // Backwards one time in four.
    return random.chance(0.25) ? -random.below(here + 1) : random.below(Math.max(count - here, 1));
  }

  #one(count: number): void {
    const random = this.#random;
    const drawn = random.below(100);
    const kind = !this.#functions && drawn >= 90 && drawn < 93 ? random.below(74) : drawn;
    if (kind < 34) this.#pure();
    else if (kind < 46) this.#access(LOAD, false);
    else if (kind < 57) this.#access(STORE, true);
    else if (kind < 61) this.#access(ATOMIC, true);
    else if (kind < 74) {
      const op = random.pick(BRANCH);
      this.#push(
        op,
        this.#register(),
        op.form === "reg" ? this.#register() : 0,
        this.#jump(count),
        op.form === "imm" ? this.#immediate() : 0,
      );
    } else if (kind < 77) this.#push(GOTO, 0, 0, this.#jump(count));
    else if (kind < 79) this.#push(MAY_GOTO, 0, 0, this.#jump(count));
    else if (kind < 85) this.#address();
    else if (kind < 90) this.#push(HELPER, 0, 0, 0, random.pick(HOSTILE_HELPERS));
    else if (kind < 93) this.#push(LOCAL, 0, 1, 0, this.#jump(count));
    else if (kind < 95) this.#push(CALLX, this.#register());
    else if (kind < 96) {
      const op = random.pick(PACKET);
      this.#push(op, 0, op.fn === "ind" ? this.#register() : 0, 0, random.below(40) - 4);
    } else if (kind < 97) this.#push(EXIT);
    else this.#push(ADD, this.#pointer() % 10, 0, 0, this.#displacement());
  }

  #pure(): void {
    const random = this.#random;
    const op = random.pick(PURE);
    const imm = op.form === "imm"
      ? this.#immediate()
      : op.kind === "unary" || op.imm !== 0
      ? op.imm
      : op.kind === "cast"
      ? 1
      : 0;
    const src = op.form === "reg" || op.kind === "cast" ? random.below(11) : 0;
    this.#push(op, this.#register() % 6, src, op.off, imm);
  }

  #access(rows: readonly Op[], stores: boolean): void {
    const random = this.#random;
    const op = random.pick(rows);
    const off = op.kind === "atomic"
      ? this.#displacement() & -(op.size as Size)
      : this.#displacement();
    const acquires = op.fn === "load_acquire";
    const [dst, src] = stores && !acquires
      ? [this.#pointer(), op.form === "imm" ? 0 : this.#register()]
      : [this.#register() % 6, this.#pointer()];
    this.#push(op, dst, src, off, op.form === "imm" ? this.#immediate() : op.imm);
  }

  #address(): void {
    const random = this.#random;
    const register = this.#register();
    if (this.#functions && random.chance(0.4)) {
      return this.#push(FUNCTION, register, 4, 0, random.below(40) - 20);
    }
    const place = random.pick(PLACES) + BigInt(random.below(24) - 12);
    this.#push(
      LDDW,
      register,
      0,
      0,
      Number(BigInt.asIntN(32, place)),
      Number(BigInt.asIntN(32, place >> 32n)),
    );
  }
}

/**
 * Makes a hostile stream.
 *
 * @param random Where the choices come from.
 * @returns The instructions; jumps may lead anywhere.
 */
export function hostileProgram(random: Random): Instruction[] {
  const insns = new Stream(random).make();
  // Slots and instructions differ behind an lddw; no jump minds.
  slotTable(insns);
  return insns;
}
