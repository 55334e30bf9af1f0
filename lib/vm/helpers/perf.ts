/**
 * Helpers of perf event arrays: output to user space and counters.
 *
 * @module
 */

import type { Environment } from "../environment.ts";
import { GuestFault } from "../fault.ts";
import type { GuestMap } from "../maps/map.ts";
import { ReferenceArray } from "../maps/reference_array.ts";
import type { CounterValue } from "../providers.ts";
import { failure, type HelperBodies, type HelperFactory, u32, u64 } from "./body.ts";

/** Flags: the index in the map, all ones for the current CPU; how many bytes of the packet to add. */
const INDEX_MASK = 0xffff_ffffn;
const PACKET_MASK = 0xfffffn << 32n;
const CURRENT_CPU = 0xffff_ffff;
/** Bytes of `struct bpf_perf_event_value`. */
const COUNTER_SIZE = 24;

/** The map of an argument. */
function eventArray({ maps }: Environment, handle: bigint, helper: string): ReferenceArray {
  const map: GuestMap = maps.argument(handle, helper);
  if (map instanceof ReferenceArray && map.typeName === "perf_event_array") return map;
  throw new GuestFault("helper", `cannot call ${helper}: ${map.name} is not a perf_event_array`);
}

function indexOf({ cpu }: Environment, flags: bigint): number {
  const index = u32(flags & INDEX_MASK);
  return index === CURRENT_CPU ? cpu : index;
}

/** The bytes of the packet that go out with an event; a failure if it has fewer, or there is no packet. */
function packetPart({ packet }: Environment, flags: bigint): Uint8Array | bigint {
  const size = Number((flags & PACKET_MASK) >> 32n);
  if ((flags & ~(INDEX_MASK | PACKET_MASK)) !== 0n) return failure("EINVAL");
  if (packet === null) return size === 0 ? new Uint8Array(0) : failure("EINVAL");
  return packet.read(0, size) ?? failure("EFAULT");
}

const output = (helper: string): HelperFactory => (env) => (_context, _r1, r2, r3, r4, r5) => {
  const map = eventArray(env, r2, helper);
  const flags = u64(r3);
  const part = packetPart(env, flags);
  if (typeof part === "bigint") return part;
  const index = indexOf(env, flags);
  if (index >= map.maxEntries) return failure("E2BIG");
  if (map.get(index) === 0 && !(env.openEvents && map.size === 0)) return failure("ENOENT");
  const bytes = env.memory.slice(r4, Number(u64(r5)), false);
  const size = bytes.length + part.length;
  const { output } = env.records;
  if (!output.hasRoom(size)) {
    output.dropped++;
    return 0n;
  }
  const data = new Uint8Array(size);
  data.set(bytes);
  data.set(part, bytes.length);
  output.push({ helper, map: map.name, cpu: index, data }, size);
  return 0n;
};

/** The counter at an index; a failure if there is none. */
function counterOf(env: Environment, map: ReferenceArray, flags: bigint): CounterValue | bigint {
  if ((flags & ~INDEX_MASK) !== 0n) return failure("EINVAL");
  const index = indexOf(env, flags);
  if (index >= map.maxEntries) return failure("E2BIG");
  return env.providers.counter?.(map, index) ?? failure("ENOENT");
}

const readCounter: HelperFactory = (env) => (_context, r1, r2) => {
  const counter = counterOf(env, eventArray(env, r1, "perf_event_read"), u64(r2));
  return typeof counter === "bigint" ? counter : u64(counter.counter);
};

/** Stores a counter; zeros if it fails. */
function storeCounter(
  { memory }: Environment,
  target: bigint,
  size: number,
  read: () => CounterValue | bigint,
): bigint {
  const bytes = memory.slice(target, size, true);
  bytes.fill(0);
  if (size !== COUNTER_SIZE) return failure("EINVAL");
  const counter = read();
  if (typeof counter === "bigint") return counter;
  memory.store(target, 8, counter.counter);
  memory.store(target + 8n, 8, counter.enabled);
  memory.store(target + 16n, 8, counter.running);
  return 0n;
}

const readCounterValue: HelperFactory = (env) => (_context, r1, r2, r3, r4) => {
  const map = eventArray(env, r1, "perf_event_read_value");
  return storeCounter(env, r3, u32(r4), () => counterOf(env, map, u64(r2)));
};

/** Helpers of perf event arrays. */
export const PERF_HELPERS: HelperBodies = {
  perf_event_output: output("perf_event_output"),
  skb_output: output("skb_output"),
  xdp_output: output("xdp_output"),
  perf_event_read: readCounter,
  perf_event_read_value: readCounterValue,
};
