/**
 * Parses the operation of an instruction of `.epir` text, from its mnemonic to its last operand; see `parse.ts`.
 *
 * @module
 */

import { helperByName } from "../isa/helpers.ts";
import { ALU, ATOMIC, type AtomicOp, COND, type Size, UNARY, type Width } from "../isa/ops.ts";
import type { EpirScanner } from "./epir_scanner.ts";
import type { Callee, Value, ValueOp } from "./function.ts";
import { atomicArgCount, OPERATIONS } from "./operations.ts";

/** Reads an operand. */
export type OperandReader = () => Value;

const WIDTHS: { readonly [word: string]: Width } = { 32: 32, 64: 64 };
const SIGNS: { readonly [word: string]: 8 | 16 | 32 } = { 8: 8, 16: 16, 32: 32 };
const SIZES: { readonly [word: string]: Size } = { u8: 1, u16: 2, u32: 4, u64: 8 };
const SIGNED_SIZES: { readonly [word: string]: Size } = { s8: 1, s16: 2, s32: 4 };

/** The mnemonics that are operations by themselves. */
const PLAIN: readonly ValueOp[] = [
  "copy",
  "zext",
  "sext",
  "cast",
  "select",
  "load",
  "store",
  "atomic",
  "packet",
  "core",
];

/** The operation that the first part of a mnemonic stands for. */
const OPERATION_OF: ReadonlyMap<string, ValueOp> = new Map<string, ValueOp>([
  ...PLAIN.map((op) => [op, op] as const),
  ...Object.keys(ALU).map((fn) => [fn, "alu"] as const),
  ...Object.keys(UNARY).map((fn) => [fn, "unary"] as const),
]);

/**
 * Parses an operation into a value.
 *
 * @param scanner The scanner, before the mnemonic.
 * @param value The value whose operation, arguments and other fields are set.
 * @param operand Reads an operand.
 * @throws {ParseError} If the text is malformed.
 */
export function parseOperation(scanner: EpirScanner, value: Value, operand: OperandReader): void {
  scanner.skipSpace();
  const at = scanner.position;
  const parts = scanner.tryWord().split(".");
  if (parts[0] === "call" || parts[0] === "callx") {
    if (parts.length === 1) return parseCall(scanner, value, operand, parts[0] === "callx");
  } else {
    const op = OPERATION_OF.get(parts[0]);
    if (op !== undefined) {
      value.op = op;
      if (select(value, parts)) return parseOperands(scanner, value, operand);
    }
  }
  scanner.position = at;
  throw scanner.expected("an instruction");
}

/** Sets what the parts of the mnemonic select; false if they select nothing. */
function select(value: Value, parts: readonly string[]): boolean {
  const [first, second, third] = parts;
  const own = <T>(table: { readonly [word: string]: T }, word: string | undefined): T | undefined =>
    word !== undefined && Object.hasOwn(table, word) ? table[word] : undefined;
  let needed = 2;
  switch (value.op) {
    case "alu":
    case "core":
      value.width = own(WIDTHS, second) ?? 64;
      if (value.op === "alu") value.fn = first;
      return own(WIDTHS, second) !== undefined && parts.length === 2;
    case "unary":
      value.fn = first;
      if (first !== "neg") return parts.length === 1;
      value.width = own(WIDTHS, second) ?? 64;
      return own(WIDTHS, second) !== undefined && parts.length === 2;
    case "sext":
      value.width = own(WIDTHS, second) ?? 64;
      value.sign = own(SIGNS, third) ?? 0;
      return own(WIDTHS, second) !== undefined && value.sign !== 0 && parts.length === 3;
    case "select":
      value.width = own(WIDTHS, second) ?? 64;
      value.fn = third ?? "";
      return own(WIDTHS, second) !== undefined && Object.hasOwn(COND, value.fn) &&
        parts.length === 3;
    case "load":
      value.size = own(SIZES, second) ?? own(SIGNED_SIZES, second) ?? 0;
      if (own(SIGNED_SIZES, second) !== undefined) value.sign = value.size * 8 as 8 | 16 | 32;
      break;
    case "atomic":
    case "packet":
      needed = 3;
      value.size = own(SIZES, second) ?? 0;
      value.fn = third ?? "";
      if (
        value.op === "atomic" ? !Object.hasOwn(ATOMIC, value.fn) : !/^(abs|ind)$/.test(value.fn)
      ) {
        return false;
      }
      break;
    case "store":
      value.size = own(SIZES, second) ?? 0;
      break;
    default:
      return parts.length === 1;
  }
  return value.size !== 0 && parts.length === needed;
}

/** What follows a mnemonic. */
function parseOperands(scanner: EpirScanner, value: Value, operand: OperandReader): void {
  if (value.op === "core") {
    value.imm = scanner.word64();
    value.core = scanner.tryCoreRecord();
    return;
  }
  value.args.push(operand());
  if (OPERATIONS[value.op].fields.includes("off")) value.off = displacement(scanner);
  const count = value.op === "atomic"
    ? atomicArgCount(value.fn as AtomicOp)
    : value.fn === "abs"
    ? 1
    : OPERATIONS[value.op].maxArgs;
  for (let i = 1; i < count; i++) {
    scanner.expect(",");
    value.args.push(operand());
  }
  if (value.op === "packet") {
    scanner.expect(",");
    value.imm = BigInt.asUintN(64, BigInt(scanner.signed32()));
  } else if (value.op === "cast") {
    scanner.expect(",");
    const to = scanner.integer(0, 0xffff);
    scanner.expect(",");
    value.imm = BigInt(to) << 16n | BigInt(scanner.integer(0, 0xffff));
  }
}

/** `+ 4`, `- 4` or nothing. */
function displacement(scanner: EpirScanner): number {
  if (scanner.tryText("+")) return scanner.integer(0, 0x7fff);
  return scanner.tryText("-") ? 0 - scanner.integer(0, 0x8000) : 0;
}

function parseCall(
  scanner: EpirScanner,
  value: Value,
  operand: OperandReader,
  indirect: boolean,
): void {
  value.op = "call";
  if (indirect) {
    value.callee = { kind: "indirect" };
    value.args.push(operand());
    parseArguments(scanner, value, operand);
    return;
  }
  if (scanner.tryKeyword("kfunc")) {
    const name = scanner.name("the name of a kfunc");
    parseArguments(scanner, value, operand);
    value.callee = {
      kind: "kfunc",
      name,
      imm: scanner.tryKeyword("imm") ? scanner.signed32() : 0,
      off: scanner.tryKeyword("off") ? scanner.signed16() : 0,
      form: scanner.tryKeyword("local") ? "local" : "kfunc",
      relocation: scanner.tryRelocation(),
    };
    return;
  }
  if (scanner.tryKeyword("intrinsic")) {
    value.callee = { kind: "intrinsic", name: scanner.name("the name of an intrinsic") };
    return parseArguments(scanner, value, operand);
  }
  const target = scanner.tryReference();
  if (target === null) {
    value.callee = parseHelper(scanner);
    parseArguments(scanner, value, operand);
    return;
  }
  parseArguments(scanner, value, operand);
  value.callee = {
    kind: "local",
    target: target.index,
    name: target.name,
    relocation: scanner.tryRelocation(),
  };
}

/** A helper function by name or id. */
function parseHelper(scanner: EpirScanner): Callee {
  if (scanner.seesNumber()) return { kind: "helper", id: scanner.signed32() };
  const at = scanner.position;
  const helper = helperByName(scanner.tryWord());
  if (helper === null) {
    scanner.position = at;
    throw scanner.expected("a helper function");
  }
  return { kind: "helper", id: helper.id };
}

/** Arguments in parentheses. */
function parseArguments(scanner: EpirScanner, value: Value, operand: OperandReader): void {
  scanner.expect("(");
  if (scanner.tryText(")")) return;
  do value.args.push(operand()); while (scanner.tryText(","));
  scanner.expect(")");
}
