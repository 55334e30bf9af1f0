/**
 * Symbolic execution: what the instructions of a block compute, as terms, and what they do to the world, as a list of
 * effects. Two programs behave the same as long as their lists are the same.
 *
 * @module
 */

import type { ByteOrder } from "../bytes.ts";
import { type Block, type Callee, isLeaf, type Terminator, type Value } from "../ir/function.ts";
import { helperById } from "../isa/helpers.ts";
import { type AluOp, UNARY, type UnaryOp } from "../isa/ops.ts";
import type { Memories, MemoryState } from "./memory.ts";
import { helperReach, type MapLookup } from "./helper_reach.ts";
import type { Term } from "./linear_terms.ts";
import type { Terms } from "./terms.ts";

/** Thrown where a proof cannot go on. */
export class Unprovable extends Error {
  /** Name of the class. */
  override name = "Unprovable";
}

/** Thrown where a frame that was taken to be private is not. */
export class FrameEscape extends Unprovable {
  /** Name of the class. */
  override name = "FrameEscape";
}

/** What both programs have in common during a proof. */
export interface Scene {
  /** Where terms are interned. */
  readonly terms: Terms;
  /** Where states of memory are interned. */
  readonly memories: Memories;
  /** Byte order. */
  readonly order: ByteOrder;
  /** Sizes of maps. */
  readonly maps: MapLookup;
  /**
   * Whether to take it that both functions keep their frames to themselves: that pointers into them have constant offsets,
   * and go nowhere but to loads, stores and helpers that work on a known number of bytes.
   */
  readonly privateFrame: boolean;
  /** The frame pointer. */
  readonly frame: Term;
  /** Names a callee so that both programs give it the same name. */
  readonly calleeName: (callee: Callee) => string;
  /** Names an address leaf so that both programs give it the same name. */
  readonly symbolName: (leaf: Value) => string;
}

/** One of the two programs on its way. */
export interface Side {
  /** The block that comes next, or is being left. */
  block: Block;
  /** Terms by value id. */
  readonly values: Map<number, Term>;
  /** Memory other than a private frame. */
  memory: MemoryState;
  /** A private frame. */
  frame: MemoryState;
  /** What it has done to the world. */
  readonly effects: string[];
}

/**
 * Makes a copy that goes its own way.
 *
 * @param side A program on its way.
 * @returns The copy.
 */
export function fork(side: Side): Side {
  return { ...side, values: new Map(side.values), effects: side.effects.slice() };
}

/** The bits that a load can set. */
const ALL = 0xffff_ffff_ffff_ffffn;

function leafTerm(scene: Scene, leaf: Value): Term {
  const { terms } = scene;
  switch (leaf.op) {
    case "const":
      return terms.constant(leaf.imm);
    case "frame":
      return scene.frame;
    case "undef":
      return terms.atom("undefined");
    case "symbol":
      return terms.atom(`symbol ${scene.symbolName(leaf)}`);
    default: {
      const { typeId, access, kind } = leaf.core!;
      const possible = leaf.width === 64 ? ALL : 0xffff_ffffn;
      return terms.atom(`core ${typeId} ${access} ${kind} ${leaf.imm} ${leaf.width}`, possible);
    }
  }
}

/**
 * The term of a value.
 *
 * @param scene What both programs share.
 * @param side The program.
 * @param value A value that is computed, or a leaf.
 * @returns Its term.
 */
export function termOf(scene: Scene, side: Side, value: Value): Term {
  const known = side.values.get(value.id);
  if (known !== undefined) return known;
  if (!isLeaf(value)) throw new Unprovable(`value ${value.id} is not known here`);
  const term = leafTerm(scene, value);
  side.values.set(value.id, term);
  return term;
}

function unaryTerm({ terms, order }: Scene, fn: UnaryOp, width: 32 | 64, a: Term): Term {
  const { bits } = UNARY[fn];
  if (bits === 0) return terms.alu("sub", width, terms.constant(0n), a);
  const keeps = fn.startsWith(order === "little" ? "le" : "be");
  return keeps ? terms.bits(a, 0, bits) : terms.swap(a, bits);
}

/**
 * Makes sure that nobody else gets a pointer into a private frame.
 *
 * @param scene What both programs share.
 * @param term What somebody else gets.
 * @throws {FrameEscape} If it depends on the frame pointer.
 */
export function keepPrivate({ terms, privateFrame }: Scene, term: Term): void {
  if (privateFrame && terms.isTracked(term)) {
    throw new FrameEscape("a pointer into the frame escapes");
  }
}

/** Parts an address; a private frame's memory has the frame pointer as its base. */
function place(scene: Scene, address: Term): { base: Term; offset: number; isFrame: boolean } {
  const { base, offset } = scene.terms.split(address);
  const isFrame = scene.privateFrame && base === scene.frame;
  if (!isFrame) keepPrivate(scene, base);
  return { base, offset: Number(offset), isFrame };
}

function load(scene: Scene, side: Side, value: Value): Term {
  const { terms, memories } = scene;
  const { base, offset, isFrame } = place(scene, termOf(scene, side, value.args[0]));
  const state = isFrame ? side.frame : side.memory;
  const term = memories.read(state, base, offset + value.off, value.size);
  const core = value.core === null ? term : coreTerm(scene, value, term);
  return value.sign === 0 ? core : terms.sext(core, value.sign);
}

/** What CO-RE patches is a function of what it was compiled to. */
function coreTerm({ terms }: Scene, value: Value, term: Term): Term {
  const { typeId, access, kind } = value.core!;
  return terms.atom(`core ${typeId} ${access} ${kind} ${value.size} ${value.op} ${term}`);
}

function store(scene: Scene, side: Side, value: Value): void {
  const [base, stored] = value.args.map((arg) => termOf(scene, side, arg));
  if (value.core !== null) {
    return effect(scene, side, `store ${coreTerm(scene, value, base)} ${value.size} ${stored}`);
  }
  const at = place(scene, base);
  const { memories } = scene;
  const offset = at.offset + value.off;
  if (at.isFrame) {
    side.frame = memories.write(side.frame, at.base, offset, value.size, stored);
  } else {
    keepPrivate(scene, stored);
    side.memory = memories.write(side.memory, at.base, offset, value.size, stored);
  }
}

/** Records an effect: nobody knows what memory holds afterwards, but it is the same for both programs. */
function effect(scene: Scene, side: Side, what: string): void {
  const full = `${what} in ${side.memory}`;
  side.effects.push(full);
  side.memory = scene.memories.unknown(full);
}

/** What a helper gets to see of the private frame, and what is in it afterwards. */
function passFrame(scene: Scene, side: Side, call: Value, args: readonly Term[]): string {
  const { callee } = call;
  const params = (callee!.kind === "helper" ? helperById(callee!.id)?.params : null) ?? [];
  const { memories, terms, frame } = scene;
  let seen = "";
  const written: [number, Term][] = [];
  args.forEach((arg, i) => {
    const at = place(scene, arg);
    if (!at.isFrame) return;
    if (i >= params.length) throw new FrameEscape("a call gets a pointer into the frame");
    const isRead = params[i].kind === "map_key" || params[i].type.startsWith("const ");
    // A helper that only reads may be shown too much.
    const reach = helperReach(params, call.args, i, scene.maps) ?? (isRead ? -at.offset : null);
    if (reach === null) throw new FrameEscape("a helper writes into the frame");
    for (let j = 0; j < reach; j++) {
      seen += ` ${memories.read(side.frame, frame, at.offset + j, 1)}`;
      if (!isRead) {
        const name = `frame ${i} ${j} after ${side.effects.length} in ${side.memory}`;
        written.push([at.offset + j, terms.atom(name, 0xffn)]);
      }
    }
  });
  if (written.length > 0) side.frame = memories.writeBytes(side.frame, frame, written);
  return seen;
}

/** A call, an atomic operation or a packet load: an effect that has a result. */
function act(scene: Scene, side: Side, value: Value, what: string, possible = ALL): Term {
  const args = value.args.map((arg) => termOf(scene, side, arg));
  const core = value.core === null ? "" : ` core ${value.core.typeId} ${value.core.access}`;
  const all = `${what}${core} (${args.join(" ")})`;
  const isPassed = scene.privateFrame && value.op === "call";
  const seen = isPassed ? passFrame(scene, side, value, args) : "";
  if (!isPassed) args.forEach((arg) => keepPrivate(scene, arg));
  const before = side.memory;
  effect(scene, side, all + seen);
  return scene.terms.atom(`result ${all}${seen} in ${before}`, possible);
}

function compute(scene: Scene, side: Side, value: Value): Term | null {
  const { terms } = scene;
  const arg = (i: number): Term => termOf(scene, side, value.args[i]);
  switch (value.op) {
    case "copy":
      return value.core === null ? arg(0) : coreTerm(scene, value, arg(0));
    case "zext":
      return terms.bits(arg(0), 0, 32);
    case "sext":
      return terms.bits(terms.sext(arg(0), value.sign), 0, value.width);
    case "alu": {
      const result = terms.alu(value.fn as AluOp, value.width, arg(0), arg(1));
      return value.core === null ? result : coreTerm(scene, value, result);
    }
    case "unary":
      return unaryTerm(scene, value.fn as UnaryOp, value.width, arg(0));
    case "cast":
      return terms.atom(`cast ${value.imm} ${arg(0)}`);
    case "load":
      return load(scene, side, value);
    case "store":
      store(scene, side, value);
      return null;
    case "atomic": {
      const possible = value.size === 4 ? 0xffff_ffffn : ALL;
      return act(scene, side, value, `atomic ${value.fn} ${value.off} ${value.size}`, possible);
    }
    case "packet": {
      const possible = (1n << BigInt(8 * value.size)) - 1n;
      return act(scene, side, value, `packet ${value.fn} ${value.imm} ${value.size}`, possible);
    }
    case "call":
      return act(scene, side, value, `call ${scene.calleeName(value.callee!)}`);
    default:
      throw new Unprovable(`${value.op} is not modelled`);
  }
}

/**
 * Executes the instructions of a block.
 *
 * @param scene What both programs share.
 * @param side The program; its block is executed, the terminator is not.
 * @throws {Unprovable} If something in it is not modelled.
 */
export function executeBlock(scene: Scene, side: Side): void {
  for (const value of side.block.insns) {
    const term = compute(scene, side, value);
    if (term !== null) side.values.set(value.id, term);
  }
  if (side.block.term!.op === "may_goto") side.effects.push("may_goto");
}

/**
 * What decides the end of a block.
 *
 * @param scene What both programs share.
 * @param side The program, after {@link executeBlock}.
 * @param end The terminator, a `branch` or `may_goto`.
 * @returns A term that is 1 if its first edge is taken, else 0.
 */
export function conditionOf(scene: Scene, side: Side, end: Terminator): Term {
  if (end.op === "branch" && end.fn !== "") {
    const [a, b] = end.args.map((arg) => termOf(scene, side, arg));
    return scene.terms.compare(end.fn, end.width, a, b);
  }
  if (end.op !== "may_goto") throw new Unprovable(`${end.op} is not modelled`);
  return scene.terms.atom(`may_goto ${side.effects.length} in ${side.memory}`, 1n);
}
