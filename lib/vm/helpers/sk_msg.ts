/**
 * Helpers of programs on messages that a process sends (net/core/filter.c). The whole message is one piece of memory.
 *
 * @module
 */

import { MAX_PACKET, type PacketBuffer } from "../contexts/packet.ts";
import type { SocketContext } from "../contexts/socket_contexts.ts";
import type { Environment } from "../environment.ts";
import { failure, type HelperBodies, type HelperFactory, u32, u64 } from "./body.ts";
import { socketContextOf } from "./contexts.ts";

/** Notes how many bytes the verdict is for, or to wait for. */
const note = (name: string): HelperFactory => (env) => (_, r1, r2) => {
  socketContextOf(env, r1, "sk_msg");
  env.records.act(name, BigInt(u32(r2)));
  return 0n;
};

/** The message of a context, all of it linear. */
function messageOf(
  env: Environment,
  register: bigint,
): { readonly context: SocketContext; readonly packet: PacketBuffer } {
  const context = socketContextOf(env, register, "sk_msg");
  const packet = context.packet!;
  packet.pull(packet.length);
  return { context, packet };
}

function push(env: Environment, register: bigint, start: number, size: number): bigint {
  const { context, packet } = messageOf(env, register);
  if (start > packet.length) return failure("EINVAL");
  if (packet.length + size > MAX_PACKET) return failure("ENOMEM");
  const tail = packet.read(start, packet.length - start)!;
  packet.reserve(0, size);
  packet.moveEnd(size);
  packet.write(start, new Uint8Array(size));
  packet.write(start + size, tail);
  context.update();
  return 0n;
}

function pop(env: Environment, register: bigint, start: number, size: number): bigint {
  const { context, packet } = messageOf(env, register);
  if (start >= packet.length || start + size > packet.length) return failure("EINVAL");
  const tail = packet.read(start + size, packet.length - start - size)!;
  packet.write(start, tail);
  packet.moveEnd(-size);
  context.update();
  return 0n;
}

/** Helpers of programs on messages. */
export const SK_MSG_HELPERS: HelperBodies = {
  msg_apply_bytes: note("msg_apply_bytes"),
  msg_cork_bytes: note("msg_cork_bytes"),
  msg_pull_data: (env) => (_, r1, r2, r3, r4) => {
    const { context, packet } = messageOf(env, r1);
    const start = u32(r2), end = u32(r3);
    if (u64(r4) !== 0n || end <= start || end > packet.length) return failure("EINVAL");
    context.update();
    const { dataAddress } = packet;
    context.fields.assign({ data: dataAddress + start, data_end: dataAddress + end });
    return 0n;
  },
  msg_push_data: (env) => (_, r1, r2, r3, r4) => {
    if (u64(r4) !== 0n) return failure("EINVAL");
    const size = u32(r3);
    return size === 0 ? 0n : push(env, r1, u32(r2), size);
  },
  msg_pop_data: (env) => (_, r1, r2, r3, r4) => {
    if (u64(r4) !== 0n) return failure("EINVAL");
    const size = u32(r3);
    return size === 0 ? 0n : pop(env, r1, u32(r2), size);
  },
};
