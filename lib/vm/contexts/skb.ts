/**
 * A socket buffer: the packet, where its headers begin, the state of its checksum, and `struct __sk_buff`.
 *
 * Fields that programs may write live in the struct in guest memory. The rest (lengths, places of headers, checksum
 * state) lives here, and the struct shows it.
 *
 * @module
 */

import { type ByteOrder, concatBytes } from "../../bytes.ts";
import { loadNetworkOrder, type PacketLoad } from "../packet_load.ts";
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

/** Offsets of the legacy packet loads that count from a header (SKF_NET_OFF, SKF_LL_OFF). */
const FROM_NETWORK = -0x10_0000, FROM_LINK = -0x20_0000;
/** Length of a VLAN header, between the addresses and the type. */
export const VLAN_HEADER = 4;
/** VLAN headers that are looked through, plus one (VLAN_MAX_DEPTH). */
const MAX_VLANS = 8;

/**
 * Whether an Ethernet type is that of a VLAN header.
 *
 * @param type The type.
 * @returns True for 802.1Q and 802.1ad.
 */
export function isVlan(type: number): boolean {
  return type === ETHER_TYPE.VLAN || type === ETHER_TYPE.SERVICE_VLAN;
}

/**
 * What a 16-bit number in network order is to a program that loads it, and back.
 *
 * @param value The number.
 * @param order Byte order of the program.
 * @returns The number with its bytes swapped for a little-endian program.
 */
export function networkOrder(value: number, order: ByteOrder): number {
  return order === "big" ? value : (value & 0xff) << 8 | value >>> 8 & 0xff;
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

/** Key and options of a tunnel that a packet came through or leaves by. */
export interface Tunnel {
  /** Its id. */
  readonly id: bigint;
  /** Type of service and time to live of the outer header. */
  readonly tos: number;
  readonly ttl: number;
  /** TUNNEL_*, as numbers. */
  flags: number;
  /** Whether the outer addresses are of IPv6. */
  readonly ipv6: boolean;
  /** Outer source address: a word of IPv4, 16 bytes of IPv6. */
  readonly source: Uint8Array;
  /** Outer destination address. */
  readonly destination: Uint8Array;
  /** Flow label of IPv6. */
  readonly label: number;
  /** Options. */
  options: Uint8Array;
}

/** The context of one run of a program on a socket buffer. */
export class SkbContext implements RunContext {
  readonly type: string;
  readonly packet: PacketBuffer;
  /** The struct. */
  readonly fields: StructMemory;
  /** Places of headers. */
  readonly headers: HeaderPlaces;
  /** How many checksums were verified, less one (`csum_level`); null if none was. */
  verified: number | null = null;
  /** Length of the link layer header as last noted (`mac_len`); 0 before the first note. */
  macLength = 0;
  /** Whether a tunnel header is in front. */
  encapsulated = false;
  /** Whether the hash is that of the flow, or was set. */
  hashKnown = false;
  /** The tunnel that it came through or leaves by; null for none. */
  tunnel: Tunnel | null = null;
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
    return networkOrder(this.fields.get("protocol") & 0xffff, this.order);
  }

  set protocol(value: number) {
    this.fields.set("protocol", networkOrder(value, this.order));
  }

  /** Byte order of the program. */
  get order(): ByteOrder {
    return this.fields.order;
  }

  /** Whether the network layer is IPv4 or IPv6. */
  get isIp(): boolean {
    const { protocol } = this;
    return protocol === ETHER_TYPE.IPV4 || protocol === ETHER_TYPE.IPV6;
  }

  /** Notes the length of the link layer header. */
  resetMacLength(): void {
    this.macLength = this.headers.network - this.headers.mac;
  }

  /**
   * Ethernet type behind VLAN headers in the packet (`vlan_get_protocol`).
   *
   * @returns The type; 0 if the packet ends before.
   */
  innerProtocol(): number {
    let type = this.protocol;
    let at = this.macLength === 0 ? ETHERNET : this.macLength - VLAN_HEADER;
    for (let depth = 1; isVlan(type); depth++) {
      const header = depth < MAX_VLANS ? this.packet.read(at, VLAN_HEADER) : null;
      if (header === null) return 0;
      type = header[2] << 8 | header[3];
      at += VLAN_HEADER;
    }
    return type;
  }

  /** Whether it is to be segmented. */
  get isGso(): boolean {
    return this.fields.get("gso_size") !== 0;
  }

  /** Writes length and addresses of the packet to the struct. */
  update(): void {
    const { dataAddress, endAddress, metaAddress, length } = this.packet;
    this.fields.set("len", length);
    this.fields.set("data", dataAddress);
    this.fields.set("data_end", endAddress);
    this.fields.set("data_meta", metaAddress);
  }

  /**
   * Loads as `BPF_ABS` and `BPF_IND` do: negative offsets count from a header (SKF_NET_OFF, SKF_LL_OFF).
   *
   * @param offset Offset in bytes.
   * @param size Bytes to load.
   * @returns The number, in network order; -1 if it is not all in the packet.
   */
  readonly loadPacket: PacketLoad = (offset, size) => {
    if (offset >= 0) return this.#loadAt(offset, size);
    if (offset < FROM_LINK) return -1;
    const { mac, network } = this.headers;
    const at = offset >= FROM_NETWORK ? network + offset - FROM_NETWORK : mac + offset - FROM_LINK;
    return at + size > this.packet.linearLength ? -1 : this.#loadAt(at, size);
  };

  #loadAt(at: number, size: number): number {
    const bytes = this.packet.read(at, size);
    return bytes === null ? -1 : loadNetworkOrder(bytes, 0, size);
  }

  /**
   * Makes the beginning of the packet linear, as every access for writing does.
   *
   * @param size How much of it, in bytes.
   * @returns False if the packet is shorter.
   */
  makeWritable(size: number): boolean {
    if (size > this.packet.length) return false;
    if (size > this.packet.linearLength) {
      this.packet.pull(size);
      this.update();
    }
    return true;
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
    const { packet, fields } = this;
    const context = fields.bytes.slice();
    const bytes = packet.bytes();
    return {
      context,
      readFields: () => fields.read(context),
      packet: this.atLink ? bytes : concatBytes([this.#hidden, bytes]),
      meta: packet.meta(),
    };
  }
}
