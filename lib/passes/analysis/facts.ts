/**
 * What can be known of a 64-bit pattern: unsigned and signed bounds, and bits that are surely 0 or 1 (a tnum, as the
 * verifier calls it, split into two halves).
 *
 * Bounds are doubles: exact up to 2^53 and, beyond that, open ({@link UNBOUNDED}), which is sound and needs no bigint.
 *
 * @module
 */

/** The unsigned bound of a value of which nothing is known; negated, the signed one. */
export const UNBOUNDED: number = Infinity;

/** Doubles above this are not exact. */
const EXACT = Number.MAX_SAFE_INTEGER;
const TWO32 = 0x1_0000_0000;

/** Facts about one value; mutable, so that an analysis reuses it. */
export class Facts {
  /** Least unsigned value. */
  min = 0;
  /** Greatest unsigned value. */
  max: number = UNBOUNDED;
  /** Least signed value. */
  signedMin: number = -UNBOUNDED;
  /** Greatest signed value. */
  signedMax: number = UNBOUNDED;
  /** Bits of the low and high half that are 0. */
  zeroLow = 0;
  zeroHigh = 0;
  /** Bits of the low and high half that are 1. */
  oneLow = 0;
  oneHigh = 0;

  /** Forgets everything. */
  clear(): this {
    this.min = 0;
    this.max = UNBOUNDED;
    this.signedMin = -UNBOUNDED;
    this.signedMax = UNBOUNDED;
    this.zeroLow =
      this.zeroHigh =
      this.oneLow =
      this.oneHigh =
        0;
    return this;
  }

  /**
   * Knows the value.
   *
   * @param imm An unsigned 64-bit pattern.
   */
  exactly(imm: bigint): this {
    const low = Number(BigInt.asIntN(32, imm));
    const high = Number(BigInt.asIntN(32, imm >> 32n));
    return this.exactHalves(low, high);
  }

  /**
   * Knows the value.
   *
   * @param low Low half, signed.
   * @param high High half, signed.
   */
  exactHalves(low: number, high: number): this {
    this.oneLow = low;
    this.oneHigh = high;
    this.zeroLow = ~low;
    this.zeroHigh = ~high;
    const unsigned = (high >>> 0) * TWO32 + (low >>> 0);
    const signed = high * TWO32 + (low >>> 0);
    const known = unsigned <= EXACT;
    this.min = known ? unsigned : 0;
    this.max = known ? unsigned : UNBOUNDED;
    const tracked = Math.abs(signed) <= EXACT;
    this.signedMin = tracked ? signed : -UNBOUNDED;
    this.signedMax = tracked ? signed : UNBOUNDED;
    return this;
  }

  /**
   * Knows unsigned bounds and nothing else.
   *
   * @param min Least value.
   * @param max Greatest value.
   */
  between(min: number, max: number): this {
    this.clear();
    if (!(max <= EXACT && min <= max)) return this;
    this.min = min;
    this.max = max;
    return this.settle();
  }

  /**
   * Knows signed bounds and nothing else.
   *
   * @param min Least value.
   * @param max Greatest value.
   */
  signedBetween(min: number, max: number): this {
    this.clear();
    if (!(min >= -EXACT && max <= EXACT && min <= max)) return this;
    this.signedMin = min;
    this.signedMax = max;
    return this.settle();
  }

  /** Copies all facts. */
  set(other: Facts): this {
    this.min = other.min;
    this.max = other.max;
    this.signedMin = other.signedMin;
    this.signedMax = other.signedMax;
    this.zeroLow = other.zeroLow;
    this.zeroHigh = other.zeroHigh;
    this.oneLow = other.oneLow;
    this.oneHigh = other.oneHigh;
    return this;
  }

  /** Keeps what holds of both. */
  join(other: Facts): this {
    this.min = Math.min(this.min, other.min);
    this.max = Math.max(this.max, other.max);
    this.signedMin = Math.min(this.signedMin, other.signedMin);
    this.signedMax = Math.max(this.signedMax, other.signedMax);
    this.zeroLow &= other.zeroLow;
    this.zeroHigh &= other.zeroHigh;
    this.oneLow &= other.oneLow;
    this.oneHigh &= other.oneHigh;
    return this;
  }

  /** Whether all bits are known. */
  get isConstant(): boolean {
    return (this.zeroLow | this.oneLow) === -1 && (this.zeroHigh | this.oneHigh) === -1;
  }

  /** Knows only what a zero extension of the low half leaves. */
  truncate(): this {
    const { zeroLow, oneLow, min, max } = this;
    const kept = max < TWO32;
    this.clear();
    this.zeroLow = zeroLow;
    this.oneLow = oneLow;
    this.zeroHigh = -1;
    this.min = kept ? min : 0;
    this.max = kept ? max : TWO32 - 1;
    return this.settle();
  }

  /** Makes bounds and bits agree, each narrowing the others. */
  settle(): this {
    // From the signs: where signed bounds do not cross zero they are unsigned bounds, and the other way round.
    if (this.signedMin >= 0) {
      this.min = Math.max(this.min, this.signedMin);
      this.max = Math.min(this.max, this.signedMax);
    }
    this.#fromMax();
    this.#fromBits();
    if (this.max <= EXACT) {
      this.signedMin = Math.max(this.signedMin, this.min);
      this.signedMax = Math.min(this.signedMax, this.max);
    }
    return this;
  }

  #fromMax(): void {
    const { max } = this;
    if (!(max <= EXACT)) return;
    if (max < TWO32) {
      this.zeroHigh = -1;
      const leading = Math.clz32(max >>> 0);
      if (leading > 0) this.zeroLow |= leading === 32 ? -1 : -1 << (32 - leading);
    } else this.zeroHigh |= -1 << (32 - Math.clz32(Math.floor(max / TWO32)));
  }

  #fromBits(): void {
    const high = ~this.zeroHigh >>> 0;
    if (high < 0x20_0000) {
      this.max = Math.min(this.max, high * TWO32 + (~this.zeroLow >>> 0));
      this.min = Math.max(this.min, (this.oneHigh >>> 0) * TWO32 + (this.oneLow >>> 0));
    }
  }
}
