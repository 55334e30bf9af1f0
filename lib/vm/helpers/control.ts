/**
 * Helpers that continue elsewhere: tail calls and loops with a callback.
 *
 * @module
 */

import { GuestFault } from "../fault.ts";
import { ReferenceArray } from "../maps/reference_array.ts";
import { failure, type HelperBodies, type HelperFactory, result, u32, u64 } from "./body.ts";

/** The most tail calls of a run (MAX_TAIL_CALL_CNT). */
const MAX_TAIL_CALLS = 33;
/** The most iterations of a loop (BPF_MAX_LOOPS). */
const MAX_LOOPS = 0x80_0000;

/** A tail call; the program goes on behind it if there is nothing at the index. */
const tailCall: HelperFactory = ({ maps, run }) => (context, r1, r2, r3) => {
  const map = maps.argument(r2, "tail_call");
  if (!(map instanceof ReferenceArray) || map.typeName !== "prog_array") {
    throw new GuestFault("helper", `cannot call tail_call: ${map.name} is not a prog_array`);
  }
  if (run.tailCalls >= MAX_TAIL_CALLS) return failure("EPERM");
  const target = map.get(u32(r3));
  if (target === 0) return failure("ENOENT");
  run.tailCalls++;
  context.tailCall(BigInt(target), [r1]);
  return 0n;
};

const loop: HelperFactory = () => (context, r1, r2, r3, r4) => {
  const count = u32(r1);
  if (u64(r4) !== 0n) return failure("EINVAL");
  if (count > MAX_LOOPS) return failure("E2BIG");
  for (let i = 0; i < count; i++) {
    if (context.call(r2, [BigInt(i), r3]) !== 0n) return result(i + 1);
  }
  return result(count);
};

/** Helpers that continue elsewhere. */
export const CONTROL_HELPERS: HelperBodies = { tail_call: tailCall, loop };
