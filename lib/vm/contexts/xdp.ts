/**
 * Contexts of XDP programs: a frame as a driver hands it over, and `struct xdp_md`.
 *
 * The sizes are those of the kernel's test run (net/bpf/test_run.c): a page of 4096 bytes with 256 bytes of headroom and
 * 320 bytes for the kernel at its end. What does not fit is in fragments, which only helpers reach.
 *
 * @module
 */

import { EpassError } from "../../errors.ts";
import type { Environment } from "../environment.ts";
import { ERRNO } from "../errno.ts";
import { NO_PACKET, type PacketLoad } from "../packet_load.ts";
import type { ContextBuilder, ContextInput, ContextOutput, RunContext } from "./context.ts";
import { readNumber } from "./layout.ts";
import { PacketBuffer } from "./packet.ts";
import { StructMemory } from "./struct_memory.ts";
import { XDP_MD } from "./structs.ts";

const FRAME_SIZE = 4096;
/** XDP_PACKET_HEADROOM. */
const HEADROOM = 256;
/** Bytes that the kernel keeps at the end of the page (struct skb_shared_info, aligned). */
const SHARED_INFO = 320;
/** Bytes that the kernel keeps at the start of the headroom (struct xdp_frame). */
const XDP_FRAME = 40;
/** Length of an Ethernet header: no frame gets shorter. */
const ETHERNET = 14;
/** Most bytes of metadata. */
const MAX_META = 255;

/** The context of one run of an XDP program. */
export class XdpContext implements RunContext {
  readonly type = "xdp";
  readonly loadPacket: PacketLoad = NO_PACKET;
  readonly packet: PacketBuffer;
  readonly #md: StructMemory;

  /**
   * Wraps a frame and its struct.
   *
   * @param packet The frame.
   * @param md The struct.
   */
  constructor(packet: PacketBuffer, md: StructMemory) {
    this.packet = packet;
    this.#md = md;
    this.update();
  }

  get address(): number {
    return this.#md.address;
  }

  get args(): readonly bigint[] {
    return [BigInt(this.address)];
  }

  /** Index of the interface that the frame came in on. */
  get ingress(): number {
    return this.#md.get("ingress_ifindex");
  }

  /** Writes the addresses of the frame to the struct. */
  update(): void {
    const { dataAddress, endAddress, metaAddress } = this.packet;
    this.#md.set("data", dataAddress);
    this.#md.set("data_end", endAddress);
    this.#md.set("data_meta", metaAddress);
  }

  /**
   * Moves the start of the frame (`bpf_xdp_adjust_head`).
   *
   * @param delta By how many bytes.
   * @returns 0 or a negative error number.
   */
  adjustHead(delta: number): number {
    const { headroom, linearLength } = this.packet;
    if (headroom + delta < XDP_FRAME || delta > linearLength - ETHERNET) return -ERRNO.EINVAL;
    this.packet.moveData(delta);
    this.update();
    return 0;
  }

  /**
   * Moves the start of the metadata (`bpf_xdp_adjust_meta`).
   *
   * @param delta By how many bytes.
   * @returns 0 or a negative error number.
   */
  adjustMeta(delta: number): number {
    const { headroom, metaLength } = this.packet;
    const length = metaLength - delta;
    if (headroom + delta < XDP_FRAME || length < 0) return -ERRNO.EINVAL;
    if (length % 4 !== 0 || length > MAX_META) return -ERRNO.EACCES;
    this.packet.moveMeta(delta);
    this.update();
    return 0;
  }

  /**
   * Moves the end of the frame (`bpf_xdp_adjust_tail`).
   *
   * @param delta By how many bytes.
   * @returns 0 or a negative error number.
   */
  adjustTail(delta: number): number {
    const { packet } = this;
    if (packet.restLength > 0) return this.#adjustFragments(delta);
    if (delta > packet.tailroom || packet.linearLength + delta < ETHERNET) return -ERRNO.EINVAL;
    packet.moveEnd(delta);
    this.update();
    return 0;
  }

  /** Fragments are pages; the last one grows to its end, and shrinking goes on in the linear part. */
  #adjustFragments(delta: number): number {
    const { packet } = this;
    const { restLength } = packet;
    if (delta >= 0) {
      if (delta > (FRAME_SIZE - restLength % FRAME_SIZE) % FRAME_SIZE) return -ERRNO.EINVAL;
      packet.resizeRest(restLength + delta);
      return 0;
    }
    if (packet.length + delta < ETHERNET) return -ERRNO.EINVAL;
    packet.resizeRest(Math.max(restLength + delta, 0));
    if (restLength + delta < 0) packet.moveEnd(restLength + delta);
    this.update();
    return 0;
  }

  finish(): ContextOutput {
    const { packet } = this;
    const context = this.#md.bytes.slice();
    return {
      context,
      readFields: () => this.#md.read(context),
      packet: packet.bytes(),
      meta: packet.meta(),
    };
  }
}

/**
 * Makes the builder of contexts of XDP programs. `ctx` is what the kernel's test run takes: `data` is the length of the
 * metadata, `data_end` that of the input.
 *
 * @param env The environment.
 * @returns The builder.
 */
export function xdpContexts(env: Environment): ContextBuilder {
  const packet = new PacketBuffer(env.memory);
  const md = new StructMemory(env.memory, XDP_MD);
  return {
    build({ packet: bytes = new Uint8Array(0), ctx, meta = 0, linear, fields }: ContextInput) {
      const given = (name: string) =>
        Number(readNumber(ctx!, env.memory.order, XDP_MD.byName.get(name)!.offset, 4));
      if (ctx !== undefined && ctx.length < XDP_MD.size) {
        throw new EpassError(
          `cannot build xdp_md: ${ctx.length} bytes of context are fewer than ${XDP_MD.size}`,
        );
      }
      if (ctx !== undefined) meta = given("data");
      if (meta > Math.min(bytes.length, MAX_META) || meta % 4 !== 0) {
        throw new EpassError(`cannot build xdp_md: ${meta} bytes of metadata`);
      }
      const room = FRAME_SIZE - SHARED_INFO - HEADROOM + meta;
      const inPage = Math.min(meta + (linear ?? bytes.length - meta), bytes.length, room);
      packet.place(bytes, {
        headroom: HEADROOM - meta,
        meta,
        linear: inPage,
        tailroom: room - inPage,
      });
      md.fill({
        ingress_ifindex: ctx !== undefined && given("ingress_ifindex") || 1,
        rx_queue_index: ctx !== undefined ? given("rx_queue_index") : 0,
        ...fields,
      });
      return new XdpContext(packet, md);
    },
  };
}
