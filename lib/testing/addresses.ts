/**
 * Addresses as text and as bytes.
 *
 * @module
 */

import { EpassError } from "../errors.ts";

function refuse(text: string, what: string): never {
  throw new EpassError(`cannot read address ${text}: it is not ${what}`);
}

/**
 * The bytes of an Ethernet address.
 *
 * @param text Six pairs of hexadecimal digits, such as `02:00:00:00:00:01`.
 * @returns Six bytes.
 * @throws {EpassError} If it is anything else.
 */
export function macAddress(text: string): Uint8Array<ArrayBuffer> {
  if (!/^[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){5}$/.test(text)) refuse(text, "one of Ethernet");
  return Uint8Array.from(text.split(":"), (pair) => parseInt(pair, 16));
}

function ipv4Bytes(text: string): Uint8Array<ArrayBuffer> {
  const parts = text.split(".").map((part) => /^\d{1,3}$/.test(part) ? Number(part) : 256);
  if (parts.length !== 4 || parts.some((part) => part > 255)) refuse(text, "one of IPv4");
  return Uint8Array.from(parts);
}

/** The groups of one side of `::`; the last one may be an IPv4 address. */
function groups(side: string, text: string): number[] {
  if (side === "") return [];
  return side.split(":").flatMap((group, i, all) => {
    if (i === all.length - 1 && group.includes(".")) {
      const [a, b, c, d] = ipv4Bytes(group);
      return [a << 8 | b, c << 8 | d];
    }
    if (!/^[0-9a-fA-F]{1,4}$/.test(group)) refuse(text, "one of IPv6");
    return [parseInt(group, 16)];
  });
}

function ipv6Bytes(text: string): Uint8Array<ArrayBuffer> {
  const sides = text.split("::");
  const [head, tail] = [groups(sides[0], text), groups(sides[1] ?? "", text)];
  const zeros = 8 - head.length - tail.length;
  const isWhole = sides.length === 1 ? zeros === 0 : sides.length === 2 && zeros > 0;
  if (!isWhole) refuse(text, "one of IPv6");
  const all = [...head, ...new Array<number>(zeros).fill(0), ...tail];
  return Uint8Array.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}

/**
 * The bytes of an IP address.
 *
 * @param text `10.0.0.1` or `fd00::1`.
 * @returns 4 or 16 bytes, in network order.
 * @throws {EpassError} If it is anything else.
 */
export function ipAddress(text: string): Uint8Array<ArrayBuffer> {
  return text.includes(":") ? ipv6Bytes(text) : ipv4Bytes(text);
}

/**
 * An IPv4 address as a program sees it in a `__be32`: the number to put into the field of a map.
 *
 * @param text Such as `10.0.0.1`.
 * @returns The number whose bytes in a little-endian program are the address.
 * @throws {EpassError} If it is not an IPv4 address.
 */
export function ipv4Word(text: string): number {
  return new DataView(ipv4Bytes(text).buffer).getUint32(0, true);
}

/**
 * A port as a program sees it in a `__be16`.
 *
 * @param port The port.
 * @returns The number whose bytes in a little-endian program are the port in network order.
 */
export function portWord(port: number): number {
  return (port & 0xff) << 8 | port >> 8 & 0xff;
}

/**
 * The text of an Ethernet address.
 *
 * @param bytes Six bytes.
 * @returns Such as `02:00:00:00:00:01`.
 */
export function macText(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(":");
}

/**
 * The text of an IP address.
 *
 * @param bytes 4 or 16 bytes.
 * @returns Such as `10.0.0.1`, or eight groups of IPv6 with the longest run of zeros left out.
 */
export function ipText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  const words = Array.from({ length: 8 }, (_, i) => bytes[2 * i] << 8 | bytes[2 * i + 1]);
  const text = words.map((word) => word.toString(16)).join(":");
  const runs = [...text.matchAll(/(?:^|:)0(?::0)+(?=:|$)/g)].map(([run]) => run);
  if (runs.length === 0) return text;
  const longest = runs.reduce((best, run) => run.length > best.length ? run : best);
  return text.replace(longest, ":").replace(/^:(?!:)/, "::").replace(/(?<!:):$/, "::");
}
