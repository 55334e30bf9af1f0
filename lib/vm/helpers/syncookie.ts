/**
 * SYN cookies (net/ipv4/syncookies.c, net/ipv6/syncookies.c): sequence numbers that prove that a client has seen the answer to
 * its SYN. The kernel's depend on a secret and on time; these depend on the packet only, so that a run can be repeated.
 * Which segment sizes they keep, and which headers are refused, is as in the kernel.
 *
 * @module
 */

import type { Environment } from "../environment.ts";
import { failure, type HelperBodies, type HelperFactory, u32 } from "./body.ts";

/** Sizes in bytes. */
const TCP_HEADER = 20, IPV4_HEADER = 20, IPV6_HEADER = 40;
/** Most bytes of a TCP header. */
const MAX_TCP_HEADER = 60;
/** Segment sizes that a cookie can tell, ascending. */
const SEGMENT_SIZES = { ipv4: [536, 1300, 1440, 1460], ipv6: [1220, 1420, 1440, 8940] } as const;
/** The segment size of a SYN that tells none. */
const DEFAULT_SEGMENT = { ipv4: 536, ipv6: 1220 } as const;
/** TCP options. */
const OPTION = { END: 0, NOTHING: 1, SEGMENT_SIZE: 2 } as const;
/** TCP flags, in byte 13 of the header. */
const FLAGS = { FIN: 1, SYN: 2, RST: 4, ACK: 16 } as const;
/** State of a socket that waits for connections (TCP_LISTEN). */
const LISTEN = 10;

type Family = "ipv4" | "ipv6";

const word = (bytes: Uint8Array, at: number): number =>
  new DataView(bytes.buffer, bytes.byteOffset).getUint32(at);

/** The segment size that the options of a SYN tell (`tcp_parse_mss_option`); 0 for none. */
function segmentSize(header: Uint8Array): number {
  for (let at = TCP_HEADER; at < header.length;) {
    const kind = header[at];
    if (kind === OPTION.END) return 0;
    if (kind === OPTION.NOTHING) {
      at++;
      continue;
    }
    const size = header[at + 1] ?? 0;
    if (size < 2 || at + size > header.length) return 0;
    if (kind === OPTION.SEGMENT_SIZE && size === 4) return header[at + 2] << 8 | header[at + 3];
    at += size;
  }
  return 0;
}

/** Hashes addresses, ports and the client's sequence number (FNV-1a, mixed at the end). */
function flowHash(ip: Uint8Array, family: Family, tcp: Uint8Array, sequence: number): number {
  const addresses = family === "ipv4" ? ip.subarray(12, 20) : ip.subarray(8, 40);
  let hash = 0x811c9dc5;
  const mix = (byte: number) => hash = Math.imul(hash ^ byte, 0x01000193);
  addresses.forEach(mix);
  tcp.subarray(0, 4).forEach(mix);
  for (let shift = 0; shift < 32; shift += 8) mix(sequence >>> shift & 255);
  hash = Math.imul(hash ^ hash >>> 16, 0x85ebca6b);
  return (hash ^ hash >>> 13) >>> 0;
}

/** A cookie: the hash, with the index of the segment size in its low bits. */
const cookieOf = (hash: number, index: number): number => (hash & ~3 | index) >>> 0;

/** Makes a cookie: the number in the low half of the result, the segment size that it tells in the high half. */
function generate(ip: Uint8Array, family: Family, tcp: Uint8Array): bigint {
  const wanted = segmentSize(tcp) || DEFAULT_SEGMENT[family];
  const sizes = SEGMENT_SIZES[family];
  const index = Math.max(sizes.findLastIndex((size) => size <= wanted), 0);
  const cookie = cookieOf(flowHash(ip, family, tcp, word(tcp, 4)), index);
  return BigInt(sizes[index]) << 32n | BigInt(cookie);
}

/** Whether an ACK returns the cookie of its flow. */
function isValid(ip: Uint8Array, family: Family, tcp: Uint8Array): boolean {
  const cookie = word(tcp, 8) - 1 >>> 0;
  return cookieOf(flowHash(ip, family, tcp, word(tcp, 4) - 1 >>> 0), cookie & 3) === cookie;
}

const ipSize = (family: Family): number => family === "ipv4" ? IPV4_HEADER : IPV6_HEADER;

const generateRaw = (family: Family): HelperFactory => () => ({ memory }, r1, r2, r3) => {
  const size = u32(r3);
  const tcp = memory.slice(r2, size, false);
  if (size < TCP_HEADER || size !== (tcp[12] >> 4) * 4) return failure("EINVAL");
  return generate(memory.slice(r1, ipSize(family), false), family, tcp);
};

const checkRaw = (family: Family): HelperFactory => () => ({ memory }, r1, r2) => {
  const ip = memory.slice(r1, ipSize(family), false);
  return isValid(ip, family, memory.slice(r2, TCP_HEADER, false)) ? 0n : failure("EACCES");
};

/** The headers that a helper got with a socket, and their family; a negative error number if they do not fit. */
function headersOf(
  { memory, sockets }: Environment,
  args: readonly bigint[],
): { readonly ip: Uint8Array; readonly tcp: Uint8Array; readonly family: Family } | bigint {
  const [socket, ipAddress, ipLength, tcpAddress, tcpLength] = args;
  const tcpSize = u32(tcpLength), ipBytes = u32(ipLength);
  const tcp = memory.slice(tcpAddress, tcpSize, false);
  if (tcpSize < TCP_HEADER || tcpSize > MAX_TCP_HEADER) return failure("EINVAL");
  const found = sockets.at(socket);
  const isListening = found !== null && found.tcpAddress !== 0 &&
    Number(found.fields.state ?? 1) === LISTEN;
  if (!isListening) return failure("EINVAL");
  const ip = memory.slice(ipAddress, ipBytes, false);
  const version = (ip[0] ?? 0) >> 4;
  if (version === 4 && ipBytes >= IPV4_HEADER) return { ip, tcp, family: "ipv4" };
  if (version === 6 && ipBytes >= IPV6_HEADER) return { ip, tcp, family: "ipv6" };
  return failure(version === 4 || version === 6 ? "EINVAL" : "EPROTONOSUPPORT");
}

/** SYN cookies. */
export const SYNCOOKIE_HELPERS: HelperBodies = {
  tcp_raw_gen_syncookie_ipv4: generateRaw("ipv4"),
  tcp_raw_gen_syncookie_ipv6: generateRaw("ipv6"),
  tcp_raw_check_syncookie_ipv4: checkRaw("ipv4"),
  tcp_raw_check_syncookie_ipv6: checkRaw("ipv6"),
  tcp_gen_syncookie: (env) => (_, ...args) => {
    const headers = headersOf(env, args);
    if (typeof headers === "bigint") return headers;
    const { ip, tcp, family } = headers;
    const syn = tcp[13] & (FLAGS.SYN | FLAGS.ACK | FLAGS.FIN | FLAGS.RST);
    if (tcp.length !== (tcp[12] >> 4) * 4 || syn !== FLAGS.SYN) return failure("EINVAL");
    return generate(ip, family, tcp);
  },
  tcp_check_syncookie: (env) => (_, ...args) => {
    const headers = headersOf(env, args);
    if (typeof headers === "bigint") return headers;
    const { ip, tcp, family } = headers;
    const isAck = (tcp[13] & (FLAGS.ACK | FLAGS.RST | FLAGS.SYN)) === FLAGS.ACK;
    return isAck && isValid(ip, family, tcp) ? 0n : failure("ENOENT");
  },
};
