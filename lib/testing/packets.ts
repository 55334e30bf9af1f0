/**
 * Packets from layers, with lengths, protocol numbers and checksums filled in.
 *
 * ```ts ignore
 * const syn = packet(ethernet(), ipv4({ source: "10.0.0.1" }), tcp({ destinationPort: 443, flags: ["syn"] }));
 * ```
 *
 * @module
 */

import { concatBytes } from "../bytes.ts";
import { EpassError } from "../errors.ts";
import { ipAddress, macAddress } from "./addresses.ts";
import { header, internetChecksum, type Layer } from "./layers.ts";

/** Protocol numbers: of Ethernet for what it carries, of IP likewise. */
const ETHER_TYPES: { readonly [kind: string]: number | undefined } = {
  ipv4: 0x0800,
  ipv6: 0x86dd,
  vlan: 0x8100,
};
const PROTOCOLS: { readonly [kind: string]: number | undefined } = {
  icmp: 1,
  ipv4: 4,
  tcp: 6,
  udp: 17,
  ipv6: 41,
  icmpv6: 58,
};

/** IPPROTO_NONE. */
const NO_PROTOCOL = 59;
/** An Ethernet header. */
export interface EthernetFields {
  /** Source address, `02:00:00:00:00:01` by default. */
  readonly source?: string;
  /** Destination address, `02:00:00:00:00:02` by default. */
  readonly destination?: string;
  /** Type; by default that of the next layer. */
  readonly type?: number;
}

/**
 * An Ethernet header.
 *
 * @param fields Its fields.
 * @returns The layer.
 */
export function ethernet(fields: EthernetFields = {}): Layer {
  const { source = "02:00:00:00:00:01", destination = "02:00:00:00:00:02", type } = fields;
  return {
    kind: "ethernet",
    encode: ({ payload, upper }) => {
      const head = header(14, (view, bytes) => {
        bytes.set(macAddress(destination));
        bytes.set(macAddress(source), 6);
        view.setUint16(12, type ?? ETHER_TYPES[upper?.kind ?? ""] ?? 0xffff);
      });
      return concatBytes([head, payload]);
    },
  };
}

/** A VLAN tag. */
export interface VlanFields {
  /** Identifier, 1 by default. */
  readonly id?: number;
  /** Priority, 0 by default. */
  readonly priority?: number;
  /** Type; by default that of the next layer. */
  readonly type?: number;
}

/**
 * A VLAN tag (IEEE 802.1Q).
 *
 * @param fields Its fields.
 * @returns The layer.
 */
export function vlan({ id = 1, priority = 0, type }: VlanFields = {}): Layer {
  return {
    kind: "vlan",
    encode: ({ payload, upper }) => {
      const head = header(4, (view) => {
        view.setUint16(0, priority << 13 | id & 0xfff);
        view.setUint16(2, type ?? ETHER_TYPES[upper?.kind ?? ""] ?? 0xffff);
      });
      return concatBytes([head, payload]);
    },
  };
}

/** An IPv4 header. */
export interface Ipv4Fields {
  /** Source address, `10.0.0.1` by default. */
  readonly source?: string;
  /** Destination address, `10.0.0.2` by default. */
  readonly destination?: string;
  /** Time to live, 64 by default. */
  readonly ttl?: number;
  /** Type of service, 0 by default. */
  readonly tos?: number;
  /** Identification, 0 by default. */
  readonly id?: number;
  /** Flags and fragment offset, 16 bits; 0x4000 (do not fragment) by default. */
  readonly fragment?: number;
  /** Options, a multiple of 4 bytes. */
  readonly options?: Uint8Array;
  /** Protocol; by default that of the next layer. */
  readonly protocol?: number;
  /** Checksum; by default the right one. */
  readonly checksum?: number;
}

/**
 * An IPv4 header.
 *
 * @param fields Its fields.
 * @returns The layer.
 */
export function ipv4(fields: Ipv4Fields = {}): Layer {
  const { source = "10.0.0.1", destination = "10.0.0.2", options = new Uint8Array(0) } = fields;
  if (options.length % 4 !== 0 || options.length > 40) {
    throw new EpassError(`cannot build an IPv4 header: ${options.length} bytes of options`);
  }
  const addresses = concatBytes([ipAddress(source), ipAddress(destination)]);
  return {
    kind: "ipv4",
    addresses,
    encode: ({ payload, upper }) => {
      const size = 20 + options.length;
      const head = header(size, (view, bytes) => {
        view.setUint8(0, 0x40 | size / 4);
        view.setUint8(1, fields.tos ?? 0);
        view.setUint16(2, size + payload.length);
        view.setUint16(4, fields.id ?? 0);
        view.setUint16(6, fields.fragment ?? 0x4000);
        view.setUint8(8, fields.ttl ?? 64);
        view.setUint8(9, fields.protocol ?? PROTOCOLS[upper?.kind ?? ""] ?? 255);
        bytes.set(addresses, 12);
        bytes.set(options, 20);
        view.setUint16(10, fields.checksum ?? internetChecksum(bytes));
      });
      return concatBytes([head, payload]);
    },
  };
}

/** An IPv6 header. */
export interface Ipv6Fields {
  /** Source address, `fd00::1` by default. */
  readonly source?: string;
  /** Destination address, `fd00::2` by default. */
  readonly destination?: string;
  /** Hop limit, 64 by default. */
  readonly hopLimit?: number;
  /** Traffic class, 0 by default. */
  readonly trafficClass?: number;
  /** Flow label, 0 by default. */
  readonly flowLabel?: number;
  /** Next header; by default that of the next layer. */
  readonly nextHeader?: number;
}

/**
 * An IPv6 header.
 *
 * @param fields Its fields.
 * @returns The layer.
 */
export function ipv6(fields: Ipv6Fields = {}): Layer {
  const { source = "fd00::1", destination = "fd00::2" } = fields;
  const addresses = concatBytes([ipAddress(source), ipAddress(destination)]);
  return {
    kind: "ipv6",
    addresses,
    encode: ({ payload, upper }) => {
      const head = header(40, (view, bytes) => {
        view.setUint32(0, 6 << 28 | (fields.trafficClass ?? 0) << 20 | (fields.flowLabel ?? 0));
        view.setUint16(4, payload.length);
        view.setUint8(6, fields.nextHeader ?? PROTOCOLS[upper?.kind ?? ""] ?? NO_PROTOCOL);
        view.setUint8(7, fields.hopLimit ?? 64);
        bytes.set(addresses, 8);
      });
      return concatBytes([head, payload]);
    },
  };
}

/**
 * Builds a packet.
 *
 * @param layers Its layers, the outermost first; bytes or text at the end for what the last one carries.
 * @returns The bytes.
 * @throws {EpassError} If bytes or text come before a layer.
 */
export function packet(
  ...layers: readonly (Layer | Uint8Array | string)[]
): Uint8Array<ArrayBuffer> {
  let payload = new Uint8Array(0);
  let upper: Layer | null = null;
  for (let i = layers.length - 1; i >= 0; i--) {
    const layer = layers[i];
    if (typeof layer === "string" || layer instanceof Uint8Array) {
      if (i !== layers.length - 1) {
        throw new EpassError(`cannot build a packet: part ${i} is plain bytes before a layer`);
      }
      payload = typeof layer === "string" ? new TextEncoder().encode(layer) : layer.slice();
      continue;
    }
    payload = layer.encode({ payload, upper, addresses: carrierOf(layers, i) });
    upper = layer;
  }
  return payload;
}

/** Addresses of the IP layer nearest below a layer. */
function carrierOf(layers: readonly (Layer | Uint8Array | string)[], index: number) {
  for (let i = index - 1; i >= 0; i--) {
    const layer = layers[i];
    if (typeof layer === "object" && "addresses" in layer) return layer.addresses ?? null;
  }
  return null;
}
