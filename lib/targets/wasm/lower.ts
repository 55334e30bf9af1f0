/**
 * One function to WebAssembly code: operand trees, locals, structured control flow, checks, counting.
 *
 * @module
 */

import { UnsupportedError } from "../../errors.ts";
import { removeUnreachable } from "../../ir/cfg.ts";
import type { Dominators } from "../../ir/dominators.ts";
import type { Block, Edge, Value } from "../../ir/function.ts";
import { originOf } from "../../ir/inline.ts";
import { hasResult } from "../../ir/operations.ts";
import type { Cond } from "../../isa/ops.ts";
import { type AccessContext, emitAtomic, emitStore, pushLoad, writes } from "./accesses.ts";
import { ByteWriter } from "./byte_writer.ts";
import { type CallContext, pushCall, pushPacketLoad } from "./calls.ts";
import { CodeWriter } from "./code_writer.ts";
import { Expressions } from "./expressions.ts";
import { Folding } from "./folding.ts";
import { frameWordsToClear } from "./frame_clearing.ts";
import { FRAME_SIZE, GUEST_BASE, MAY_GOTO_BUDGET } from "./host.ts";
import { knownLimits } from "./limit_checks.ts";
import { dealLocals, type Locals } from "./locals.ts";
import { endsSegment, hasLoops, weightOf, weightsOf } from "./metering.ts";
import { makeReducible } from "./reducible.ts";
import { safeAccesses } from "./safe_accesses.ts";
import type { SiteFault } from "./site.ts";
import { type Step, structure } from "./structure.ts";
import { TYPE } from "./opcodes.ts";
import type { WasmSource, WasmUnit } from "./unit.ts";

/** The only mutable global: what is left of the instructions that may run. */
const FUEL = 0;
/** Parameters of every function: the frame, then r1 to r5. */
const PARAMETERS = 6;

/** Locals by purpose, behind the parameters: three of type i32, then those of type i64. */
const LOCAL = { frame: 0, fuel: 6, budget: 7, offset: 8, a: 9, b: 10, address: 11, content: 12 };
const VALUES = 13;
const I32_LOCALS = 3;
/** The most bytes of a body that V8 compiles. */
const MAX_BODY = 7_654_321;

/** A compiled function. */
export interface LoweredFunction {
  /** Declarations of locals and code. */
  readonly body: Uint8Array;
  /** Byte offsets in the body of instructions that can stop the program, and the numbers of their sites. */
  readonly traps: readonly (readonly [offset: number, site: number])[];
}

/** Lowers one function. */
class Lowering implements AccessContext, CallContext {
  readonly unit: WasmUnit;
  readonly code: CodeWriter = new CodeWriter();
  readonly expressions: Expressions;
  readonly order;
  readonly strict: boolean;
  readonly frame = LOCAL.frame;
  readonly offset = LOCAL.offset;
  readonly address = LOCAL.address;
  readonly content = LOCAL.content;
  readonly callee = LOCAL.offset;
  readonly isSafe: (access: Value) => boolean;
  readonly isLimitKnown: (access: Value) => boolean;
  readonly #source: WasmSource;
  readonly #dominators: Dominators;
  readonly #folding: Folding;
  readonly #locals: Locals;
  readonly #traps: [number, number][] = [];
  /** Whether every instruction is counted. */
  readonly #exact: boolean;
  /** Whether the counter is in a local. */
  readonly #loops: boolean;
  /** Slots that were counted together and have not run. */
  #segment: readonly number[] = [];
  /** By block id: instructions in it and in all blocks that dominate it. */
  readonly #weights: Float64Array;

  constructor(unit: WasmUnit, source: WasmSource) {
    const { fn } = source;
    this.unit = unit;
    this.order = unit.options.order;
    this.strict = unit.options.strict;
    this.#source = source;
    removeUnreachable(fn);
    this.#dominators = makeReducible(fn);
    this.#folding = new Folding(fn);
    this.#locals = dealLocals(fn, this.#dominators, this.#folding);
    const safe = safeAccesses(fn, this.#dominators, source.pointer);
    this.isSafe = (access) => safe.isSafe(access);
    const known = this.strict ? knownLimits(fn, this.#dominators, writes) : null;
    this.isLimitKnown = ({ id }) => known !== null && known[id] !== 0;
    this.#exact = unit.options.metering === "exact";
    this.#weights = weightsOf(fn.blockCount, this.#dominators);
    this.expressions = new Expressions(
      this.code,
      this.#folding,
      {
        local: ({ id }) => VALUES + this.#locals.of[id],
        frame: LOCAL.frame,
        frameBias: BigInt(GUEST_BASE + FRAME_SIZE),
        scratch: { a: LOCAL.a, b: LOCAL.b },
      },
      this.order,
    );
    this.#loops = !this.#exact && hasLoops(this.#dominators);
  }

  run(): LoweredFunction {
    const { code } = this;
    this.#enter();
    for (const step of structure(this.#source.fn, this.#dominators, this.#loops)) this.#step(step);
    code.unreachable();
    code.op("end");
    const head = new ByteWriter();
    head.unsigned(2);
    head.unsigned(I32_LOCALS);
    head.byte(TYPE.i32);
    head.unsigned(VALUES - PARAMETERS - I32_LOCALS + this.#locals.count);
    head.byte(TYPE.i64);
    const traps = this.#traps.map(([at, site]) => [at + head.length, site] as const);
    head.append(code.bytes);
    if (head.length > MAX_BODY) {
      throw new UnsupportedError(`cannot emit ${head.length} bytes of code: ${MAX_BODY} at most`, {
        function: this.#source.fn.name,
      });
    }
    return { body: head.bytes, traps };
  }

  // Entry.

  #enter(): void {
    const { code } = this;
    const { fn } = this.#source;
    this.#clearFrame();
    for (const param of fn.entry.params) {
      code.indexed("local.get", param.hint);
      code.indexed("local.set", VALUES + this.#locals.of[param.id]);
    }
    if (fn.blocks.some(({ term }) => term!.op === "may_goto")) {
      code.i32(MAY_GOTO_BUDGET);
      code.indexed("local.set", LOCAL.budget);
    }
    if (this.#exact) return;
    this.#charge(weightOf(fn.entry), fn.entry.term!.pc);
    if (this.#loops) this.acquireFuel();
  }

  /** A frame begins as zeros, as far as that can be seen. */
  #clearFrame(): void {
    const { code } = this;
    for (const offset of frameWordsToClear(this.#source.fn)) {
      code.indexed("local.get", LOCAL.frame);
      code.i64(0n);
      code.access("i64.store", FRAME_SIZE + offset);
    }
  }

  // Counting.

  /** Takes instructions off the counter, and asks the host for more where none are left. */
  #charge(count: number, pc: number): void {
    const { code } = this;
    code.indexed("global.get", FUEL);
    code.i32(count);
    code.op("i32.sub");
    code.indexed("global.set", FUEL);
    code.indexed("global.get", FUEL);
    code.i32(0);
    code.op("i32.lt_s");
    code.open("if");
    const site = this.#site(pc, "limit");
    code.i32(site);
    this.trapNext(site);
    code.indexed("call", this.unit.host("refuel"));
    code.op("end");
  }

  releaseFuel(): void {
    if (!this.#loops) return;
    this.code.indexed("local.get", LOCAL.fuel);
    this.code.indexed("global.set", FUEL);
  }

  acquireFuel(): void {
    if (!this.#loops) return;
    this.code.indexed("global.get", FUEL);
    this.code.indexed("local.set", LOCAL.fuel);
  }

  /** Counts what runs from a place among the slots of a block up to a slot; returns the place behind it. */
  #countUpTo(block: Block, from: number, last: number): number {
    const slots = this.#source.slots[block.id] ?? [];
    let to = from;
    while (to < slots.length && slots[to] <= last) to++;
    this.#segment = slots.slice(from, to);
    if (to > from) this.#charge(to - from, slots[from]);
    return to;
  }

  // Sites.

  #site(pc: number, fault: SiteFault, access: Value | null = null): number {
    const { unit } = this;
    const origin = originOf(this.#source.index, pc);
    return unit.site({
      function: origin.index,
      pc: origin.pc,
      fault,
      size: access?.size ?? 0,
      off: Math.max(access?.off ?? 0, 0),
      write: access !== null && writes(access),
      segment: this.#segment,
    });
  }

  site(value: Value, fault: SiteFault): number {
    return this.#site(value.pc, fault, value);
  }

  trapNext(site: number): void {
    this.#traps.push([this.code.length, site]);
  }

  trapAt(at: number, access: Value): void {
    this.#traps.push([at, this.site(access, "out-of-bounds")]);
  }

  wild(access: Value, fault: SiteFault): void {
    const site = this.site(access, fault);
    this.code.i32(site);
    this.trapNext(site);
    this.code.indexed("call", this.unit.host("wild"));
    this.code.unreachable();
  }

  leave(): void {
    this.releaseFuel();
    this.code.op("return");
  }

  // Steps.

  #step(step: Step): void {
    const { code } = this;
    switch (step.op) {
      case "block":
      case "loop":
        return code.open(step.op);
      case "end":
        return code.op("end");
      case "body":
        return this.#body(step.block);
      case "if":
        this.#condition(step.block, step.inverted);
        return code.open("if");
      case "edge":
        return this.#take(step.edge, step.back, step.depth);
      case "refuel":
        return this.#refuelLoop();
      case "edge-if":
        this.#condition(step.edge.from, step.inverted);
        return this.#takeIf(step.edge, step.back, step.depth);
      case "leave":
        return this.#terminate(step.block);
    }
  }

  #takeIf(edge: Edge, back: boolean, depth: number): void {
    const { code } = this;
    if (edge.args.length === 0 && !(back && this.#loops)) return code.indexed("br_if", depth);
    code.open("if");
    this.#take(edge, back, depth + 1);
    code.op("end");
  }

  /** Moves the arguments of an edge into the parameters, all at once, and goes where the edge goes. */
  #take(edge: Edge, back: boolean, depth: number): void {
    this.#move(edge);
    if (back && this.#loops) this.#meter(edge, depth);
    else if (depth >= 0) this.code.indexed("br", depth);
  }

  /** Counts a turn of a loop, and goes back, or to where the counter is filled first. */
  #meter({ from, to }: Edge, depth: number): void {
    const { code } = this;
    const weight = this.#weights[from.id] - this.#weights[to.id] + weightOf(to);
    code.indexed("local.get", LOCAL.fuel);
    code.i32(Math.max(weight, 1));
    code.op("i32.sub");
    code.indexed("local.tee", LOCAL.fuel);
    code.i32(0);
    code.op("i32.ge_s");
    code.indexed("br_if", depth);
    code.i32(this.#site(from.term!.pc, "limit"));
    code.indexed("local.set", LOCAL.offset);
    code.indexed("br", depth + 1);
  }

  #refuelLoop(): void {
    const { code } = this;
    this.releaseFuel();
    code.indexed("local.get", LOCAL.offset);
    code.indexed("call", this.unit.host("refuel"));
    this.acquireFuel();
    code.indexed("br", 0);
  }

  #move({ to, args }: Edge): void {
    const { code } = this;
    const { params } = to;
    const moved: number[] = [];
    for (let i = 0; i < args.length; i++) {
      const local = VALUES + this.#locals.of[params[i].id];
      if (this.#isIn(args[i], local)) continue;
      this.expressions.push(args[i], 64);
      moved.push(local);
    }
    while (moved.length > 0) code.indexed("local.set", moved.pop()!);
  }

  #isIn(value: Value, local: number): boolean {
    return value.block !== null && !this.#folding.has(value) &&
      VALUES + this.#locals.of[value.id] === local;
  }

  #condition(block: Block, inverted: boolean): void {
    const { code } = this;
    const { op, fn, width, args } = block.term!;
    if (op === "may_goto") this.#spendBudget();
    else if (op === "branch") this.expressions.condition(fn as Cond, width, args[0], args[1]);
    else throw new UnsupportedError(`cannot emit ${op}: WebAssembly has no such jump`);
    if (inverted) code.op("i32.eqz");
  }

  /** Pushes whether the budget of the frame is spent; if not, spends one. */
  #spendBudget(): void {
    const { code } = this;
    const budget = () => code.indexed("local.get", LOCAL.budget);
    budget();
    code.op("i32.eqz");
    budget();
    budget();
    code.i32(0);
    code.op("i32.ne");
    code.op("i32.sub");
    code.indexed("local.set", LOCAL.budget);
  }

  #terminate({ term }: Block): void {
    const { op, args, trap, pc } = term!;
    if (op === "return") {
      this.expressions.push(args[0], 64);
      return this.leave();
    }
    this.trapNext(this.#site(pc, trap === "" ? "invalid-instruction" : trap));
    this.code.unreachable();
  }

  // Instructions.

  #body(block: Block): void {
    const ends = this.#exact ? block.insns.filter(endsSegment).map(({ pc }) => pc) : [];
    let segment = 0, counted = 0;
    const count = () => counted = this.#countUpTo(block, counted, ends[segment++] ?? Infinity);
    if (this.#exact) count();
    for (const value of block.insns) {
      if (this.#folding.has(value)) continue;
      this.#instruction(value);
      if (this.#exact && endsSegment(value)) count();
    }
  }

  #instruction(value: Value): void {
    switch (value.op) {
      case "store":
        return emitStore(this, value);
      case "atomic":
        emitAtomic(this, value);
        if (hasResult(value)) this.code.indexed("local.get", LOCAL.content);
        break;
      case "load":
        pushLoad(this, value);
        break;
      case "call":
        pushCall(this, value);
        break;
      case "packet":
        pushPacketLoad(this, value);
        break;
      default:
        this.expressions.compute(value, 64);
    }
    if (hasResult(value)) this.code.indexed("local.set", VALUES + this.#locals.of[value.id]);
  }
}

/**
 * Lowers a function.
 *
 * @param unit The module.
 * @param source The function; it is changed.
 * @returns Its code.
 * @throws {UnsupportedError} If it needs what WebAssembly does not have.
 */
export function lowerToWasm(unit: WasmUnit, source: WasmSource): LoweredFunction {
  return new Lowering(unit, source).run();
}
