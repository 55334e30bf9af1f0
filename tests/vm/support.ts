import { assemble } from "../../lib/isa/assemble.ts";
import { encode } from "../../lib/isa/codec.ts";
import type { Instruction } from "../../lib/isa/instruction.ts";
import { loadProgram } from "../../lib/object/load.ts";
import type { Program } from "../../lib/object/program.ts";
import { Vm, type VmOptions } from "../../lib/vm/vm.ts";

/** A program of one section from instructions. */
export function programOf(
  insns: readonly Instruction[],
  order: "little" | "big" = "little",
): Program {
  return { ...loadProgram(encode(insns), { from: "raw" }), order };
}

/** A program from text in the mnemonic syntax. */
export function assembled(text: string): Program {
  return programOf(assemble(text, { syntax: "mnemonic" }).insns);
}

/** An interpreter for a program in the mnemonic syntax; helper 5 returns its first argument. */
export function vmOf(text: string, options: VmOptions = {}): Vm {
  const vm = Vm.loadSync(assembled(text), { engine: "interpreter", ...options });
  vm.registerHelper(5, (_context, r1) => r1);
  return vm;
}
