/**
 * WebAssembly function bodies as text, for goldens.
 *
 * @module
 */

import { BULK, WASM } from "../../../lib/targets/wasm/opcodes.ts";

const NAMES = new Map<number, string>(Object.entries(WASM).map(([name, code]) => [code, name]));
const BULK_NAMES = new Map<number, string>(
  Object.entries(BULK).map(([name, code]) => [code, name]),
);
const TYPES: { readonly [code: number]: string } = { 0x7f: "i32", 0x7e: "i64", 0x40: "" };

/** Reads numbers in LEB128. */
class Reader {
  readonly #bytes: Uint8Array;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.at >= this.#bytes.length;
  }

  byte(): number {
    return this.#bytes[this.at++];
  }

  unsigned(): number {
    let value = 0, shift = 0, byte: number;
    do {
      byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      shift += 7;
    } while (byte > 0x7f);
    return value;
  }

  signed(): bigint {
    let value = 0n, shift = 0n, byte: number;
    do {
      byte = this.byte();
      value |= BigInt(byte & 0x7f) << shift;
      shift += 7n;
    } while (byte > 0x7f);
    return BigInt.asIntN(Number(shift), value);
  }
}

/** The immediates of an instruction. */
function immediates(name: string, reader: Reader): string {
  if (name === "block" || name === "loop" || name === "if") {
    const type = TYPES[reader.byte()];
    return type === "" ? "" : ` ${type}`;
  }
  if (name.includes(".load") || name.includes(".store")) {
    const memory = (reader.byte() & 0x40) === 0 ? 0 : reader.unsigned();
    const offset = reader.unsigned();
    return `${memory === 0 ? "" : ` memory ${memory}`}${offset === 0 ? "" : ` +${offset}`}`;
  }
  if (name.endsWith(".const")) return ` ${reader.signed()}`;
  if (name.endsWith("call_indirect")) {
    return ` type ${reader.unsigned()} table ${reader.unsigned()}`;
  }
  if (/^(local|global|br|call)/.test(name)) return ` ${reader.unsigned()}`;
  return "";
}

/**
 * Prints a function body.
 *
 * @param body Declarations of locals and code.
 * @returns A line for the locals, then one for each instruction, indented by its depth.
 */
export function disassembleWasm(body: Uint8Array): string {
  const reader = new Reader(body);
  const locals: string[] = [];
  for (let i = reader.unsigned(); i > 0; i--) {
    locals.push(`${reader.unsigned()} ${TYPES[reader.byte()]}`);
  }
  const lines = [`locals ${locals.join(", ")}`];
  let depth = 0;
  while (!reader.done) {
    let name = NAMES.get(reader.byte())!;
    if (name === "bulk") {
      name = BULK_NAMES.get(reader.unsigned())!;
      reader.at += name === "memory.copy" ? 2 : 1;
    }
    if (name === "end" || name === "else") depth--;
    lines.push("  ".repeat(Math.max(depth, 0)) + name + immediates(name, reader));
    if (name === "block" || name === "loop" || name === "if" || name === "else") depth++;
  }
  return lines.join("\n");
}
