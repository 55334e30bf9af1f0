/**
 * A socket buffer: the packet, where its headers begin, the state of its checksum, and `struct __sk_buff`.
 *
 * Fields that programs may write live in the struct in guest memory. The rest (lengths, places of headers, checksum
 * state) lives here, and the struct shows it.
 *
 * @module
 */

import type { ContextOutput, RunContext } from "./context.ts";
import type { PacketBuffer } from "./packet.ts";
import type { StructMemory } from "./struct_memory.ts";

/** Length of an Ethernet header. */
export const ETHERNET = 14;

/** Ethernet types, as numbers. */
export const ETHER_TYPE = {
  IPV4: 0x0800,
  IPV6: 0x86dd,
  VLAN: 0x8100,
  SERVICE_VLAN: 0x88a8,
  BRIDGED: 0x6558,
} as const;

/** What the checksum of a packet is known to be (linux/skbuff.h). */
export const CHECKSUM = { NONE: 0, UNNECESSARY: 1, COMPLETE: 2, PARTIAL: 3 } as const;

/** Swaps the bytes of a 16-bit number: network order to little-endian and back. */
export function swap16(value: number): number {
  return (value & 0xff) << 8 | value >>> 8 & 0xff;
}

/** Places of headers, in bytes from the start of the data; they move with it. */
export interface HeaderPlaces {
  /** Link layer. */
  mac: number;
  /** Network layer. */
  network: number;
  /** Transport layer; null if nobody has found it. */
  transport: number | null;
}

/** Checksum state. */
export interface ChecksumState {
  /** {@link CHECKSUM}. */
  kind: number;
  /** For CHECKSUM.COMPLETE the sum of all bytes. */
  sum: number;
  /** For CHECKSUM.UNNECESSARY how many sums were verified, less one. */
  level: number;
}

/** The context of one run of a program on a socket buffer. */
export class SkbContext implements RunContext {
  readonly type: string;
  readonly packet: PacketBuffer;
  /** The struct. */
  readonly fields: StructMemory;
  /** Places of headers. */
  readonly headers: HeaderPlaces;
  /** Checksum state. */
  readonly checksum: ChecksumState = { kind: CHECKSUM.NONE, sum: 0, level: 0 };
  /** Whether a tunnel header is in front. */
  encapsulated = false;
  /** Whether the hash is that of the flow, or was set. */
  hashKnown = false;
  /** SKB_GSO_*: how to segment it. */
  gsoType = 0;
  /** Key and options of the tunnel that it came through or leaves by; null for none. */
  tunnel: { key: Uint8Array; options: Uint8Array } | null = null;
  /** Bytes of the link layer header that the program does not see. */
  readonly #hidden: Uint8Array;

  /**
   * Wraps a packet and its struct.
   *
   * @param type Program type.
   * @param packet The packet, without the hidden header.
   * @param fields The struct.
   * @param hidden Bytes of the link layer header that the program does not see; they are in the headroom.
   */
  constructor(type: string, packet: PacketBuffer, fields: StructMemory, hidden: Uint8Array) {
    this.type = type;
    this.packet = packet;
    this.fields = fields;
    this.#hidden = hidden;
    this.headers = {
      mac: -hidden.length,
      network: hidden.length > 0 ? 0 : Math.min(ETHERNET, packet.length),
      transport: null,
    };
    this.update();
  }

  get address(): number {
    return this.fields.address;
  }

  get args(): readonly bigint[] {
    return [BigInt(this.address)];
  }

  /** Whether the data begins with the link layer header. */
  get atLink(): boolean {
    return this.#hidden.length === 0;
  }

  /** Ethernet type of the network layer, as a number. */
  get protocol(): number {
    return swap16(this.fields.get("protocol"));
  }

  set protocol(value: number) {
    this.fields.set("protocol", swap16(value));
  }

  /** Whether it is to be segmented. */
  get isGso(): boolean {
    return this.fields.get("gso_size") !== 0;
  }

  /** Writes length and addresses of the packet to the struct. */
  update(): void {
    const { dataAddress, endAddress, metaAddress, length } = this.packet;
    this.fields.assign({
      len: length,
      data: dataAddress,
      data_end: endAddress,
      data_meta: metaAddress,
    });
  }

  /** Forgets the hash of the flow. */
  clearHash(): void {
    this.hashKnown = false;
    this.fields.set("hash", 0);
  }

  /**
   * Lengthens the packet at its start; headers stay where they are in memory.
   *
   * @param size By how many bytes; they keep what the headroom held.
   */
  push(size: number): void {
    this.packet.dropMeta();
    this.packet.reserve(size, 0);
    this.packet.moveData(-size);
    this.#moveHeaders(size);
  }

  /**
   * Shortens the packet at its start; headers stay where they are in memory.
   *
   * @param size By how many bytes, at most the linear part.
   */
  pull(size: number): void {
    this.packet.dropMeta();
    this.packet.moveData(size);
    this.#moveHeaders(-size);
  }

  #moveHeaders(delta: number): void {
    this.headers.mac += delta;
    this.headers.network += delta;
    if (this.headers.transport !== null) this.headers.transport += delta;
  }

  finish(): ContextOutput {
    const { packet } = this;
    const bytes = packet.bytes();
    const whole = new Uint8Array(this.#hidden.length + bytes.length);
    whole.set(this.#hidden);
    whole.set(bytes, this.#hidden.length);
    return {
      context: this.fields.bytes.slice(),
      fields: this.fields.read(),
      packet: whole,
      meta: packet.bytes(true).slice(0, packet.metaLength),
    };
  }
}
