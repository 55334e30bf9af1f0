/**
 * Builds socket buffers as the kernel's test run does (net/bpf/test_run.c): from a frame, as if it had come in on the
 * loopback interface.
 *
 * @module
 */

import { EpassError } from "../../errors.ts";
import type { Environment } from "../environment.ts";
import type { ContextBuilder, ContextInput, NamedValues } from "./context.ts";
import { PacketBuffer } from "./packet.ts";
import { ETHER_TYPE, ETHERNET, networkOrder, SkbContext } from "./skb.ts";
import { StructMemory } from "./struct_memory.ts";
import { SK_BUFF } from "./structs.ts";

/** NET_SKB_PAD. */
const HEADROOM = 64;
/** Room behind the packet; it grows when a helper asks for more. */
const TAILROOM = 64;
/** State of a socket without a connection (TCP_CLOSE). */
const CLOSED = 7;
/** GSO_LEGACY_MAX_SIZE. */
const MAX_WIRE_LENGTH = 65_536;

/** Program types whose data begins with the link layer header. */
const LINK_TYPES: ReadonlySet<string> = new Set(["sched_cls", "sched_act", "sk_skb", "netfilter"]);

/** Fields that the kernel's test run takes from its context; the others must be 0. */
const TAKEN: readonly string[] = [
  "mark",
  "priority",
  "ingress_ifindex",
  "ifindex",
  "cb",
  "tstamp",
  "wire_len",
  "gso_segs",
  "gso_size",
  "hwtstamp",
];

/** PACKET_*: to whom a frame is, on an interface whose address is all zeros. */
function packetType(frame: Uint8Array): number {
  const destination = frame.subarray(0, 6);
  if (destination.every((byte) => byte === 0)) return 0;
  if (destination.every((byte) => byte === 0xff)) return 1;
  return (destination[0] & 1) !== 0 ? 2 : 3;
}

/**
 * Ethernet type of a frame (`eth_type_trans`).
 *
 * @param frame The frame, from its link layer header on.
 * @returns The type; 1 (802.3) or 4 (802.2) for frames that have a length in its place.
 */
function etherType(frame: Uint8Array): number {
  const type = (frame[12] ?? 0) << 8 | (frame[13] ?? 0);
  if (type >= 0x600) return type;
  return frame.length >= ETHERNET + 2 && frame[14] === 0xff && frame[15] === 0xff ? 1 : 4;
}

/** The fields of a context struct that the kernel's test run takes. */
function takenFields(ctx: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(SK_BUFF.size);
  const rest = ctx.slice();
  for (const name of TAKEN) {
    const { offset, size, count } = SK_BUFF.byName.get(name)!;
    bytes.set(ctx.subarray(offset, offset + size * count), offset);
    rest.fill(0, offset, offset + size * count);
  }
  const at = rest.findIndex((byte) => byte !== 0);
  if (at >= 0) {
    throw new EpassError(
      `cannot build __sk_buff: byte ${at} of the context is not 0, as the kernel's test run wants it`,
      { offset: at },
    );
  }
  return bytes;
}

/** The socket of a packet as the kernel's test run makes it: its addresses are those of the packet. */
function socketOf(frame: Uint8Array, protocol: number): NamedValues {
  const bytes = (at: number, size: number) => frame.subarray(ETHERNET + at, ETHERNET + at + size);
  const state = CLOSED;
  if (protocol === ETHER_TYPE.IPV4) {
    if (frame.length < ETHERNET + 20) return { family: 2, state };
    return { family: 2, state, src_ip4: bytes(12, 4), dst_ip4: bytes(16, 4) };
  }
  if (protocol !== ETHER_TYPE.IPV6) return { state };
  if (frame.length < ETHERNET + 40) return { family: 10, state };
  return { family: 10, state, src_ip6: bytes(8, 16), dst_ip6: bytes(24, 16) };
}

/**
 * Makes the builder of contexts of programs on socket buffers.
 *
 * @param env The environment.
 * @param type Program type.
 * @returns The builder.
 */
export function skbContexts(env: Environment, type: string): ContextBuilder {
  const { memory, sockets } = env;
  const packet = new PacketBuffer(memory);
  const struct = new StructMemory(memory, SK_BUFF);
  const atLink = LINK_TYPES.has(type);
  return {
    build(input: ContextInput) {
      const { packet: given = new Uint8Array(0), meta = 0, ctx, fields = {}, socket } = input;
      const frame = given.subarray(meta);
      const hidden = atLink ? 0 : Math.min(ETHERNET, frame.length);
      const linear = input.linear === undefined
        ? undefined
        : Math.max(meta + input.linear - hidden, 0);
      packet.place(atLink ? given : frame.subarray(hidden), {
        headroom: HEADROOM + hidden,
        tailroom: TAILROOM,
        meta: atLink ? meta : 0,
        linear,
      });
      if (hidden > 0) packet.write(-hidden, frame.subarray(0, hidden));
      const protocol = etherType(frame);
      struct.fill({});
      if (ctx !== undefined) struct.bytes.set(takenFields(ctx));
      struct.assign({
        pkt_type: packetType(frame),
        protocol: networkOrder(protocol, memory.order),
        ifindex: Math.max(struct.get("ifindex"), 1),
        wire_len: struct.get("wire_len") || packet.length,
        sk: socket === null ? 0 : sockets.add(socket ?? socketOf(frame, protocol)),
        ...fields,
      });
      const wireLength = struct.get("wire_len");
      if (ctx !== undefined && (wireLength < packet.length || wireLength > MAX_WIRE_LENGTH)) {
        throw new EpassError(
          `cannot build __sk_buff: wire_len ${wireLength} for a packet of ${packet.length} bytes`,
        );
      }
      const context = new SkbContext(type, packet, struct, frame.slice(0, hidden));
      context.hashKnown = struct.get("hash") !== 0;
      return context;
    },
  };
}
