/**
 * Relocation types of BPF objects.
 *
 * @module
 */

/** Relocation types of the BPF psABI (docs.kernel.org, "LLVM relocation types"). */
// deno-fmt-ignore
export const RELOCATION = {
  NONE: 0, R64_64: 1, ABS64: 2, ABS32: 3, NODYLD32: 4, R64_32: 10,
} as const;

/** Names of the relocation types, by number. */
export const RELOCATION_NAMES: { readonly [type: number]: string } = {
  0: "R_BPF_NONE",
  1: "R_BPF_64_64",
  2: "R_BPF_64_ABS64",
  3: "R_BPF_64_ABS32",
  4: "R_BPF_64_NODYLD32",
  10: "R_BPF_64_32",
};
