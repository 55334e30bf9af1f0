/**
 * The names of instructions in the mnemonic syntax of bpf_conformance, made from the rows of the instruction table.
 *
 * @module
 */

import { type Op, OPS, type Size } from "./ops.ts";

const SIZE_SUFFIX: { readonly [K in Size]: string } = { 1: "b", 2: "h", 4: "w", 8: "dw" };

/** The mnemonic of a row; the rows of immediate and register forms share theirs. */
function nameOf(op: Op): string {
  const width = op.width === 32 ? "32" : "";
  const size = op.size === 0 ? "" : SIZE_SUFFIX[op.size];
  switch (op.kind) {
    case "alu":
    case "unary":
      return op.fn + width;
    case "mov":
      return op.sign === 0 ? `mov${width}` : `movsx${op.sign}${op.width}`;
    case "cast":
      return "addr_space_cast";
    case "load":
      return `ldx${op.sign === 0 ? "" : "s"}${size}`;
    case "store":
      return `st${op.form === "reg" ? "x" : ""}${size}`;
    case "atomic":
      if (op.fn === "load_acquire") return `ldacq${size}`;
      if (op.fn === "store_release") return `strel${size}`;
      return `lock ${op.fn.replace("_", " ")}${op.size === 4 ? "32" : ""}`;
    case "packet":
      return `ld${op.fn}${size}`;
    case "goto":
      return op.fn === "far" ? "ja32" : "ja";
    case "branch":
      return `j${op.fn}${width}`;
    case "callx":
      return "call";
    default:
      return op.kind;
  }
}

/** The mnemonic of each row, by its id. */
export const MNEMONICS: readonly string[] = OPS.map(nameOf);

/** The rows that share a mnemonic. `swapN` is the suite's other name of `bswapN`. */
export const ROWS_BY_MNEMONIC: ReadonlyMap<string, readonly Op[]> = (() => {
  const rows = new Map<string, Op[]>();
  for (const op of OPS) {
    const name = MNEMONICS[op.id];
    rows.set(name, [...(rows.get(name) ?? []), op]);
    if (name.startsWith("bswap")) rows.set(name.slice(1), [op]);
  }
  return rows;
})();
