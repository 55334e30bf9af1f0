/**
 * Calls: of helpers through the host, of functions of the module directly, of addresses through the table.
 *
 * @module
 */

import { UnsupportedError } from "../../errors.ts";
import type { Callee, Value } from "../../ir/function.ts";
import type { CodeWriter } from "./code_writer.ts";
import type { Expressions } from "./expressions.ts";
import {
  FRAME_SIZE,
  FRAME_STRIDE,
  HELPER,
  LIMITS,
  NO_PACKET,
  PAGE_SHIFT,
  PROGRAM_SIGNATURE,
} from "./host.ts";
import { emitIntrinsic } from "./intrinsics.ts";
import type { SiteFault } from "./site.ts";
import { kfuncName, type WasmUnit } from "./unit.ts";

/** The intrinsic in place of a call that was inlined: its argument is how many frames there must be for it. */
export const FRAMES_LEFT = "frames.left";
/** bpf_tail_call. */
const TAIL_CALL = 12;

/** What calls need of the function around them. */
export interface CallContext {
  /** The module. */
  readonly unit: WasmUnit;
  /** Where instructions are written. */
  readonly code: CodeWriter;
  /** Operand trees. */
  readonly expressions: Expressions;
  /** Local with the offset of the frame. */
  readonly frame: number;
  /** Local of type i32 for what is called. */
  readonly callee: number;
  /** Local of type i64 for a result. */
  readonly content: number;
  /** Enters a site at an instruction of the program. */
  site(value: Value, fault: SiteFault): number;
  /** Notes that the next instruction of the machine can stop the program. */
  trapNext(site: number): void;
  /** Gives the host, or a callee, the counter. */
  releaseFuel(): void;
  /** Takes it back. */
  acquireFuel(): void;
  /** Returns from the function; the result is on the stack. */
  leave(): void;
}

/**
 * Emits a call; its result is on the stack.
 *
 * @param context The function around it.
 * @param call The call.
 * @throws {UnsupportedError} If it calls an intrinsic that WebAssembly does not have.
 */
export function pushCall(context: CallContext, call: Value): void {
  const callee = call.callee!;
  if (callee.kind === "intrinsic") {
    if (callee.name !== FRAMES_LEFT) return emitIntrinsic(context, call, callee.name);
    checkDepth(context, call, Number(call.args[0].imm));
    return context.code.i64(0n);
  }
  context.releaseFuel();
  switch (callee.kind) {
    case "helper":
    case "kfunc":
      callHelper(context, call, callee);
      break;
    case "local":
      callLocal(context, call, callee.target);
      break;
    case "indirect":
      callAddress(context, call);
      break;
  }
  context.acquireFuel();
}

function callHelper(
  context: CallContext,
  call: Value,
  callee: Extract<Callee, { kind: "helper" | "kfunc" }>,
): void {
  const { unit, code, expressions, frame } = context;
  const site = context.site(call, "helper");
  code.i32(site);
  code.indexed("local.get", frame);
  for (const arg of call.args) expressions.push(arg, 64);
  const target = callee.kind === "helper"
    ? callee
    : { kind: "kfunc", name: kfuncName(callee) } as const;
  code.indexed("call", unit.helper({ callee: target, arity: call.args.length }));
  const { kernelHelpers } = unit.options;
  if (!kernelHelpers || callee.kind === "helper" && callee.id === TAIL_CALL) {
    continueElsewhere(context);
  }
}

/** Continues in another function, in the frame of this one, if the helper said so. */
function continueElsewhere(context: CallContext): void {
  const { unit, code, frame, callee } = context;
  code.indexed("call", unit.host("tail"));
  code.indexed("local.tee", callee);
  code.open("if");
  code.indexed("local.get", frame);
  for (let i = 0; i < 5; i++) {
    code.i32(i);
    code.indexed("call", unit.host("tail_argument"));
  }
  code.indexed("local.get", callee);
  code.i32(1);
  code.op("i32.sub");
  code.indirect("return_call_indirect", unit.types.index(PROGRAM_SIGNATURE));
  code.op("end");
}

/** Pushes the frame of a callee and r1 to r5. */
function pushArguments(context: CallContext, args: readonly Value[]): void {
  const { code, expressions, frame } = context;
  code.indexed("local.get", frame);
  code.i32(FRAME_STRIDE);
  code.op("i32.add");
  for (let i = 0; i < 5; i++) {
    if (i < args.length) expressions.push(args[i], 64);
    else code.i64(0n);
  }
}

/** Stops the program unless there are so many frames behind this one. */
function checkDepth(context: CallContext, call: Value, frames: number): void {
  const { unit, code, frame } = context;
  code.indexed("local.get", frame);
  code.i32(unit.options.lastFrame - (frames - 1) * FRAME_STRIDE);
  code.op("i32.ge_s");
  code.open("if");
  context.trapNext(context.site(call, "call-depth"));
  code.unreachable();
  code.op("end");
}

function callLocal(context: CallContext, call: Value, target: number): void {
  const { unit, code } = context;
  const index = unit.local(target);
  if (index === null) {
    throw new UnsupportedError(`cannot call function ${target}: it is not in the module`);
  }
  checkDepth(context, call, 1);
  openFrame(context);
  pushArguments(context, call.args);
  code.indexed("call", index);
  closeFrame(context);
}

/** In strict memory: lets the callee access its frame. */
function openFrame(context: CallContext): void {
  const { code, frame } = context;
  setFrameLimit(context, () => {
    code.indexed("local.get", frame);
    code.i32(FRAME_STRIDE + FRAME_SIZE);
    code.op("i32.add");
  });
}

/** In strict memory: the frame of the callee is gone. */
function closeFrame(context: CallContext): void {
  setFrameLimit(context, () => context.code.i32(0));
}

/** Sets the limits of the page of the callee's frame. */
function setFrameLimit({ unit, code, frame }: CallContext, pushLimit: () => void): void {
  if (!unit.options.strict) return;
  for (const memory of [LIMITS.read, LIMITS.write]) {
    code.indexed("local.get", frame);
    code.i32(PAGE_SHIFT);
    code.op("i32.shr_u");
    code.i32(2);
    code.op("i32.shl");
    pushLimit();
    // A frame has a page, and the next frame the next one.
    code.access("i32.store", 4, memory);
  }
}

/** Calls a function, or a helper, by its address or id. */
function callAddress(context: CallContext, call: Value): void {
  const { unit, code, expressions, frame, callee } = context;
  const [address, ...args] = call.args;
  const site = context.site(call, "bad-call-target");
  expressions.push(address, 64);
  code.i32(site);
  code.indexed("local.get", frame);
  code.indexed("call", unit.host("resolve"));
  code.indexed("local.tee", callee);
  code.i32(HELPER);
  code.op("i32.eq");
  code.open("if", "i64");
  code.i32(site);
  code.indexed("local.get", frame);
  for (let i = 0; i < 5; i++) {
    if (i < args.length) expressions.push(args[i], 64);
    else code.i64(0n);
  }
  code.indexed("call", unit.host("resolved"));
  continueElsewhere(context);
  code.op("else");
  openFrame(context);
  pushArguments(context, args);
  code.indexed("local.get", callee);
  code.indirect("call_indirect", unit.types.index(PROGRAM_SIGNATURE));
  closeFrame(context);
  code.op("end");
}

/**
 * Emits a legacy packet load; its result is on the stack. Outside the packet the function returns 0.
 *
 * @param context The function around it.
 * @param load The load.
 */
export function pushPacketLoad(context: CallContext, load: Value): void {
  const { unit, code, expressions, content } = context;
  const offset = Number(BigInt.asIntN(32, load.imm));
  if (load.fn === "ind") {
    expressions.push(load.args[1], 32);
    code.i32(offset);
    code.op("i32.add");
  } else code.i32(offset);
  code.i32(load.size);
  code.indexed("call", unit.host("packet"));
  code.indexed("local.tee", content);
  code.i64(NO_PACKET);
  code.op("i64.eq");
  code.open("if");
  code.i64(0n);
  context.leave();
  code.op("end");
  code.indexed("local.get", content);
}
