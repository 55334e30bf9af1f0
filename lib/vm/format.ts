/**
 * The kernel's formatted printing for programs (`bpf_bprintf_prepare` in kernel/bpf/helpers.c, `bstr_printf` in
 * lib/vsprintf.c), with what it accepts, its limits and its errors.
 *
 * A conversion is `%[0+- ][width]` and one of `d i u x X`, with `l` or `ll`; `c`; `s`, `pks`, `pus` for strings; `p`, `px`,
 * `pK` for pointers, `ps`, `pS`, `pB` for symbols, `pi4 pI4 pi6 pI6` for addresses. Where the kernel would hide a pointer
 * behind a hash or name a symbol, its number is printed.
 *
 * @module
 */

import type { Environment } from "./environment.ts";
import { ERRNO } from "./errno.ts";
import { readForeign, readForeignString, TASK_SIZE } from "./foreign_memory.ts";
import type { Field } from "./format_fields.ts";

/** The most arguments of a call (MAX_BPRINTF_VARARGS). */
export const MAX_FORMAT_ARGUMENTS = 12;
/** Bytes of the line that the kernel prints to, its NUL included (MAX_BPRINTF_BUF). */
export const LINE_SIZE = 1024;
/** The longest format; the kernel's are bounded by the map that holds them. */
export const MAX_FORMAT = 65_536;
/** Bytes that copied arguments may take together (MAX_BPRINTF_BIN_ARGS). */
const ARGUMENT_BYTES = 512;
/** The widest field (FIELD_WIDTH_MAX). */
const MAX_WIDTH = (1 << 23) - 1;
/** Digits of a pointer. */
const POINTER_DIGITS = 16;

const text = (string: string): Uint8Array => new TextEncoder().encode(string);

/** Letters and digits of the kernel's Latin-1 table. */
const isAlphanumeric = (c: string): boolean => /^[0-9A-Za-zÀ-ÖØ-öø-ÿ]$/.test(c);
/** What may follow a conversion that takes a string: the end, white space, punctuation. */
const endsWord = (c: string): boolean => c === "" || !isAlphanumeric(c);

/** A conversion up to its letter. */
interface Conversion {
  readonly flags: string;
  readonly width: number;
}

/** Formats that fail: a negative error number. */
class FormatFailure {
  readonly status: number;

  constructor(status: number) {
    this.status = status;
  }
}

const fail = (name: "EINVAL" | "ENOSPC"): never => {
  throw new FormatFailure(-ERRNO[name]);
};

/** The address in a form of `%pi4`, `%pI4`, `%pi6` or `%pI6`. */
function addressText(bytes: Uint8Array, dotted: boolean): string {
  if (bytes.length === 4) {
    return [...bytes].map((byte) => `${byte}`.padStart(dotted ? 1 : 3, "0")).join(".");
  }
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return dotted ? hex.match(/.{4}/g)!.join(":") : hex;
}

/** Reads a format and its arguments side by side. */
class Formatter {
  readonly fields: Field[] = [];
  readonly #env: Environment;
  readonly #bytes: Uint8Array;
  /** The format with a character for each byte. */
  readonly #format: string;
  readonly #args: readonly bigint[];
  #at = 0;
  #next = 0;
  /** Bytes that the arguments take so far. */
  #taken = 0;

  constructor(env: Environment, format: Uint8Array, args: readonly bigint[]) {
    this.#env = env;
    this.#bytes = format;
    this.#format = new TextDecoder("latin1").decode(format);
    this.#args = args;
  }

  run(): void {
    const format = this.#format;
    // deno-lint-ignore no-control-regex
    const bad = /[\0-\x08\x0e-\x1f\x7f]/.exec(format)?.index ?? format.length;
    while (this.#at < bad) {
      const percent = format.indexOf("%", this.#at);
      const end = percent < 0 || percent > bad ? bad : percent;
      if (end > this.#at) this.#literal(this.#at, end);
      this.#at = end;
      if (end < bad) this.#percent();
    }
    if (bad < format.length) fail("EINVAL");
  }

  #char(offset = 0): string {
    return this.#format.charAt(this.#at + offset);
  }

  #literal(from: number, to: number): void {
    const bytes = this.#bytes.subarray(from, to);
    this.fields.push({ bytes, sign: 0, width: 0, padding: "after", copied: false });
  }

  #percent(): void {
    if (this.#char(1) === "%") {
      this.#literal(this.#at, this.#at + 1);
      this.#at += 2;
      return;
    }
    if (this.#next >= this.#args.length) fail("EINVAL");
    const match = /%([-0+ ]*)([1-9][0-9]*)?/y;
    match.lastIndex = this.#at;
    const [all, flags, width] = match.exec(this.#format)!;
    this.#at += all.length;
    const conversion = { flags, width: width === undefined ? 0 : Math.min(+width, MAX_WIDTH) };
    if (this.#char() === "p") this.#pointer(conversion);
    else if (this.#char() === "s") this.#string(conversion, "any", 1);
    else if (this.#char() === "c") this.#character(conversion);
    else this.#integer(conversion);
  }

  #argument(): bigint {
    return BigInt.asUintN(64, this.#args[this.#next++]);
  }

  /** Takes aligned room for a number. */
  #takeNumber(size: number): void {
    this.#taken = (this.#taken + 3 & ~3) + size;
    if (this.#taken > ARGUMENT_BYTES) fail("ENOSPC");
  }

  #padded({ flags, width }: Conversion, bytes: Uint8Array): void {
    const padding = flags.includes("-") ? "after" : "before";
    this.fields.push({ bytes, sign: 0, width, padding, copied: false });
  }

  #number({ flags, width }: Conversion, digits: string, sign: number): void {
    const padding = flags.includes("-") ? "after" : flags.includes("0") ? "zeros" : "before";
    this.fields.push({ bytes: text(digits), sign, width, padding, copied: false });
  }

  #integer(conversion: Conversion): void {
    const long = /l{0,2}/y;
    long.lastIndex = this.#at;
    const bits = long.exec(this.#format)![0] === "" ? 32 : 64;
    this.#at = long.lastIndex;
    const letter = this.#char();
    if (!/^[diuxX]$/.test(letter)) fail("EINVAL");
    this.#at++;
    this.#takeNumber(bits / 8);
    const pattern = this.#argument();
    if (letter === "d" || letter === "i") {
      const value = BigInt.asIntN(bits, pattern);
      const { flags } = conversion;
      const plus = flags.includes("+") ? 0x2b : flags.includes(" ") ? 0x20 : 0;
      return this.#number(conversion, `${value < 0n ? -value : value}`, value < 0n ? 0x2d : plus);
    }
    const value = BigInt.asUintN(bits, pattern);
    const digits = value.toString(letter === "u" ? 10 : 16);
    this.#number(conversion, letter === "X" ? digits.toUpperCase() : digits, 0);
  }

  #character(conversion: Conversion): void {
    this.#at++;
    if (++this.#taken > ARGUMENT_BYTES) fail("ENOSPC");
    this.#padded(conversion, Uint8Array.of(Number(this.#argument() & 0xffn)));
  }

  /** A string, behind whose letters the word must end. */
  #string(conversion: Conversion, space: "any" | "kernel" | "user", letters: number): void {
    this.#at += letters;
    if (!endsWord(this.#char())) fail("EINVAL");
    const room = ARGUMENT_BYTES - this.#taken;
    if (room <= 0) fail("ENOSPC");
    const address = this.#argument();
    const from = space !== "any" ? space : address < TASK_SIZE ? "user" : "kernel";
    const source = readForeignString(this.#env, from, address, room) ?? Uint8Array.of(0);
    this.#taken += source.length;
    const bytes = source.slice(0, source.length - 1);
    if (space === "any") this.#padded(conversion, bytes);
    else this.#copied(bytes);
  }

  /** What the kernel formats when it copies the arguments: without padding. */
  #copied(bytes: Uint8Array): void {
    this.fields.push({ bytes, sign: 0, width: 0, padding: "after", copied: true });
  }

  #pointer(conversion: Conversion): void {
    const letter = this.#char(1);
    if (endsWord(letter) && letter !== "%") {
      this.#at++;
      return this.#pointerDigits(conversion);
    }
    if ((letter === "k" || letter === "u") && this.#char(2) === "s") {
      return this.#string(conversion, letter === "k" ? "kernel" : "user", 3);
    }
    this.#at += 2;
    if (letter === "K" || letter === "x") this.#pointerDigits(conversion);
    else if (letter === "s" || letter === "S") this.#symbol(conversion);
    else if (letter === "B") this.#backtrace();
    else if (letter === "i" || letter === "I") this.#address(letter === "I");
    else fail("EINVAL");
    this.#skipLetters();
  }

  /** The kernel takes all letters and digits behind a `%p` for its own, but checks the conversions among them. */
  #skipLetters(): void {
    while (isAlphanumeric(this.#char())) this.#at++;
  }

  #pointerDigits(conversion: Conversion): void {
    this.#takeNumber(8);
    const digits = this.#argument().toString(16);
    if (conversion.width > 0) return this.#number(conversion, digits, 0);
    const { flags } = conversion;
    this.#number({ flags: `${flags}0`, width: POINTER_DIGITS }, digits, 0);
  }

  #symbol(conversion: Conversion): void {
    this.#takeNumber(8);
    this.#padded(conversion, text(`0x${this.#argument().toString(16)}`));
  }

  #backtrace(): void {
    const bytes = text(`0x${this.#argument().toString(16)}`);
    this.#taken += bytes.length + 1;
    this.#copied(bytes);
  }

  #address(dotted: boolean): void {
    const family = this.#char();
    if (family !== "4" && family !== "6") fail("EINVAL");
    this.#at++;
    const size = family === "4" ? 4 : 16;
    if (ARGUMENT_BYTES - this.#taken < size) fail("ENOSPC");
    const address = this.#argument();
    const source = readForeign(this.#env, "kernel", address, size) ?? new Uint8Array(size);
    const bytes = text(addressText(source, dotted));
    this.#taken += bytes.length + 1;
    this.#copied(bytes);
  }
}

/**
 * Formats arguments as the kernel does for a program.
 *
 * @param env The environment, for strings and addresses in memory.
 * @param format The format, up to its NUL.
 * @param args The arguments, 64-bit patterns.
 * @returns The fields of the output, or a negative error number.
 */
export function formatFields(
  env: Environment,
  format: Uint8Array,
  args: readonly bigint[],
): readonly Field[] | number {
  if (format.length > MAX_FORMAT) return -ERRNO.EINVAL;
  const formatter = new Formatter(env, format, args);
  try {
    formatter.run();
    return formatter.fields;
  } catch (error) {
    if (error instanceof FormatFailure) return error.status;
    throw error;
  }
}
