/**
 * A growing list of 32-bit integers, for lists as long as the function: half the memory of an array, and none of it is
 * looked at by the garbage collector.
 *
 * @module
 */

/** A list of 32-bit integers. */
export class IntList {
  /** The integers, and room for more. */
  items: Int32Array = new Int32Array(256);
  /** How many there are. */
  length = 0;

  /**
   * Appends an integer.
   *
   * @param value The integer.
   */
  push(value: number): void {
    if (this.length === this.items.length) {
      const grown = new Int32Array(this.length * 2);
      grown.set(this.items);
      this.items = grown;
    }
    this.items[this.length++] = value;
  }
}
