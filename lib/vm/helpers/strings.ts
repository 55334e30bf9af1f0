/**
 * Helpers that parse and compare strings (kernel/bpf/helpers.c, lib/kstrtox.c).
 *
 * @module
 */

import { type GuestMemory, PAGE_SHIFT } from "../memory.ts";
import { failure, type HelperBodies, type HelperFactory, result, u32, u64 } from "./body.ts";

/** Bits of the flags that hold the base. */
const BASE_MASK = 0x1fn;
/** The most characters of a number that are looked at. */
const MAX_DIGITS = 63;
const MINUS = 0x2d;

/** A number that was parsed. */
interface Parsed {
  readonly value: bigint;
  readonly negative: boolean;
  /** Bytes used. */
  readonly consumed: number;
}

const isSpace = (byte: number): boolean => byte === 32 || byte >= 9 && byte <= 13 || byte === 0xa0;

/** The base that a number is written in, and what to skip before its digits. */
function fixBase(digits: string, base: number): { readonly base: number; readonly skip: number } {
  const found = base !== 0
    ? base
    : /^0x[0-9a-f]/i.test(digits)
    ? 16
    : digits.startsWith("0")
    ? 8
    : 10;
  return { base: found, skip: found === 16 && /^0x/i.test(digits) ? 2 : 0 };
}

/** Parses an unsigned number with a sign before it; a negative error number if it is none. */
function parseNumber(bytes: Uint8Array, flags: bigint): Parsed | bigint {
  const wanted = Number(flags & BASE_MASK);
  if (bytes.length === 0 || ![0, 8, 10, 16].includes(wanted) || (flags & ~BASE_MASK) !== 0n) {
    return failure("EINVAL");
  }
  let at = 0;
  while (at < bytes.length && isSpace(bytes[at])) at++;
  const negative = bytes[at] === MINUS;
  if (negative) at++;
  const text = new TextDecoder("latin1").decode(bytes.subarray(at, at + MAX_DIGITS));
  const { base, skip } = fixBase(text, wanted);
  let value = 0n, count = skip;
  for (; count < text.length; count++) {
    const code = text.charCodeAt(count);
    const digit = code < 0x80 ? parseInt(text[count], base) : NaN;
    if (Number.isNaN(digit)) break;
    value = value * BigInt(base) + BigInt(digit);
  }
  if (value >> 64n !== 0n) return failure("ERANGE");
  if (count === skip) return failure("EINVAL");
  return { value, negative, consumed: at + count };
}

/** A helper that parses a number and stores it, 0 if it fails. */
const strto =
  (convert: (parsed: Parsed) => bigint | "EINVAL" | "ERANGE"): HelperFactory =>
  ({ memory }) =>
  (_context, r1, r2, r3, r4) => {
    memory.store(r4, 8, 0n);
    const size = u64(r2);
    const bytes = memory.slice(r1, Number(size), false);
    const parsed = parseNumber(bytes, u64(r3));
    if (typeof parsed === "bigint") return parsed;
    const value = convert(parsed);
    if (typeof value === "string") return failure(value);
    memory.store(r4, 8, value);
    return result(parsed.consumed);
  };

const signed = ({ value, negative }: Parsed): bigint | "ERANGE" => {
  if (negative ? value > 1n << 63n : value >= 1n << 63n) return "ERANGE";
  return negative ? -value : value;
};

const unsigned = ({ value, negative }: Parsed): bigint | "EINVAL" => negative ? "EINVAL" : value;

/** Compares a string with another of unknown length, which must lie in memory up to where they differ. */
function compareStrings(memory: GuestMemory, a: Uint8Array, b: bigint): number {
  const { bytes, readLimits } = memory;
  for (let i = 0; i < a.length;) {
    const at = memory.check(b + BigInt(i), 1, false);
    // Near the null page the limits say less than the check allows: byte by byte there.
    const known = Math.max(readLimits[at >> PAGE_SHIFT] - at, 1);
    const end = Math.min(i + known, a.length);
    for (let other = at; i < end; i++, other++) {
      if (a[i] !== bytes[other]) return a[i] < bytes[other] ? -1 : 1;
      if (a[i] === 0) return 0;
    }
  }
  return 0;
}

const strncmp: HelperFactory = ({ memory }) => (_context, r1, r2, r3) =>
  result(compareStrings(memory, memory.slice(r1, u32(r2), false), u64(r3)));

/** Helpers that parse and compare strings. */
export const STRING_HELPERS: HelperBodies = {
  strtol: strto(signed),
  strtoul: strto(unsigned),
  strncmp,
};
