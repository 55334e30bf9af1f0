/**
 * Externs of an object, resolved against a kernel as libbpf does: calls of kfuncs by the BTF id of the function, variables
 * of the kernel by theirs, symbols without a type by their address. Those of modules refer to the module's types.
 *
 * @module
 */

import { UnsupportedError } from "../errors.ts";
import { Instruction } from "../isa/instruction.ts";
import { findOp } from "../isa/ops.ts";
import type { Btf, BtfType } from "./btf.ts";
import { CorePair, typesCompatible } from "./core_match.ts";
import { CoreTypes, essentialName } from "./core_types.ts";
import { ELF } from "./elf.ts";
import type { ElfObject } from "./elf_object.ts";
import type { CodeRelocation } from "./program.ts";
import type { KernelSymbol, KernelSymbolKind, TargetKernel } from "./target_kernel.ts";

const CALL_HELPER = findOp({ kind: "call", fn: "helper" });
const CALL_KFUNC = findOp({ kind: "call", fn: "kfunc" });
const LDDW_IMM = findOp({ kind: "lddw", fn: "imm64" });
const LDDW_BTF = findOp({ kind: "lddw", fn: "btf_id" });

/** What libbpf calls in place of a weak kfunc that is missing: verifiers refuse it if it can be reached. */
const POISON = 2_002_000_000;

/** Most modules whose functions one program may call (MAX_KFUNC_BTFS of the kernel). */
const MAX_MODULES = 256;

/** An instruction that needs a file descriptor of a module's types. */
export interface ModuleReference {
  /** Index of the instruction, an `lddw`. */
  readonly insn: number;
  /** Index of the module. */
  readonly module: number;
}

/** Resolves the externs of one program. */
export class ExternLinker {
  /** Ids of the types of the modules that it refers to; a call of a kfunc holds the index behind 0, the kernel. */
  readonly modules: number[] = [];
  /** Instructions that take the file descriptor of a module. */
  readonly moduleReferences: ModuleReference[] = [];
  readonly #object: ElfObject;
  readonly #kernel: TargetKernel;
  readonly #local: CoreTypes | null;
  /** Types of the externs by name. */
  readonly #types: ReadonlyMap<string, BtfType>;

  /**
   * Prepares for a program.
   *
   * @param object Its object.
   * @param kernel The kernel.
   */
  constructor(object: ElfObject, kernel: TargetKernel) {
    this.#object = object;
    this.#kernel = kernel;
    this.#local = object.btf === null ? null : new CoreTypes(object.btf);
    this.#types = externTypes(object.btf);
  }

  /**
   * Resolves an extern.
   *
   * @param insn The instruction that refers to it.
   * @param index Index of the instruction.
   * @param relocation Its relocation, of an undefined symbol.
   * @returns What takes its place.
   * @throws {UnsupportedError} If the kernel does not have it, or not with its type, and the program needs it.
   */
  link(insn: Instruction, index: number, relocation: CodeRelocation): Instruction {
    const { name } = relocation;
    const weak = this.#object.symbols[relocation.symbol]?.bind === ELF.STB_WEAK;
    const type = this.#types.get(name);
    if (insn.op.kind === "call") {
      const found = this.#find("func", name, type, weak);
      if (found === null) return new Instruction(CALL_HELPER, 0, 0, 0, POISON + relocation.symbol);
      const off = found.module === 0 ? 0 : this.#moduleIndex(found.module) + 1;
      return new Instruction(CALL_KFUNC, 0, 0, off, found.id);
    }
    if (insn.op.kind !== "lddw") {
      throw new UnsupportedError(`cannot link ${name}: an instruction of kind ${insn.op.kind}`);
    }
    const kind = type?.kind === "func" ? "func" : "var";
    const typed = type !== undefined &&
      (kind === "func" || this.#object.btf!.resolve(type.sizeOrType).kind !== "void");
    if (!typed) return constant(insn.dst, this.#address(name, weak));
    const found = this.#find(kind, name, type, weak);
    if (found === null) return constant(insn.dst, 0n);
    if (found.module !== 0) {
      this.moduleReferences.push({ insn: index, module: this.#moduleIndex(found.module) });
    }
    return new Instruction(LDDW_BTF, insn.dst, 0, 0, found.id, 0);
  }

  #moduleIndex(module: number): number {
    const index = this.modules.indexOf(module);
    if (index >= 0) return index;
    if (this.modules.length === MAX_MODULES - 1) {
      throw new UnsupportedError(`cannot link externs of more than ${MAX_MODULES - 1} modules`);
    }
    return this.modules.push(module) - 1;
  }

  #address(name: string, weak: boolean): bigint {
    const address = this.#kernel.address(name);
    if (address !== null) return address;
    if (weak) return 0n;
    throw new UnsupportedError(`cannot link ${name}: this kernel has no symbol of that name`);
  }

  /** The function or variable; null if the program can do without. */
  #find(
    kind: KernelSymbolKind,
    name: string,
    type: BtfType | undefined,
    weak: boolean,
  ): KernelSymbol | null {
    const found = this.#kernel.find(kind, essentialName(name));
    if (found !== null && (type === undefined || this.#agrees(type, found))) return found;
    if (weak && (found === null || kind === "func")) return null;
    const what = kind === "func" ? "function" : "variable";
    throw new UnsupportedError(
      found === null
        ? `cannot link ${name}: this kernel has no ${what} of that name`
        : `cannot link ${name}: this kernel's ${what} is of another type`,
    );
  }

  #agrees(type: BtfType, { types, id }: KernelSymbol): boolean {
    const pair = new CorePair(this.#local!, types);
    return typesCompatible(pair, type.sizeOrType, types.btf.type(id).sizeOrType);
  }
}

function externTypes(btf: Btf | null): Map<string, BtfType> {
  const types = new Map<string, BtfType>();
  const section = btf?.find("datasec", ".ksyms") ?? null;
  if (btf === null || section === null) return types;
  for (const { type: id } of btf.entries(section)) {
    const type = btf.type(id);
    types.set(type.name, type);
  }
  return types;
}

function constant(dst: number, value: bigint): Instruction {
  const low = Number(BigInt.asIntN(32, value)), high = Number(BigInt.asIntN(32, value >> 32n));
  return new Instruction(LDDW_IMM, dst, 0, 0, low, high);
}
