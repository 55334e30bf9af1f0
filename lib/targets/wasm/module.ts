/**
 * Puts WebAssembly function bodies into a module.
 *
 * @module
 */

import { ByteWriter } from "./byte_writer.ts";
import { TYPE } from "./opcodes.ts";

/** Type of a function: the types of its parameters and of its result, if it has one. */
export interface WasmSignature {
  /** Types of the parameters. */
  readonly params: readonly ("i32" | "i64")[];
  /** Type of the result, null for none. */
  readonly result: "i32" | "i64" | null;
}

/** A function that the host provides. */
export interface WasmImport {
  /** Its name. */
  readonly name: string;
  /** Its type. */
  readonly signature: WasmSignature;
}

/** A function of the module. */
export interface WasmFunction {
  /** Its name, exported. */
  readonly name: string;
  /** Its type. */
  readonly signature: WasmSignature;
  /** Declarations of locals and code, without the size before them. */
  readonly body: Uint8Array;
}

/** An encoded module. */
export interface EncodedModule {
  /** The module. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** For each function where its body begins in the module. */
  readonly bodies: readonly number[];
}

const MAGIC = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
const SECTION = { type: 1, import: 2, function: 3, export: 7, code: 10 } as const;
const KIND = { function: 0, table: 1, memory: 2, global: 3 } as const;
/** The memories that are imported: the guest's, then the limits of its pages for loads and for stores. */
const MEMORIES = ["memory", "read_limits", "write_limits"] as const;
/** Names of the two levels of an import: all come from one module. */
const HOST = "host";

/** The types of a module, each once. */
export class SignatureTable {
  readonly #indices = new Map<string, number>();
  readonly #list: WasmSignature[] = [];

  /**
   * The index of a type.
   *
   * @param signature The type.
   * @returns Its index.
   */
  index(signature: WasmSignature): number {
    const key = `${signature.params} ${signature.result}`;
    let index = this.#indices.get(key);
    if (index === undefined) {
      index = this.#list.push(signature) - 1;
      this.#indices.set(key, index);
    }
    return index;
  }

  /** The types by index. */
  get list(): readonly WasmSignature[] {
    return this.#list;
  }
}

function section(out: ByteWriter, id: number, fill: (content: ByteWriter) => void): number {
  const content = new ByteWriter();
  fill(content);
  out.byte(id);
  out.unsigned(content.length);
  const start = out.length;
  out.append(content.bytes);
  return start;
}

function putTypes(out: ByteWriter, types: readonly WasmSignature[]): void {
  out.unsigned(types.length);
  for (const { params, result } of types) {
    out.byte(TYPE.function);
    out.unsigned(params.length);
    for (const param of params) out.byte(TYPE[param]);
    out.unsigned(result === null ? 0 : 1);
    if (result !== null) out.byte(TYPE[result]);
  }
}

/** The memories, the table of functions and the counter, then the functions of the host. */
function putImports(
  out: ByteWriter,
  imports: readonly WasmImport[],
  types: SignatureTable,
): void {
  out.unsigned(imports.length + 5);
  const named = (name: string, kind: number) => {
    out.name(HOST);
    out.name(name);
    out.byte(kind);
  };
  for (const memory of MEMORIES) {
    named(memory, KIND.memory);
    out.byte(0);
    out.unsigned(1);
  }
  named("functions", KIND.table);
  out.byte(TYPE.funcref);
  out.byte(0);
  out.unsigned(0);
  named("fuel", KIND.global);
  out.byte(TYPE.i32);
  out.byte(1);
  for (const { name, signature } of imports) {
    named(name, KIND.function);
    out.unsigned(types.index(signature));
  }
}

/** The names of the module and of its functions (WebAssembly 2.0, appendix 7.4.1). */
function putNames(
  out: ByteWriter,
  name: string,
  first: number,
  functions: readonly WasmFunction[],
): void {
  out.name("name");
  section(out, 0, (content) => content.name(name));
  section(out, 1, (content) => {
    content.unsigned(functions.length);
    functions.forEach((fn, i) => {
      content.unsigned(first + i);
      content.name(fn.name);
    });
  });
}

/**
 * Encodes a module. It imports from `host` the guest `memory` and `read_limits`, `write_limits`, the table `functions`, the mutable global `fuel` (i32),
 * and the functions given; it exports its functions by their place, `f0` and on.
 *
 * @param name Its name, in stack traces.
 * @param imports Functions of the host; their indices come first.
 * @param functions The functions.
 * @param types The types that code refers to by index.
 * @returns The module.
 */
export function encodeModule(
  name: string,
  imports: readonly WasmImport[],
  functions: readonly WasmFunction[],
  types: SignatureTable,
): EncodedModule {
  for (const { signature } of [...imports, ...functions]) types.index(signature);
  const out = new ByteWriter();
  out.append(Uint8Array.from(MAGIC));
  section(out, SECTION.type, (content) => putTypes(content, types.list));
  section(out, SECTION.import, (content) => putImports(content, imports, types));
  section(out, SECTION.function, (content) => {
    content.unsigned(functions.length);
    for (const { signature } of functions) content.unsigned(types.index(signature));
  });
  section(out, SECTION.export, (content) => {
    content.unsigned(functions.length);
    functions.forEach((_, i) => {
      content.name(`f${i}`);
      content.byte(KIND.function);
      content.unsigned(imports.length + i);
    });
  });
  const places: number[] = [];
  const start = section(out, SECTION.code, (content) => {
    content.unsigned(functions.length);
    for (const { body } of functions) {
      content.unsigned(body.length);
      places.push(content.length);
      content.append(body);
    }
  });
  section(out, 0, (content) => putNames(content, name, imports.length, functions));
  return { bytes: out.bytes.slice(), bodies: places.map((place) => start + place) };
}
