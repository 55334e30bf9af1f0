/**
 * Packets in words, for messages: what each layer says.
 *
 * @module
 */

import { ipText, macText } from "./addresses.ts";

/** Bytes of a payload that are shown. */
const SHOWN_BYTES = 16;

const ETHER_TYPE = { IPV4: 0x0800, VLAN: 0x8100, QINQ: 0x88a8, IPV6: 0x86dd } as const;
const FLAGS = "FSRPAUEC";

const word = (bytes: Uint8Array, at: number): number => bytes[at] << 8 | bytes[at + 1];
const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** A layer in words, and what it carries: the protocol and the bytes; null if nothing is known of it. */
interface Described {
  readonly text: string;
  readonly next: ((bytes: Uint8Array) => Described) | null;
  readonly rest: Uint8Array;
}

function describePayload(bytes: Uint8Array): Described {
  const more = bytes.length > SHOWN_BYTES ? "…" : "";
  const text = bytes.length === 0
    ? ""
    : `${bytes.length} bytes ${hex(bytes.subarray(0, SHOWN_BYTES))}${more}`;
  return { text, next: null, rest: new Uint8Array(0) };
}

const truncated = (name: string, bytes: Uint8Array): Described => ({
  text: `${name}, truncated: ${bytes.length} bytes ${hex(bytes)}`,
  next: null,
  rest: new Uint8Array(0),
});

function describeTcp(bytes: Uint8Array): Described {
  if (bytes.length < 20) return truncated("TCP", bytes);
  const flags = [...FLAGS].filter((_, bit) => (bytes[13] >> bit & 1) === 1).join("");
  const text = `TCP ${word(bytes, 0)} > ${word(bytes, 2)}${flags === "" ? "" : ` [${flags}]`}`;
  const checksum = `checksum 0x${word(bytes, 16).toString(16)}`;
  const size = Math.max(20, (bytes[12] >> 4) * 4);
  return { text: `${text}, ${checksum}`, next: describePayload, rest: bytes.subarray(size) };
}

function describeUdp(bytes: Uint8Array): Described {
  if (bytes.length < 8) return truncated("UDP", bytes);
  const text = `UDP ${word(bytes, 0)} > ${word(bytes, 2)}, checksum 0x${
    word(bytes, 6).toString(16)
  }`;
  return { text, next: describePayload, rest: bytes.subarray(8) };
}

const describeIcmp = (name: string) => (bytes: Uint8Array): Described =>
  bytes.length < 4 ? truncated(name, bytes) : {
    text: `${name} type ${bytes[0]} code ${bytes[1]}`,
    next: describePayload,
    rest: bytes.subarray(4),
  };

function nextOf(protocol: number): (bytes: Uint8Array) => Described {
  switch (protocol) {
    case 1:
      return describeIcmp("ICMP");
    case 4:
      return describeIpv4;
    case 6:
      return describeTcp;
    case 17:
      return describeUdp;
    case 41:
      return describeIpv6;
    case 58:
      return describeIcmp("ICMPv6");
    default:
      return describePayload;
  }
}

function describeIpv4(bytes: Uint8Array): Described {
  if (bytes.length < 20 || bytes[0] >> 4 !== 4) return truncated("IPv4", bytes);
  const addresses = `${ipText(bytes.subarray(12, 16))} > ${ipText(bytes.subarray(16, 20))}`;
  const text = `IPv4 ${addresses}, protocol ${bytes[9]}, ttl ${bytes[8]}, length ${
    word(bytes, 2)
  }, checksum 0x${word(bytes, 10).toString(16)}`;
  const size = Math.max(20, (bytes[0] & 15) * 4);
  return { text, next: nextOf(bytes[9]), rest: bytes.subarray(size) };
}

function describeIpv6(bytes: Uint8Array): Described {
  if (bytes.length < 40) return truncated("IPv6", bytes);
  const addresses = `${ipText(bytes.subarray(8, 24))} > ${ipText(bytes.subarray(24, 40))}`;
  const text = `IPv6 ${addresses}, next header ${bytes[6]}, hop limit ${bytes[7]}, length ${
    word(bytes, 4)
  }`;
  return { text, next: nextOf(bytes[6]), rest: bytes.subarray(40) };
}

function carriedBy(type: number): (bytes: Uint8Array) => Described {
  switch (type) {
    case ETHER_TYPE.IPV4:
      return describeIpv4;
    case ETHER_TYPE.IPV6:
      return describeIpv6;
    case ETHER_TYPE.VLAN:
    case ETHER_TYPE.QINQ:
      return describeVlan;
    default:
      return describePayload;
  }
}

function describeVlan(bytes: Uint8Array): Described {
  if (bytes.length < 4) return truncated("VLAN", bytes);
  const tag = word(bytes, 0);
  const text = `VLAN ${tag & 0xfff}, priority ${tag >> 13}`;
  return { text, next: carriedBy(word(bytes, 2)), rest: bytes.subarray(4) };
}

function describeEthernet(bytes: Uint8Array): Described {
  if (bytes.length < 14) return truncated("Ethernet", bytes);
  const addresses = `${macText(bytes.subarray(6, 12))} > ${macText(bytes.subarray(0, 6))}`;
  const type = word(bytes, 12);
  const text = `Ethernet ${addresses}, type 0x${type.toString(16).padStart(4, "0")}`;
  return { text, next: carriedBy(type), rest: bytes.subarray(14) };
}

/**
 * Describes a packet.
 *
 * @param bytes The packet, from its Ethernet header on.
 * @returns A line for each layer.
 */
export function describePacket(bytes: Uint8Array): string[] {
  const lines: string[] = [];
  let described: Described | null = describeEthernet(bytes);
  while (described !== null) {
    if (described.text !== "") lines.push(described.text);
    described = described.next === null ? null : described.next(described.rest);
  }
  return lines;
}
