/**
 * Helpers of ring buffers. Where the environment has a reader, it takes records as soon as they are visible.
 *
 * @module
 */

import { storeDynptr } from "../dynptr.ts";
import type { Environment } from "../environment.ts";
import { GuestFault } from "../fault.ts";
import { RingBuffer, STAGE_HEADER, UserRingBuffer } from "../maps/ring_buffer.ts";
import { failure, type HelperBodies, type HelperFactory, result, u64 } from "./body.ts";

/** The most samples of a user ring buffer that one call takes (BPF_MAX_USER_RINGBUF_SAMPLES). */
const MAX_SAMPLES = 131_072;
/** Flags of wake-ups, which a sandbox does not need. */
const WAKEUP_FLAGS = 3n;

function ringOf({ maps }: Environment, handle: bigint, helper: string): RingBuffer {
  const map = maps.argument(handle, helper);
  if (map instanceof RingBuffer) return map;
  throw new GuestFault("helper", `cannot call ${helper}: ${map.name} is not a ringbuf`);
}

/** Lets the reader take what is visible. */
function read({ records, openEvents, cpu }: Environment, ring: RingBuffer, helper: string): void {
  if (!openEvents) return;
  ring.drain((data) => {
    records.output.push({ helper, map: ring.name, cpu, data }, data.length);
  });
}

const output: HelperFactory = (env) => (_context, r1, r2, r3, r4) => {
  const ring = ringOf(env, r1, "ringbuf_output");
  const data = env.memory.slice(r2, Number(u64(r3)), false);
  const status = ring.output(data, Number(u64(r4)));
  read(env, ring, "ringbuf_output");
  return result(status);
};

/**
 * Reserves a record for a dynamic pointer.
 *
 * @param env The environment.
 * @param handle Handle of the ring buffer.
 * @param size Bytes of the record.
 * @returns Its address; 0 if there is no room.
 * @throws {GuestFault} If it is not the handle of a ring buffer.
 */
export function reserveRecord(env: Environment, handle: bigint, size: number): number {
  return ringOf(env, handle, "ringbuf_reserve_dynptr").reserve(size);
}

const reserve: HelperFactory = (env) => (_context, r1, r2, r3) => {
  const ring = ringOf(env, r1, "ringbuf_reserve");
  return u64(r3) === 0n ? BigInt(ring.reserve(Number(u64(r2)))) : 0n;
};

/**
 * Finishes a record of some ring buffer.
 *
 * @param env The environment.
 * @param address Address of the record.
 * @param submit Whether the reader shall see it.
 * @param helper Name of the helper.
 * @throws {GuestFault} If it is not that of a reserved record.
 */
export function finishRecord(
  env: Environment,
  address: bigint,
  submit: boolean,
  helper: string,
): void {
  for (const map of env.maps) {
    if (!(map instanceof RingBuffer) || !map.commit(Number(address), submit)) continue;
    return read(env, map, helper);
  }
  const hex = address.toString(16);
  throw new GuestFault("helper", `cannot call ${helper}: 0x${hex} is not a reserved record`);
}

const finish = (helper: string, submit: boolean): HelperFactory => (env) => (_context, r1) => {
  finishRecord(env, u64(r1), submit, helper);
  return 0n;
};

const query: HelperFactory = (env) => (_context, r1, r2) => {
  const question = u64(r2);
  const ring = ringOf(env, r1, "ringbuf_query");
  return question > 3n ? 0n : BigInt(ring.query(Number(question)));
};

/** Shows the samples of a user ring buffer to a callback, which stops by returning anything but 0. */
const drainUser: HelperFactory = (env) => (context, r1, r2, r3, r4) => {
  const ring = env.maps.argument(r1, "user_ringbuf_drain");
  if (!(ring instanceof UserRingBuffer)) {
    throw new GuestFault(
      "helper",
      `cannot call user_ringbuf_drain: ${ring.name} is not a user_ringbuf`,
    );
  }
  if (u64(r4) > WAKEUP_FLAGS) return failure("EINVAL");
  const at = BigInt(ring.stage), data = BigInt(ring.stage + STAGE_HEADER);
  let samples = 0;
  while (samples < MAX_SAMPLES) {
    const size = ring.take();
    if (size < 0) break;
    samples++;
    storeDynptr(env.memory, at, { kind: "local", data, size, offset: 0, readOnly: true });
    if (context.call(r2, [at, r3]) !== 0n) break;
  }
  return result(samples);
};

/** Helpers of ring buffers. */
export const RINGBUF_HELPERS: HelperBodies = {
  ringbuf_output: output,
  ringbuf_reserve: reserve,
  ringbuf_submit: finish("ringbuf_submit", true),
  ringbuf_discard: finish("ringbuf_discard", false),
  ringbuf_query: query,
  user_ringbuf_drain: drainUser,
};
