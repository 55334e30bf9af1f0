/**
 * Registers that programs on functions and events see: `struct pt_regs` of x86_64, `struct user_pt_regs` of arm64.
 *
 * @module
 */

import { type Layout, layout } from "./layout.ts";

/** A processor whose registers a program reads. */
export type TracedMachine = "x86_64" | "arm64";

/** The registers as the kernel lays them out. */
export const PT_REGS: { readonly [K in TracedMachine]: Layout } = {
  x86_64: layout(
    "pt_regs",
    "u64 r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp, ss",
  ),
  arm64: layout("user_pt_regs", "u64 regs[31], sp, pc, pstate"),
};

/** Registers of arguments and of the result. */
export const ARGUMENT_REGISTERS: {
  readonly [K in TracedMachine]: { readonly inputs: readonly string[]; readonly output: string };
} = {
  x86_64: { inputs: ["di", "si", "dx", "cx", "r8", "r9"], output: "ax" },
  arm64: {
    inputs: Array.from({ length: 8 }, (_, i) => `regs[${i}]`),
    output: "regs[0]",
  },
};

/** Other names of registers. */
export const REGISTER_ALIASES: {
  readonly [K in TracedMachine]: { readonly [name: string]: string };
} = {
  x86_64: Object.fromEntries(
    ["ax", "bx", "cx", "dx", "si", "di", "bp", "sp", "ip", "flags"].map((name) => [
      `r${name}`,
      name,
    ]),
  ),
  arm64: Object.fromEntries(Array.from({ length: 31 }, (_, i) => [`x${i}`, `regs[${i}]`])),
};
