/**
 * Which operands fit immediates; worked out once for each constant.
 *
 * @module
 */

import type { Value } from "../../ir/function.ts";
import type { Width } from "../../isa/ops.ts";

/** What is known of a constant. */
const UNKNOWN = 0, SIGNED = 1, OTHER = 2;

/** The constants of one function as immediates. */
export class Immediates {
  readonly #low: Int32Array;
  readonly #kind: Uint8Array;

  /** @param valueCount Number of values of the function. */
  constructor(valueCount: number) {
    this.#low = new Int32Array(valueCount);
    this.#kind = new Uint8Array(valueCount);
  }

  /**
   * The immediate that encodes a constant operand.
   *
   * @param value An operand.
   * @param width 64 if the immediate is sign-extended to 64 bits, 32 if only its low half counts.
   * @returns The signed 32-bit immediate, or null if the value is not a constant or does not fit.
   */
  of(value: Value, width: Width): number | null {
    if (value.op !== "const") return null;
    const { id } = value;
    if (this.#kind[id] === UNKNOWN) {
      this.#low[id] = Number(BigInt.asIntN(32, value.imm));
      const extended = BigInt.asUintN(64, BigInt(this.#low[id]));
      this.#kind[id] = extended === value.imm ? SIGNED : OTHER;
    }
    return width === 32 || this.#kind[id] === SIGNED ? this.#low[id] : null;
  }

  /**
   * The immediate of an arithmetic operand. A division by the constant 0, which the kernel refuses as an immediate, is
   * left to a register; a shift amount is masked, as the instruction does.
   *
   * @param fn The operation.
   * @param width Its width in bits.
   * @param operand The second operand.
   * @returns The signed 32-bit immediate, or null if there is none.
   */
  ofAlu(fn: string, width: Width, operand: Value): number | null {
    if (operand.op === "core" && operand.width === 32) {
      return Number(BigInt.asIntN(32, operand.imm));
    }
    const imm = this.of(operand, width);
    if (imm === null) return null;
    if (imm === 0 && (fn === "div" || fn === "mod" || fn === "sdiv" || fn === "smod")) return null;
    return fn === "lsh" || fn === "rsh" || fn === "arsh" ? imm & (width - 1) : imm;
  }
}
