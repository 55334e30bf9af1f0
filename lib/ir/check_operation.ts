/**
 * What the checker demands of one value or terminator by itself: its fields and the number of its arguments.
 *
 * @module
 */

import {
  ALU,
  ATOMIC,
  type AtomicOp,
  COND,
  LDDW_KINDS,
  type LddwKind,
  UNARY,
  type UnaryOp,
} from "../isa/ops.ts";
import type { Terminator, TrapKind, Value } from "./function.ts";
import {
  atomicArgCount,
  hasResult,
  MAX_CALL_ARGS,
  OPERATIONS,
  TERMINATORS,
  TRAP_KINDS,
  type ValueField,
} from "./operations.ts";

/** Takes the description of a violation. */
export type Report = (violation: string) => void;

/** What a field holds in a value that does not use it. */
const INITIAL: { readonly [K in ValueField]: Value[K] } = {
  fn: "",
  width: 64,
  size: 0,
  sign: 0,
  off: 0,
  imm: 0n,
  ref: null,
  callee: null,
  core: null,
};
const FIELDS = Object.keys(INITIAL) as ValueField[];

/** The fields that each operation leaves alone. */
const UNUSED: ReadonlyMap<string, readonly ValueField[]> = new Map(
  Object.entries(OPERATIONS).map(([op, { fields }]) => [
    op,
    FIELDS.filter((field) => !fields.includes(field)),
  ]),
);

const isSize = (size: number): boolean => size === 1 || size === 2 || size === 4 || size === 8;
const isWidth = (width: number): boolean => width === 32 || width === 64;

/** Whether every use of the same content shares the leaf, so that it has no place in the source. */
function isShared(value: Value): boolean {
  const { op } = value;
  return op === "const" || op === "undef" || op === "frame" || op === "symbol";
}

/**
 * Checks the fields of a value and the number of its arguments.
 *
 * @param value The value.
 * @param report Takes each violation.
 */
export function checkOperation(value: Value, report: Report): void {
  const { op, args } = value;
  const unused = UNUSED.get(op);
  if (unused === undefined) return report(`unknown operation ${op}`);
  const { minArgs, maxArgs } = OPERATIONS[op];
  if (args.length < minArgs || args.length > maxArgs) {
    report(`${op} has ${args.length} arguments`);
  }
  for (const field of unused) {
    if (value[field] !== INITIAL[field]) report(`${op} has ${field} ${String(value[field])}`);
  }
  if (!isWidth(value.width)) report(`${op} has width ${value.width}`);
  if (!Number.isInteger(value.off) || value.off << 16 >> 16 !== value.off) {
    report(`${op} has displacement ${value.off}, which is no signed 16-bit number`);
  }
  if (BigInt.asUintN(64, value.imm) !== value.imm) report(`${op} has imm ${value.imm}`);
  const placeless = isShared(value);
  const nameless = placeless || !hasResult(value);
  if (!Number.isInteger(value.pc) || value.pc < -1 || placeless && value.pc !== -1) {
    report(`${op} has pc ${value.pc}`);
  }
  if (!Number.isInteger(value.hint) || value.hint < -1 || value.hint > 10) {
    report(`${op} has register hint ${value.hint}`);
  } else if (nameless && value.hint !== -1) report(`${op} has register hint ${value.hint}`);
  const problem = contentProblem(value);
  if (problem !== "") report(`${op} ${problem}`);
}

/** What is wrong with the fields that the operation of a value uses; empty if nothing is. */
function contentProblem(value: Value): string {
  const { op, fn, size, sign, width } = value;
  switch (op) {
    case "alu":
      return Object.hasOwn(ALU, fn) ? "" : `has fn ${fn}`;
    case "unary":
      if (!Object.hasOwn(UNARY, fn)) return `has fn ${fn}`;
      return width === 64 || UNARY[fn as UnaryOp].bits === 0 ? "" : `${fn} has width ${width}`;
    case "sext":
      return (sign === 8 || sign === 16 || sign === 32) && sign < width
        ? ""
        : `extends ${sign} bits to ${width}`;
    case "cast":
      return value.imm <= 0xffff_ffffn ? "" : `has address spaces ${value.imm}`;
    case "select":
      return Object.hasOwn(COND, fn) ? "" : `has fn ${fn}`;
    case "load":
      if (!isSize(size)) return `has size ${size}`;
      return sign === 0 || size < 8 && sign === size * 8 ? "" : `extends ${sign} of ${size * 8}`;
    case "store":
      return isSize(size) ? "" : `has size ${size}`;
    case "atomic":
      return atomicProblem(value);
    case "packet":
      if (fn !== "abs" && fn !== "ind") return `has fn ${fn}`;
      if (value.args.length !== (fn === "abs" ? 1 : 2)) {
        return `${fn} has ${value.args.length} arguments`;
      }
      return isSize(size) && size < 8 ? "" : `has size ${size}`;
    case "call":
      return callProblem(value);
    case "symbol":
      if (value.ref === null) return "has no ref";
      return LDDW_KINDS.includes(value.ref.kind as LddwKind) ? "" : `has kind ${value.ref.kind}`;
    case "core":
      return value.core === null ? "has no CO-RE record" : "";
    default:
      return "";
  }
}

function atomicProblem(value: Value): string {
  if (!Object.hasOwn(ATOMIC, value.fn)) return `has fn ${value.fn}`;
  const fn = value.fn as AtomicOp;
  if (value.args.length !== atomicArgCount(fn)) return `${fn} has ${value.args.length} arguments`;
  return ATOMIC[fn].sizes.some((size) => size === value.size) ? "" : `${fn} has size ${value.size}`;
}

function callProblem({ callee, args }: Value): string {
  if (callee === null) return "has no callee";
  if (callee.kind === "intrinsic" && callee.name === "") return "of an intrinsic has no name";
  if (callee.kind === "indirect") return args.length > 0 ? "" : "of an address has no arguments";
  return args.length <= MAX_CALL_ARGS ? "" : `has ${args.length} arguments`;
}

/**
 * Checks the fields of a terminator and the numbers of its operands and edges.
 *
 * @param term The terminator.
 * @param report Takes each violation.
 */
export function checkTerminator(term: Terminator, report: Report): void {
  const { op, fn, width } = term;
  if (!Object.hasOwn(TERMINATORS, op)) return report(`unknown terminator ${op}`);
  const { args, edges } = TERMINATORS[op];
  if (term.args.length !== args) report(`${op} has ${term.args.length} arguments`);
  if (edges === null ? term.edges.length === 0 : term.edges.length !== edges) {
    report(`${op} has ${term.edges.length} edges`);
  }
  const compares = op === "branch";
  if (compares ? !Object.hasOwn(COND, fn) : fn !== "") report(`${op} has fn ${fn}`);
  if (compares ? !isWidth(width) : width !== 64) report(`${op} has width ${width}`);
  if (op === "trap" ? !TRAP_KINDS.includes(term.trap as TrapKind) : term.trap !== "") {
    report(`${op} has trap ${term.trap}`);
  }
  if (!Number.isInteger(term.pc) || term.pc < -1) report(`${op} has pc ${term.pc}`);
}
