/**
 * The two textual encodings of raw instructions: the dump format, one unsigned 64-bit number a line for each slot, and
 * hexadecimal bytes. Writing keeps the notation of an example, so that a rewritten input looks like the original.
 *
 * @module
 */

import { ParseError } from "../errors.ts";

/** How a dump is written. */
export interface DumpNotation {
  /** Hexadecimal with `0x`, otherwise decimal. */
  readonly hex: boolean;
  /** Hexadecimal digits are padded with zeros to 16. */
  readonly padded: boolean;
  /** Hexadecimal digits are capital letters. */
  readonly capital: boolean;
  /** End of a line. */
  readonly newline: string;
  /** The last line ends with one too. */
  readonly finalNewline: boolean;
}

/** How hexadecimal bytes are written. */
export interface HexNotation {
  /** What stands between two bytes of a slot. */
  readonly separator: string;
  /** What stands between two slots. */
  readonly slotSeparator: string;
  /** Digits are capital letters. */
  readonly capital: boolean;
  /** What follows the last byte. */
  readonly end: string;
}

const PLAIN_DUMP: DumpNotation = {
  hex: false,
  padded: false,
  capital: false,
  newline: "\n",
  finalNewline: true,
};
const PLAIN_HEX: HexNotation = { separator: " ", slotSeparator: "\n", capital: false, end: "\n" };

const DUMP_LINE = /^\s*(?:0[xX][0-9a-fA-F]{1,16}|[0-9]{1,20})\s*$/;
const U64_LIMIT = 1n << 64n;

/**
 * Parses a dump.
 *
 * @param text One unsigned 64-bit number a line, decimal or with `0x`; blank lines count for nothing.
 * @returns The little-endian encoding, 8 bytes for each number.
 * @throws {ParseError} If a line is not such a number.
 */
export function parseDump(text: string): Uint8Array<ArrayBuffer> {
  const lines = text.split("\n");
  const bytes = new Uint8Array(lines.length * 8);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i].trim();
    if (line === "") continue;
    const value = DUMP_LINE.test(line) ? BigInt(line) : U64_LIMIT;
    if (value >= U64_LIMIT) {
      const shown = line.length > 40 ? `${line.slice(0, 40)}…` : line;
      throw new ParseError(`cannot parse dump: "${shown}" is not an unsigned 64-bit number`, {
        line: i + 1,
        column: 1,
      });
    }
    view.setBigUint64(at, value, true);
    at += 8;
  }
  return bytes.slice(0, at);
}

/**
 * Finds out how a dump is written.
 *
 * @param text A dump.
 * @returns Its notation.
 */
export function dumpNotation(text: string): DumpNotation {
  const digits = [...text.matchAll(/0[xX]([0-9a-fA-F]+)/g)].map((match) => match[1]);
  return {
    hex: digits.length > 0,
    padded: digits.length > 0 && digits.every((d) => d.length === 16),
    capital: digits.some((d) => /[A-F]/.test(d)),
    newline: text.includes("\r\n") ? "\r\n" : "\n",
    finalNewline: text.endsWith("\n"),
  };
}

/**
 * Writes a dump.
 *
 * @param bytes Little-endian instructions, a multiple of 8 bytes.
 * @param notation How to write it.
 * @returns One number a line.
 */
export function printDump(bytes: Uint8Array, notation: DumpNotation = PLAIN_DUMP): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 8) {
    const value = view.getBigUint64(at, true);
    if (notation.hex) {
      const digits = value.toString(16).padStart(notation.padded ? 16 : 1, "0");
      lines.push(`0x${notation.capital ? digits.toUpperCase() : digits}`);
    } else lines.push(value.toString());
  }
  return lines.join(notation.newline) + (notation.finalNewline ? notation.newline : "");
}

/**
 * Recognises a dump.
 *
 * @param text Any text.
 * @returns Whether it is a dump: numbers only, one a line, none with a leading zero.
 */
export function isDump(text: string): boolean {
  let found = false;
  for (const raw of text.split("\n")) {
    const line = raw.trim();
    if (line === "") continue;
    if (!DUMP_LINE.test(line) || /^0[0-9]/.test(line)) return false;
    if (line.length >= 20 && BigInt(line) >= U64_LIMIT) return false;
    found = true;
  }
  return found;
}

/** The words of digits in hexadecimal text, without prefixes and separators. */
function hexWords(text: string): string[] {
  const digits = text.replace(/0[xX]|\\x/g, " ").replace(/[\s,]+/g, " ").trim();
  return digits === "" ? [] : digits.split(" ");
}

/** Whether a word is whole bytes. */
const isBytes = (word: string): boolean => word.length % 2 === 0 && !/[^0-9a-fA-F]/.test(word);

/**
 * Recognises hexadecimal bytes.
 *
 * @param text Any text.
 * @returns Whether it is hexadecimal bytes and nothing else.
 */
export function isHex(text: string): boolean {
  if (/[^0-9a-fA-FxX\\,\s]/.test(text)) return false;
  const words = hexWords(text);
  return words.length > 0 && words.every(isBytes);
}

/**
 * Parses hexadecimal bytes.
 *
 * @param text Digit pairs, perhaps each with `0x` or `\x`, between white space or commas.
 * @returns The bytes.
 * @throws {ParseError} If something else is in the text, or a digit lacks its pair.
 */
export function parseHex(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length >> 1);
  let count = 0;
  for (const word of hexWords(text)) {
    if (!isBytes(word)) {
      const shown = word.length > 40 ? `${word.slice(0, 40)}…` : word;
      throw new ParseError(`cannot parse hexadecimal bytes: "${shown}"`, {
        line: text.slice(0, text.indexOf(word)).split("\n").length,
      });
    }
    for (let i = 0; i < word.length; i += 2) {
      bytes[count++] = parseInt(word.slice(i, i + 2), 16);
    }
  }
  return bytes.slice(0, count);
}

/**
 * Finds out how hexadecimal bytes are written.
 *
 * @param text Hexadecimal bytes.
 * @returns Their notation, as far as it is regular.
 */
export function hexNotation(text: string): HexNotation {
  const pairs = [...text.matchAll(/[0-9a-fA-F]{2}/g)].slice(0, 9);
  const between = (i: number): string =>
    i + 1 < pairs.length ? text.slice(pairs[i].index + 2, pairs[i + 1].index) : "";
  return {
    separator: between(0),
    slotSeparator: pairs.length > 8 ? between(7) : "\n",
    capital: /[A-F]/.test(text),
    end: text.slice(text.trimEnd().length),
  };
}

/**
 * Writes hexadecimal bytes.
 *
 * @param bytes Any bytes.
 * @param notation How to write them.
 * @returns Digit pairs, eight in a group.
 */
export function printHex(bytes: Uint8Array, notation: HexNotation = PLAIN_HEX): string {
  let text = "";
  for (let i = 0; i < bytes.length; i++) {
    if (i > 0) text += i % 8 === 0 ? notation.slotSeparator : notation.separator;
    const digits = bytes[i].toString(16).padStart(2, "0");
    text += notation.capital ? digits.toUpperCase() : digits;
  }
  return text + notation.end;
}
