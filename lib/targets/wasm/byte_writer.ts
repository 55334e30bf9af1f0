/**
 * Bytes of a WebAssembly module (WebAssembly 2.0, section 5.2: values in LEB128).
 *
 * @module
 */

/** A buffer that grows as bytes are appended. */
export class ByteWriter {
  #bytes = new Uint8Array(256);
  #length = 0;

  /** Bytes appended so far. */
  get length(): number {
    return this.#length;
  }

  /** What was appended; valid until the next append. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + count));
    larger.set(this.#bytes);
    this.#bytes = larger;
  }

  /**
   * Appends a byte.
   *
   * @param value Its low 8 bits count.
   */
  byte(value: number): void {
    if (this.#length === this.#bytes.length) this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  /**
   * Appends bytes.
   *
   * @param bytes The bytes.
   */
  append(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /**
   * Appends an unsigned number in LEB128.
   *
   * @param value From 0 to 2^32 - 1.
   */
  unsigned(value: number): void {
    let rest = value >>> 0;
    while (rest > 0x7f) {
      this.byte(rest & 0x7f | 0x80);
      rest >>>= 7;
    }
    this.byte(rest);
  }

  /**
   * Appends a signed 32-bit number in LEB128.
   *
   * @param value Its low 32 bits count.
   */
  signed32(value: number): void {
    let rest = value | 0;
    while (rest < -0x40 || rest > 0x3f) {
      this.byte(rest & 0x7f | 0x80);
      rest >>= 7;
    }
    this.byte(rest & 0x7f);
  }

  /**
   * Appends a signed 64-bit number in LEB128.
   *
   * @param value Its low 64 bits count.
   */
  signed64(value: bigint): void {
    let rest = BigInt.asIntN(64, value);
    if (rest >= -0x8000_0000n && rest <= 0x7fff_ffffn) return this.signed32(Number(rest));
    while (rest < -0x40n || rest > 0x3fn) {
      this.byte(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    this.byte(Number(rest & 0x7fn));
  }

  /**
   * Appends a name: its length in bytes and its UTF-8.
   *
   * @param name The name.
   */
  name(name: string): void {
    const bytes = new TextEncoder().encode(name);
    this.unsigned(bytes.length);
    this.append(bytes);
  }
}
