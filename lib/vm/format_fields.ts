/**
 * Fields of formatted output, padded and cut to a buffer (`number`, `string_nocheck` and `bstr_printf` in lib/vsprintf.c).
 *
 * A width may be millions while the buffer is short, so that padding is counted and never built beyond the buffer.
 *
 * @module
 */

/** A part of formatted output. */
export interface Field {
  /** Its bytes; of a number the digits. */
  readonly bytes: Uint8Array;
  /** Sign of a number, an ASCII code; 0 for none. */
  readonly sign: number;
  /** Least number of bytes, the sign included. */
  readonly width: number;
  /** What it is padded with to its width. */
  readonly padding: "before" | "after" | "zeros";
  /** Whether it counts for nothing once the buffer is full: the kernel copies what it formatted before that way. */
  readonly copied: boolean;
}

/** Formatted output in a buffer. */
export interface Rendered {
  /** What the buffer holds, without the NUL at its end. */
  readonly bytes: Uint8Array;
  /** Bytes that the output has or would have, without the NUL. */
  readonly length: number;
}

const SPACE = 0x20;
const ZERO = 0x30;

/** A buffer that counts what does not fit. */
class Sink {
  readonly #bytes: Uint8Array;
  length = 0;

  constructor(size: number) {
    this.#bytes = new Uint8Array(size);
  }

  fill(byte: number, count: number): void {
    if (count <= 0) return;
    this.#bytes.fill(byte, this.length, this.length + count);
    this.length += count;
  }

  write(bytes: Uint8Array): void {
    const room = this.#bytes.length - this.length;
    if (room > 0) this.#bytes.set(bytes.subarray(0, room), this.length);
    this.length += bytes.length;
  }

  get held(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }
}

/**
 * Puts fields into a buffer.
 *
 * @param fields The fields.
 * @param size Size of the buffer in bytes; its last byte is kept for the NUL.
 * @returns The output.
 */
export function renderFields(fields: readonly Field[], size: number): Rendered {
  let most = 0;
  for (const { bytes, sign, width } of fields) {
    most += Math.max(width, bytes.length + (sign === 0 ? 0 : 1));
  }
  const sink = new Sink(Math.max(Math.min(size - 1, most), 0));
  for (const { bytes, sign, width, padding, copied } of fields) {
    if (copied && sink.length >= size) continue;
    const spare = width - bytes.length - (sign === 0 ? 0 : 1);
    if (padding === "before") sink.fill(SPACE, spare);
    if (sign !== 0) sink.fill(sign, 1);
    if (padding === "zeros") sink.fill(ZERO, spare);
    sink.write(bytes);
    if (padding === "after") sink.fill(SPACE, spare);
  }
  return { bytes: sink.held, length: sink.length };
}
