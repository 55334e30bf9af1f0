/**
 * The contexts that helpers take as their first argument.
 *
 * @module
 */

import type { RunContext } from "../contexts/context.ts";
import type { PacketBuffer } from "../contexts/packet.ts";
import { SkbContext } from "../contexts/skb.ts";
import { SocketContext } from "../contexts/socket_contexts.ts";
import { SysctlContext } from "../contexts/sysctl.ts";
import { XdpContext } from "../contexts/xdp.ts";
import type { Environment } from "../environment.ts";
import { GuestFault } from "../fault.ts";

/** What a class of contexts is called in messages. */
const NAMES: ReadonlyMap<unknown, string> = new Map<unknown, string>([
  [XdpContext, "an XDP context"],
  [SkbContext, "a socket buffer"],
  [SocketContext, "the context of a socket"],
  [SysctlContext, "the context of a kernel parameter"],
]);

/**
 * The context that a helper works on.
 *
 * @param kind The class of contexts that it takes.
 * @param env The environment.
 * @param register Its first argument.
 * @returns The context.
 * @throws {GuestFault} If that is not the context of the program, or of another class.
 */
export function contextOf<T extends RunContext>(
  kind: abstract new (...args: never[]) => T,
  { context }: Environment,
  register: bigint,
): T {
  if (context instanceof kind && register === BigInt(context.address)) return context;
  throw new GuestFault(
    "helper",
    `cannot take 0x${BigInt.asUintN(64, register).toString(16)} for ${
      NAMES.get(kind)
    }: it is not the context of the program`,
  );
}

/**
 * The frame that a helper works on.
 *
 * @param env The environment.
 * @param register Its first argument.
 * @returns The context.
 * @throws {GuestFault} If that is not the context of an XDP program.
 */
export function xdpOf(env: Environment, register: bigint): XdpContext {
  return contextOf(XdpContext, env, register);
}

/**
 * The socket buffer that a helper works on.
 *
 * @param env The environment.
 * @param register Its first argument.
 * @returns The context.
 * @throws {GuestFault} If that is not the context of a program on socket buffers.
 */
export function skbOf(env: Environment, register: bigint): SkbContext {
  return contextOf(SkbContext, env, register);
}

/** Types of programs on sockets that load bytes of a packet by helpers. */
const LOADING_TYPES: ReadonlySet<string> = new Set(["flow_dissector", "sk_reuseport"]);

/**
 * The packet that a helper loads bytes of.
 *
 * @param env The environment.
 * @param register Its first argument.
 * @returns The packet.
 * @throws {GuestFault} If that is not the context of a program that may.
 */
export function loadablePacketOf(env: Environment, register: bigint): PacketBuffer {
  const { context } = env;
  if (context instanceof SocketContext && LOADING_TYPES.has(context.type)) {
    return contextOf(SocketContext, env, register).packet!;
  }
  return skbOf(env, register).packet;
}

/**
 * The context of a program on sockets that a helper works on.
 *
 * @param env The environment.
 * @param register Its first argument.
 * @param type Type of the programs that may call the helper.
 * @returns The context.
 * @throws {GuestFault} If that is not the context of such a program.
 */
export function socketContextOf(
  env: Environment,
  register: bigint,
  type: string,
): SocketContext {
  const context = contextOf(SocketContext, env, register);
  if (context.type === type) return context;
  throw new GuestFault("helper", `cannot take the context of ${context.type} for that of ${type}`);
}
