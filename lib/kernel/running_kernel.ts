/**
 * What programs find in the running kernel: its types and those of its modules, its functions and variables.
 *
 * @module
 */

import { EpassError } from "../errors.ts";
import { Btf, type BtfType } from "../object/btf.ts";
import { SplitBtf } from "../object/btf_split.ts";
import { CoreTypes } from "../object/core_types.ts";
import type { KernelSymbol, KernelSymbolKind, TargetKernel } from "../object/target_kernel.ts";
import type { Bpf } from "./bpf.ts";
import { KernelConfig } from "./kernel_config.ts";
import { errnoName, type Native } from "./native.ts";

/** Id of the kernel's own types: the first that there is. */
const KERNEL_TYPES_ID = 1;

const SYMBOLS = "/proc/kallsyms";

/** Most bytes of the list of symbols that are read. */
const MAX_SYMBOL_BYTES = 1 << 27;

/** A module that has types. */
class Module {
  readonly id: number;
  readonly split: SplitBtf;
  #types: CoreTypes | null = null;

  constructor(id: number, split: SplitBtf) {
    this.id = id;
    this.split = split;
  }

  /** Its types with those of the kernel. */
  get types(): CoreTypes {
    this.#types ??= new CoreTypes(this.split.joined);
    return this.#types;
  }
}

/** The running kernel. */
export class RunningKernel implements TargetKernel {
  readonly #native: Native;
  readonly #bpf: Bpf;
  #types: CoreTypes | null = null;
  #modules: readonly Module[] | null = null;
  #symbols: string | null = null;
  readonly #config: KernelConfig;

  /**
   * Prepares to ask the kernel.
   *
   * @param native The C library.
   * @param bpf The system call.
   */
  constructor(native: Native, bpf: Bpf) {
    this.#native = native;
    this.#bpf = bpf;
    this.#config = new KernelConfig(native, (name) => this.#symbol(name) !== null);
  }

  get types(): CoreTypes {
    this.#types ??= new CoreTypes(new Btf(this.#kernelTypes(), "little"));
    return this.#types;
  }

  #kernelTypes(): Uint8Array<ArrayBuffer> {
    const fd = this.#bpf.types.open(KERNEL_TYPES_ID);
    if (fd < 0) {
      throw new EpassError(`cannot read the kernel's types: the kernel says ${errnoName(-fd)}`);
    }
    try {
      return this.#bpf.types.read(fd);
    } finally {
      this.#bpf.close(fd);
    }
  }

  #allModules(): readonly Module[] {
    this.#modules ??= this.#bpf.types.ids().flatMap((id) => this.#module(id) ?? []);
    return this.#modules;
  }

  /** The module with types of an id; null if they are an object's, the kernel's own, or gone. */
  #module(id: number): Module | null {
    const { types } = this.#bpf;
    const fd = id === KERNEL_TYPES_ID ? -1 : types.open(id);
    if (fd < 0) return null;
    try {
      const { kernel } = types.info(fd);
      return kernel ? new Module(id, new SplitBtf(this.types.btf, types.read(fd))) : null;
    } finally {
      this.#bpf.close(fd);
    }
  }

  modulesWith(type: BtfType): readonly CoreTypes[] {
    return this.#allModules().filter(({ split }) => split.has(type.name))
      .map((module) => module.types);
  }

  find(kind: KernelSymbolKind, name: string): KernelSymbol | null {
    const own = this.types.btf.find(kind, name);
    if (own !== null) return { types: this.types, id: own.id, module: 0 };
    return this.#findInModules(kind, name);
  }

  #findInModules(kind: KernelSymbolKind, name: string): KernelSymbol | null {
    for (const module of this.#allModules()) {
      const id = module.split.find(kind, name);
      if (id !== 0) return { types: module.types, id, module: module.id };
    }
    return null;
  }

  config(name: string): bigint | string | null {
    return this.#config.value(name);
  }

  address(name: string): bigint | null {
    const address = this.#symbol(name);
    // Users who may not know addresses see zeros.
    return address === 0n ? null : address;
  }

  #symbol(name: string): bigint | null {
    this.#symbols ??= "\n" + this.#native.readText(SYMBOLS, MAX_SYMBOL_BYTES);
    const escaped = name.replace(/\W/g, "\\$&");
    const line = new RegExp(`\n([0-9a-f]+) \\w ${escaped}\\s`).exec(this.#symbols);
    return line === null ? null : BigInt(`0x${line[1]}`);
  }
}
