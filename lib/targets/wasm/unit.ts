/**
 * What functions of one module share while they are compiled: imports, types, sites.
 *
 * @module
 */

import type { ByteOrder } from "../../bytes.ts";
import type { IrFunction } from "../../ir/function.ts";
import type { HelperImport, HostFunction } from "./host.ts";
import { HOST_FUNCTIONS } from "./host.ts";
import { isMemoryFunction, memoryFunction } from "./memory_functions.ts";
import { SignatureTable, type WasmFunction, type WasmImport } from "./module.ts";
import type { Site } from "./site.ts";

/** A function to compile. */
export interface WasmSource {
  /** Its index in the program. */
  readonly index: number;
  /** Its code; it is changed. */
  readonly fn: IrFunction;
  /**
   * Where instructions are counted: the slots of each block, by block id, as they were lifted. Empty where they are not.
   */
  readonly slots: readonly (readonly number[])[];
  /** Whether r1 is known to be an address in reach of memory, since the host looks before it enters. */
  readonly pointer: boolean;
}

/** How to count instructions: each one, or loops by what every turn runs at least. */
export type Metering = "exact" | "loops";

/** How to compile. */
export interface WasmOptions {
  /** Name of the module, in stack traces. */
  readonly name: string;
  /** Byte order of the program. */
  readonly order: ByteOrder;
  /** How to count instructions. */
  readonly metering: Metering;
  /** Whether accesses are checked against the limits of their page. */
  readonly strict: boolean;
  /** Offset in memory of the last frame. */
  readonly lastFrame: number;
  /** Whether helper ids mean what they mean to Linux; otherwise any helper may continue elsewhere. */
  readonly kernelHelpers: boolean;
}

const HOST_NAMES = Object.keys(HOST_FUNCTIONS) as HostFunction[];

/** The module under construction. */
export class WasmUnit {
  /** How to compile. */
  readonly options: WasmOptions;
  /** Types that code refers to. */
  readonly types: SignatureTable = new SignatureTable();
  /** The sites by number. */
  readonly sites: Site[] = [];
  /** Helpers and kfuncs that are called, in the order of their imports. */
  readonly helpers: HelperImport[] = [];
  readonly #helperIndices = new Map<string, number>();
  readonly #functions = new Map<number, number>();
  readonly #memoryFunctions = new Set<string>();

  /**
   * @param options How to compile.
   * @param sources The functions.
   */
  constructor(options: WasmOptions, sources: readonly WasmSource[]) {
    this.options = options;
    sources.forEach(({ index }, i) => this.#functions.set(index, i));
    for (const source of sources) this.#collectHelpers(source.fn);
  }

  #collectHelpers(fn: IrFunction): void {
    for (const { insns } of fn.blocks) {
      for (const { callee, args } of insns) {
        if (callee?.kind === "helper") {
          this.#addHelper({ callee: { kind: "helper", id: callee.id }, arity: args.length });
        } else if (callee?.kind === "kfunc") {
          const name = kfuncName(callee);
          this.#addHelper({ callee: { kind: "kfunc", name }, arity: args.length });
        } else if (callee?.kind === "intrinsic" && isMemoryFunction(callee.name)) {
          this.#memoryFunctions.add(callee.name);
        }
      }
    }
  }

  #addHelper(helper: HelperImport): void {
    const key = keyOf(helper);
    if (this.#helperIndices.has(key)) return;
    this.#helperIndices.set(key, this.helpers.push(helper) - 1);
  }

  /** The imports, in order: the functions of the host, then the helpers. */
  get imports(): WasmImport[] {
    return [
      ...HOST_NAMES.map((name) => ({ name, signature: HOST_FUNCTIONS[name] })),
      ...this.helpers.map((helper, i): WasmImport => ({
        name: `h${i}`,
        signature: {
          params: ["i32", "i32", ...Array.from({ length: helper.arity }, () => "i64" as const)],
          result: "i64",
        },
      })),
    ];
  }

  /**
   * The index of a function of the host.
   *
   * @param name Its name.
   * @returns Its index in the module.
   */
  host(name: HostFunction): number {
    return HOST_NAMES.indexOf(name);
  }

  /**
   * The index of a helper or kfunc.
   *
   * @param helper The helper and how many arguments it is given.
   * @returns Its index in the module.
   */
  helper(helper: HelperImport): number {
    return HOST_NAMES.length + this.#helperIndices.get(keyOf(helper))!;
  }

  /**
   * The index of a function of the program.
   *
   * @param index Its index in the program.
   * @returns Its index in the module, or null if it is not in the module.
   */
  local(index: number): number | null {
    const place = this.#functions.get(index);
    return place === undefined ? null : HOST_NAMES.length + this.helpers.length + place;
  }

  /** The intrinsics that are functions; they come behind those of the program. */
  get memoryFunctions(): WasmFunction[] {
    return [...this.#memoryFunctions].map((name) => memoryFunction(name, this.options.strict));
  }

  /**
   * The index of an intrinsic that is a function.
   *
   * @param name Its name.
   * @returns Its index in the module.
   */
  memoryFunction(name: string): number {
    const place = [...this.#memoryFunctions].indexOf(name);
    return HOST_NAMES.length + this.helpers.length + this.#functions.size + place;
  }

  /**
   * Enters a site.
   *
   * @param site The site.
   * @returns Its number.
   */
  site(site: Site): number {
    return this.sites.push(site) - 1;
  }
}

const keyOf = ({ callee, arity }: HelperImport): string =>
  callee.kind === "helper" ? `${callee.id} ${arity}` : `kfunc ${callee.name} ${arity}`;

/**
 * The name that a kfunc is registered under.
 *
 * @param callee The kfunc.
 * @returns Its name, or `#` and its BTF id where it has none.
 */
export function kfuncName(
  { name, imm, off }: { readonly name: string; readonly imm: number; readonly off: number },
): string {
  return name !== "" ? name : `#${imm}${off === 0 ? "" : `@${off}`}`;
}
