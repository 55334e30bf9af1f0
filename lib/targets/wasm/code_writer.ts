/**
 * Writes WebAssembly instructions.
 *
 * @module
 */

import { ByteWriter } from "./byte_writer.ts";
import { BULK, TYPE, WASM, type WasmOp } from "./opcodes.ts";

/** The code of a function under construction. */
export class CodeWriter {
  readonly #out: ByteWriter = new ByteWriter();

  /** Bytes of code so far. */
  get length(): number {
    return this.#out.length;
  }

  /** The code so far. */
  get bytes(): Uint8Array {
    return this.#out.bytes;
  }

  /**
   * Writes an instruction without immediates.
   *
   * @param op The instruction.
   */
  op(op: WasmOp): void {
    this.#out.byte(WASM[op]);
  }

  /**
   * Writes an instruction with an index: of a local, global, label or function.
   *
   * @param op The instruction.
   * @param index The index.
   */
  indexed(
    op:
      | "local.get"
      | "local.set"
      | "local.tee"
      | "global.get"
      | "global.set"
      | "br"
      | "br_if"
      | "call",
    index: number,
  ): void {
    this.#out.byte(WASM[op]);
    this.#out.unsigned(index);
  }

  /**
   * Writes a call through the table of functions.
   *
   * @param op The instruction.
   * @param type Index of the type of the function.
   */
  indirect(op: "call_indirect" | "return_call_indirect", type: number): void {
    this.#out.byte(WASM[op]);
    this.#out.unsigned(type);
    this.#out.unsigned(0);
  }

  /**
   * Opens a construct.
   *
   * @param op Which.
   * @param result Type of what it leaves on the stack, if it does.
   */
  open(op: "block" | "loop" | "if", result: "i32" | "i64" | "empty" = "empty"): void {
    this.#out.byte(WASM[op]);
    this.#out.byte(TYPE[result]);
  }

  /**
   * Writes a 32-bit constant.
   *
   * @param value Its low 32 bits count.
   */
  i32(value: number): void {
    this.#out.byte(WASM["i32.const"]);
    this.#out.signed32(value);
  }

  /**
   * Writes a 64-bit constant.
   *
   * @param value Its low 64 bits count.
   */
  i64(value: bigint): void {
    this.#out.byte(WASM["i64.const"]);
    this.#out.signed64(value);
  }

  /**
   * Writes a load or store.
   *
   * @param op The instruction.
   * @param offset Constant added to the address.
   * @param memory Index of the memory, that of the program by default.
   * @returns Where the instruction begins, in bytes.
   */
  access(op: WasmOp, offset: number, memory: number = 0): number {
    const at = this.#out.length;
    this.#out.byte(WASM[op]);
    // Bit 6 of the alignment says that the index of a memory follows.
    this.#out.byte(memory === 0 ? 0 : 0x40);
    if (memory !== 0) this.#out.unsigned(memory);
    this.#out.unsigned(offset);
    return at;
  }

  /**
   * Writes a copy or fill of memory.
   *
   * @param op The instruction.
   * @returns Where the instruction begins, in bytes.
   */
  bulk(op: keyof typeof BULK): number {
    const at = this.#out.length;
    this.#out.byte(WASM.bulk);
    this.#out.unsigned(BULK[op]);
    this.#out.byte(0);
    if (op === "memory.copy") this.#out.byte(0);
    return at;
  }

  /**
   * Writes code that does not return.
   *
   * @returns Where the instruction begins, in bytes.
   */
  unreachable(): number {
    const at = this.#out.length;
    this.#out.byte(WASM.unreachable);
    return at;
  }
}
