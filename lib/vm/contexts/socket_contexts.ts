/**
 * Contexts of programs on sockets: a struct, for some with bytes that it points to (a message, a packet, the value of an
 * option), and a socket.
 *
 * @module
 */

import type { Environment } from "../environment.ts";
import { NO_PACKET, type PacketLoad } from "../packet_load.ts";
import type { ContextBuilder, ContextInput, ContextOutput, RunContext } from "./context.ts";
import type { Layout } from "./layout.ts";
import { PacketBuffer } from "./packet.ts";
import { ETHERNET, networkOrder } from "./skb.ts";
import { StructMemory } from "./struct_memory.ts";
import {
  FLOW_KEYS,
  SK_BUFF,
  SK_LOOKUP,
  SK_MSG_MD,
  SK_REUSEPORT_MD,
  SOCK_ADDR,
  SOCK_OPS,
  SOCKOPT,
} from "./structs.ts";

/** Names of the fields that show the payload. */
interface PayloadFields {
  readonly begin: string;
  readonly end: string;
  readonly length: string;
}

/** How the context of a type is made. */
export interface SocketKind {
  /** The struct. */
  readonly layout: Layout;
  /** Where it points to bytes; null if it does not. */
  readonly payload: PayloadFields | null;
  /** Whether it comes with a socket unless the caller says otherwise. */
  readonly socket: boolean;
}

const data = (length: string): PayloadFields => ({ begin: "data", end: "data_end", length });

/** The program types of this module. */
export const SOCKET_KINDS: { readonly [type: string]: SocketKind } = {
  sk_msg: { layout: SK_MSG_MD, payload: data("size"), socket: true },
  sk_reuseport: { layout: SK_REUSEPORT_MD, payload: data("len"), socket: true },
  sk_lookup: { layout: SK_LOOKUP, payload: null, socket: false },
  cgroup_sock_addr: { layout: SOCK_ADDR, payload: null, socket: true },
  sock_ops: {
    layout: SOCK_OPS,
    payload: { begin: "skb_data", end: "skb_data_end", length: "skb_len" },
    socket: true,
  },
  cgroup_sockopt: {
    layout: SOCKOPT,
    payload: { begin: "optval", end: "optval_end", length: "optlen" },
    socket: true,
  },
  flow_dissector: { layout: SK_BUFF, payload: data("len"), socket: false },
};

const NO_BYTES = new Uint8Array(0);

/** The context of one run of a program on a socket. */
export class SocketContext implements RunContext {
  readonly type: string;
  readonly loadPacket: PacketLoad = NO_PACKET;
  readonly packet: PacketBuffer | null;
  /** The struct. */
  readonly fields: StructMemory;
  readonly #payload: PayloadFields | null;
  readonly #flowKeys: StructMemory | null;

  /**
   * Wraps a struct and what it points to.
   *
   * @param type Program type.
   * @param fields The struct.
   * @param packet The bytes that it points to; null for none.
   * @param flowKeys What a flow dissector fills in; null for the other types.
   */
  constructor(
    type: string,
    fields: StructMemory,
    packet: PacketBuffer | null,
    flowKeys: StructMemory | null,
  ) {
    this.type = type;
    this.fields = fields;
    this.packet = packet;
    this.#payload = SOCKET_KINDS[type].payload;
    this.#flowKeys = flowKeys;
    this.update();
  }

  get address(): number {
    return this.fields.address;
  }

  get args(): readonly bigint[] {
    return [BigInt(this.address)];
  }

  /** Writes length and addresses of the payload to the struct. */
  update(): void {
    if (this.#payload === null || this.packet === null) return;
    const { begin, end, length } = this.#payload;
    this.fields.assign({
      [begin]: this.packet.dataAddress,
      [end]: this.packet.endAddress,
      [length]: this.packet.length,
    });
  }

  finish(): ContextOutput {
    const context = this.fields.bytes.slice();
    if (this.#flowKeys !== null) clampOffsets(this.#flowKeys, this.packet?.length ?? 0);
    const keys = this.#flowKeys?.bytes.slice();
    return {
      context,
      readFields: () => ({
        ...this.fields.read(context),
        ...keys === undefined ? {} : this.#flowKeys!.read(keys),
      }),
      packet: this.packet?.bytes() ?? null,
      meta: NO_BYTES,
    };
  }
}

/** Offsets that a flow dissector leaves count up to the end of the frame (`bpf_flow_dissect`). */
function clampOffsets(keys: StructMemory, length: number): void {
  const clamp = (value: number, low: number) => Math.min(Math.max(value, low), length);
  const network = clamp(keys.get("nhoff"), ETHERNET);
  keys.set("nhoff", network);
  keys.set("thoff", clamp(keys.get("thoff"), network));
}

/** Prepares what a flow dissector fills in, as for a frame whose network header follows its link layer header. */
function fillFlowKeys(
  keys: StructMemory,
  struct: StructMemory,
  frame: Uint8Array,
): void {
  const type = (frame[12] ?? 0) << 8 | (frame[13] ?? 0);
  const protocol = networkOrder(type, struct.order);
  keys.fill({ n_proto: protocol, nhoff: ETHERNET, thoff: ETHERNET });
  struct.assign({ protocol, flow_keys: keys.address });
}

/** The socket that a context tells of. */
function socketFields(layout: Layout, struct: StructMemory): { [name: string]: bigint } {
  const fields = struct.read();
  const named = ["family", "type", "protocol", "state", "priority", "mark"];
  return Object.fromEntries(
    named.filter((name) => layout.byName.has(name)).map((name) => [name, fields[name]]),
  );
}

/**
 * Makes the builder of contexts of programs on sockets.
 *
 * @param env The environment.
 * @param type Program type, one of {@link SOCKET_KINDS}.
 * @returns The builder.
 */
export function socketContexts(env: Environment, type: string): ContextBuilder {
  const { memory, sockets } = env;
  const { layout, payload, socket: hasSocket } = SOCKET_KINDS[type];
  const struct = new StructMemory(memory, layout);
  const buffer = payload === null ? null : new PacketBuffer(memory);
  const keys = type === "flow_dissector" ? new StructMemory(memory, FLOW_KEYS) : null;
  return {
    build({ packet = NO_BYTES, linear, ctx, fields = {}, socket }: ContextInput) {
      struct.fill({});
      if (ctx !== undefined) struct.bytes.set(ctx.subarray(0, layout.size));
      const inStruct = Object.entries(fields).filter(([name]) => !isFlowKey(keys, layout, name));
      struct.assign(Object.fromEntries(inStruct));
      buffer?.place(packet, { headroom: 64, tailroom: 64, linear });
      if (keys !== null) {
        fillFlowKeys(keys, struct, packet);
        keys.assign(
          Object.fromEntries(Object.entries(fields).filter(([n]) => isFlowKey(keys, layout, n))),
        );
      } else if (socket === undefined ? hasSocket : socket !== null) {
        struct.assign({ sk: sockets.add(socket ?? socketFields(layout, struct)) });
      }
      return new SocketContext(type, struct, buffer, keys);
    },
  };
}

/** Whether a field of a flow dissector's input is one of its keys. */
function isFlowKey(keys: StructMemory | null, layout: Layout, name: string): boolean {
  const bare = name.split("[")[0];
  return keys !== null && keys.layout.byName.has(bare) && !layout.byName.has(bare);
}
