/**
 * Memory accesses. The address of the byte at offset 0 in memory is {@link GUEST_BASE}; V8's guard pages find what lies
 * beyond the end of memory, so that what is left to check is that the base, less `GUEST_BASE`, fits 31 bits: one
 * subtraction and one comparison, for which nothing is emitted where {@link SafeAccesses} knows it. An access whose
 * base is below `GUEST_BASE` is a null dereference, whatever its displacement.
 *
 * In strict memory every page has a limit, in a memory that programs cannot reach: an access must end there at the
 * latest. Accesses to the own frame at constant displacements need no check.
 *
 * @module
 */

import type { ByteOrder } from "../../bytes.ts";
import type { Value } from "../../ir/function.ts";
import { ATOMIC, type AtomicOp, type Size } from "../../isa/ops.ts";
import type { CodeWriter } from "./code_writer.ts";
import type { Expressions } from "./expressions.ts";
import { FRAME_SIZE, GUEST_BASE, LIMITS, PAGE_SHIFT } from "./host.ts";
import type { WasmOp } from "./opcodes.ts";
import type { SiteFault } from "./site.ts";
import { ACCESS } from "./sizes.ts";

/** Accesses that need no check. */
export interface SafeAccesses {
  /**
   * Whether the base of an access is known to be an address from {@link GUEST_BASE} on that fits 32 bits.
   *
   * @param access A load, store or atomic operation.
   * @returns Whether it is known.
   */
  isSafe(access: Value): boolean;
}

/** What accesses need of the function around them. */
export interface AccessContext extends SafeAccesses {
  /** Where instructions are written. */
  readonly code: CodeWriter;
  /** Operand trees. */
  readonly expressions: Expressions;
  /** Byte order of the program. */
  readonly order: ByteOrder;
  /** Whether accesses are checked against the limits of their page. */
  readonly strict: boolean;
  /** Whether an access is surely within that limit. */
  isLimitKnown(access: Value): boolean;
  /** Local with the offset of the frame. */
  readonly frame: number;
  /** Locals: an offset in memory (i32), an address, and the old content of memory (i64). */
  readonly offset: number;
  readonly address: number;
  readonly content: number;
  /** Calls the host for an access that fails; its base, with a negative displacement, is on the stack. */
  wild(access: Value, fault: SiteFault): void;
  /** Notes that the instruction at a byte offset in the code can trap. */
  trapAt(at: number, access: Value): void;
}

/** Index of an access on the stack, and what the instruction adds to it. */
type Displacement = number;

const LIMIT = 0x7fff_ffff;

/** Whether the memory of an access is written. */
export function writes({ op, fn }: Value): boolean {
  return op === "store" || op === "atomic" && fn !== "load_acquire";
}

/** Pushes the offset in memory of an access. */
function pushOffset(context: AccessContext, access: Value): Displacement {
  const base = access.args[0], { off, size } = access;
  if (base.op === "frame" && FRAME_SIZE + off >= 0) {
    if (!context.strict || off + size <= 0) {
      context.code.indexed("local.get", context.frame);
      return FRAME_SIZE + off;
    }
  }
  const displacement = pushBase(context, access);
  if (!context.strict || context.isLimitKnown(access)) return displacement;
  checkLimit(context, access, displacement);
  return 0;
}

/** Pushes the offset in memory of the base of an access, with its displacement if that is negative. */
function pushBase(context: AccessContext, access: Value): Displacement {
  const { code, expressions } = context;
  const base = access.args[0], { off } = access;
  // A negative displacement counts for the check; others only move an address away from the null page.
  const bias = Math.min(off, 0) - GUEST_BASE;
  if (context.isSafe(access)) {
    expressions.push(base, 32);
    code.i32(bias);
    code.op("i32.add");
  } else checkedOffset(context, access, bias);
  return Math.max(off, 0);
}

/** Checks that the access at the offset on the stack ends before the limit of its page, and pushes it again. */
function checkLimit(context: AccessContext, access: Value, displacement: Displacement): void {
  const { code, offset } = context;
  code.i32(displacement);
  code.op("i32.add");
  code.indexed("local.tee", offset);
  code.i32(access.size);
  code.op("i32.add");
  code.indexed("local.get", offset);
  code.i32(PAGE_SHIFT);
  code.op("i32.shr_u");
  code.i32(2);
  code.op("i32.shl");
  const limits = writes(access) ? LIMITS.write : LIMITS.read;
  context.trapAt(code.access("i32.load", 0, limits), access);
  code.op("i32.gt_u");
  code.open("if");
  code.indexed("local.get", offset);
  code.op("i64.extend_i32_u");
  code.i64(BigInt(GUEST_BASE - displacement));
  code.op("i64.add");
  context.wild(access, "out-of-bounds");
  code.op("end");
  code.indexed("local.get", offset);
}

function checkedOffset(context: AccessContext, access: Value, bias: number): void {
  const { code, expressions, address } = context;
  expressions.push(access.args[0], 64);
  code.i64(BigInt(bias));
  code.op("i64.add");
  code.indexed("local.tee", address);
  code.i64(BigInt(LIMIT));
  code.op("i64.gt_u");
  code.open("if");
  code.indexed("local.get", address);
  code.i64(BigInt(GUEST_BASE));
  code.op("i64.add");
  context.wild(access, "out-of-bounds");
  code.op("end");
  code.indexed("local.get", address);
  code.op("i32.wrap_i64");
}

/**
 * Pushes what a load reads.
 *
 * @param context The function around it.
 * @param load The load.
 */
export function pushLoad(context: AccessContext, load: Value): void {
  const { code, order, expressions } = context;
  const size = load.size as Size;
  const displacement = pushOffset(context, load);
  if (order === "little" || size === 1) {
    context.trapAt(code.access(ACCESS.load(size, load.sign), displacement), load);
    return;
  }
  context.trapAt(code.access(ACCESS.raw(size), displacement), load);
  expressions.swap(size);
  if (size === 8) return;
  if (load.sign === 0) return code.op("i64.extend_i32_u");
  code.op("i64.extend_i32_s");
  if (size === 2) code.op("i64.extend16_s");
}

/**
 * Emits a store.
 *
 * @param context The function around it.
 * @param store The store.
 */
export function emitStore(context: AccessContext, store: Value): void {
  const size = store.size as Size;
  const displacement = pushOffset(context, store);
  const swaps = context.order === "big" && size > 1;
  context.expressions.push(store.args[1], swaps && size < 8 ? 32 : 64);
  if (swaps) context.expressions.swap(size);
  const op = swaps ? ACCESS.storeRaw(size) : ACCESS.store(size);
  context.trapAt(context.code.access(op, displacement), store);
}

/** Pushes the content of memory at the offset in the local, in the byte order of the program. */
function pushContent(context: AccessContext, access: Value): void {
  const { code, order, expressions, offset } = context;
  const size = access.size as Size;
  code.indexed("local.get", offset);
  if (order === "little" || size === 1) {
    context.trapAt(code.access(ACCESS.load(size, 0), 0), access);
    return;
  }
  context.trapAt(code.access(ACCESS.raw(size), 0), access);
  expressions.swap(size);
  if (size < 8) code.op("i64.extend_i32_u");
}

/** The instruction between the old content and the source operand. */
const COMBINE: { readonly [fn: string]: WasmOp } = {
  add: "i64.add",
  or: "i64.or",
  and: "i64.and",
  xor: "i64.xor",
};

/** Pushes the new content, given the old one in its local. */
function pushCombined(context: AccessContext, { fn, args, size }: Value): void {
  const { code, expressions, content } = context;
  const name = fn.replace("fetch_", "");
  if (name === "xchg" || name === "store_release") return expressions.push(args[1], 64);
  if (name === "cmpxchg") {
    expressions.push(args[1], 64);
    code.indexed("local.get", content);
    code.indexed("local.get", content);
    expressions.push(args[2], size === 8 ? 64 : 32);
    if (size === 4) code.op("i64.extend_i32_u");
    code.op("i64.eq");
    return code.op("select");
  }
  code.indexed("local.get", content);
  expressions.push(args[1], 64);
  code.op(COMBINE[name]);
}

/**
 * Emits an atomic operation, which is a plain one for a guest with one thread, but for its alignment. The old content
 * is left in its local if the operation fetches.
 *
 * @param context The function around it.
 * @param access The operation.
 */
export function emitAtomic(context: AccessContext, access: Value): void {
  const { code, order, expressions, offset, content } = context;
  const fn = access.fn as AtomicOp, size = access.size as Size;
  const displacement = pushOffset(context, access);
  if (displacement !== 0) {
    code.i32(displacement);
    code.op("i32.add");
  }
  code.indexed("local.set", offset);
  checkAlignment(context, access);
  const reads = fn !== "store_release" && fn !== "xchg" || ATOMIC[fn].fetches;
  if (reads) {
    pushContent(context, access);
    code.indexed("local.set", content);
  }
  if (fn === "load_acquire") return;
  const swaps = order === "big" && size > 1;
  code.indexed("local.get", offset);
  pushCombined(context, access);
  if (swaps) {
    if (size < 8) code.op("i32.wrap_i64");
    expressions.swap(size);
  }
  const op = swaps ? ACCESS.storeRaw(size) : ACCESS.store(size);
  context.trapAt(code.access(op, 0), access);
}

/** An access beyond memory is that before it is misaligned. */
function checkAlignment(context: AccessContext, access: Value): void {
  const { code, offset } = context;
  if (access.size === 1) return;
  code.indexed("local.get", offset);
  code.i32(access.size - 1);
  code.op("i32.and");
  code.open("if");
  pushContent(context, access);
  code.op("drop");
  code.indexed("local.get", offset);
  code.op("i64.extend_i32_u");
  code.i64(BigInt(GUEST_BASE));
  code.op("i64.add");
  context.wild(access, "misaligned");
  code.op("end");
}
