/**
 * The neutral view of an input, whatever its format: code sections cut into functions, with what is attached to single
 * instructions (relocations, CO-RE records, call targets, source lines). Readers produce it, the lifter and the virtual
 * machine consume it, and the writer puts changed functions back.
 *
 * Slots count 8 bytes from the start of the section.
 *
 * @module
 */

import type { ByteOrder } from "../bytes.ts";
import type { Instruction } from "../isa/instruction.ts";
import type { ElfObject } from "./elf_object.ts";

/** Format of an input or output. */
export type Format = "elf" | "linked" | "dump" | "raw" | "hex" | "asm" | "epir";

/** Formats of programs for Linux, where helper ids mean what they mean to it. */
export const LINUX_FORMATS: readonly Format[] = ["elf", "linked", "dump"];

/** An ELF relocation of an instruction. The addend of a REL entry is in the instruction itself. */
export interface CodeRelocation {
  /** Relocation type: 1 R_BPF_64_64, 10 R_BPF_64_32, … */
  readonly type: number;
  /** Index in the symbol table. */
  readonly symbol: number;
  /** Name of the symbol; of its section for a section symbol. */
  readonly name: string;
  /** Explicit addend of a RELA entry in bytes; null for REL. */
  readonly addend: bigint | null;
}

/** A CO-RE relocation record of `.BTF.ext` (struct bpf_core_relo, linux/bpf.h). */
export interface CoreRecord {
  /** Id of the root type in BTF. */
  readonly typeId: number;
  /** Offset in bytes of the access string in the BTF strings. */
  readonly accessOffset: number;
  /** The access string, such as `0:1:2`. */
  readonly access: string;
  /** What is relocated: enum bpf_core_relo_kind. */
  readonly kind: number;
}

/** A source line of `.BTF.ext` (struct bpf_line_info). */
export interface LineRecord {
  /** Slot of the first instruction of the line. */
  readonly slot: number;
  /** Offset in bytes of the file name in the BTF strings. */
  readonly fileOffset: number;
  /** Offset in bytes of the line's text in the BTF strings. */
  readonly textOffset: number;
  /** Line and column as encoded: `line << 10 | column`. */
  readonly lineColumn: number;
}

/** What the instruction at a slot calls or takes the address of, where that is not in the instruction. */
export type CodeTarget =
  /** A function of this program. */
  | { readonly kind: "function"; readonly index: number }
  /** A function outside: a kfunc or an extern; `params` is its number of parameters, -1 if unknown. */
  | { readonly kind: "extern"; readonly name: string; readonly params: number };

/** A section of code, or the whole stream of a raw input. */
export interface CodeSection {
  /** Name of the section; empty for raw inputs. */
  readonly name: string;
  /** Index of the section in the ELF file; -1 for raw inputs. */
  readonly elfIndex: number;
  /** The instructions. */
  readonly insns: readonly Instruction[];
  /** Slot of each instruction, and the number of slots last. */
  readonly slots: Int32Array;
  /** Relocations by slot. */
  readonly relocations: ReadonlyMap<number, CodeRelocation>;
  /** CO-RE records by slot. */
  readonly core: ReadonlyMap<number, CoreRecord>;
  /** Call and address targets by slot. */
  readonly targets: ReadonlyMap<number, CodeTarget>;
  /** Source lines, ascending by slot. */
  readonly lines: readonly LineRecord[];
}

/** A function: a contiguous range of a code section. The functions of a section cover it without overlap. */
export interface ProgramFunction {
  /** Index in {@link Program.functions}. */
  readonly index: number;
  /** Name of its symbol, or one made up from its place (`.text+0x40`). */
  readonly name: string;
  /** The section that holds it. */
  readonly section: CodeSection;
  /** Index of its first instruction in the section. */
  readonly first: number;
  /** Index after its last instruction in the section. */
  readonly last: number;
  /** Its symbol is global or weak. */
  readonly global: boolean;
  /** Called or address taken by code of this program, so not (only) an entry point. */
  readonly subprogram: boolean;
  /** Number of parameters by BTF; -1 if unknown. */
  readonly params: number;
  /** Why its code cannot be separated from its neighbours' (jumps across, falls through); empty if it can. */
  readonly entangled: string;
}

/** An input, read. */
export interface Program {
  /** The format it came in. */
  readonly format: Format;
  /** Byte order. */
  readonly order: ByteOrder;
  /** The input itself. */
  readonly bytes: Uint8Array;
  /** The object, if the format is `elf`. */
  readonly elf: ElfObject | null;
  /** Code sections in file order. */
  readonly sections: readonly CodeSection[];
  /** All functions, by section, then by place. */
  readonly functions: readonly ProgramFunction[];
}

/** New code for one function. All arrays run parallel to `insns`. */
export interface FunctionCode {
  /** The instructions; jumps inside the function are final, `call` and `lddw` of local functions are not. */
  readonly insns: readonly Instruction[];
  /** For each instruction the slot in the section that it stems from, -1 for none. */
  readonly origins: Int32Array;
  /** Relocations by index in `insns`. */
  readonly relocations: ReadonlyMap<number, CodeRelocation>;
  /** CO-RE records by index in `insns`. */
  readonly core: ReadonlyMap<number, CoreRecord>;
  /** Local functions called or address taken, by index in `insns`: indices in {@link Program.functions}. */
  readonly targets: ReadonlyMap<number, number>;
}
