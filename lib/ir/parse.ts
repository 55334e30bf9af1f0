/**
 * Parses `.epir`, the text of the intermediate representation. The first line is `epir 1`; `order big` may follow.
 * Comments run from `;` to the end of the line. Then the functions, for example:
 *
 * ```text
 * function xdp_prog section "xdp" global
 * b0(v0:r1):                           ; a parameter; `:r1` is the register that it prefers
 *   v1:r2 = load.u32 v0 + 4  !0        ; `!0` is the slot of the source instruction
 *   v2 = add.64 v1, 14
 *   branch.64.gt v2, v1, b2, b1(v2)    ; taken, otherwise
 * b1(v3):
 *   store.u8 fp - 8, v3
 *   v4 = call map_lookup_elem(map_fd(reloc(1, 17, "counts")), fp)
 *   return v4
 * b2:
 *   return -1
 * ```
 *
 * | written | is |
 * |---|---|
 * | `14` `-1` `0xff` `fp` `undef` | constants, the frame pointer, the undefined value |
 * | `KIND(IMM, HIGH, @F, reloc(…))` | the address of an `lddw` of that kind; each part may be left out |
 * | `copy a` `zext a` `sext.64.8 a` `cast a, TO, FROM` | moves |
 * | `add.64 a, b` … `neg.32 a` `be16 a` … | arithmetic, by the names of the instruction table |
 * | `select.64.lt a, b, x, y` | `x` if `a < b`, else `y` |
 * | `load.u8 a + OFF` `load.s32 a` `store.u16 a - OFF, b` | memory |
 * | `atomic.u64.fetch_add a + OFF, b` | atomic operations, by the names of the instruction table |
 * | `packet.u16.abs a, IMM` `packet.u16.ind a, b, IMM` | legacy packet access |
 * | `call 14(a, b)` `call map_lookup_elem(a, b)` | a helper function |
 * | `call @F(a)` `call kfunc "NAME"(a) imm I off O local` `callx a(b)` | a function, a kfunc, an address |
 * | `call intrinsic memory.copy(a, b, c)` | an operation that only some targets have |
 * | `jump b1(a)` `may_goto b1, b2` `gotox a, b1, b2` `return a` `trap "bad-jump"` | terminators |
 *
 * An instruction may end with `core(TYPE, ACCESS-OFFSET, "ACCESS", KIND)`, a call of a function or kfunc with
 * `reloc(TYPE, SYMBOL, "NAME", ADDEND)`. A CO-RE constant stands before the first block:
 * `v7 = core.32 8 core(…)`. A function that was not lifted is `verbatim NAME … reason "WHY"` with its instructions as
 * 16 or 32 hexadecimal digits each.
 *
 * @module
 */

import type { ByteOrder } from "../bytes.ts";
import { decode } from "../isa/codec.ts";
import type { Instruction } from "../isa/instruction.ts";
import type { CodeRelocation, CoreRecord } from "../object/program.ts";
import { EpirScanner } from "./epir_scanner.ts";
import { EPIR_VERSION, type IrModule, type ModuleFunction, type VerbatimBody } from "./module.ts";
import { parseBody } from "./parse_function.ts";

/** A line that opens a function, up to its name. */
const HEADER = /^\s*(?:function|verbatim)(?![\w.$])/;
const HEX = /(?:[0-9a-fA-F]{16}){1,2}(?![\w.$])/y;

/**
 * Parses a module.
 *
 * @param text The text.
 * @param input Name of the input, for errors.
 * @returns The module; every function in it passes the checker.
 * @throws {ParseError} If the text is malformed or a function violates an invariant of the representation.
 */
export function parseModule(text: string, input?: string): IrModule {
  const lines = text.split("\n");
  const headers: number[] = [];
  lines.forEach((line, i) => {
    if (HEADER.test(line)) headers.push(i);
  });
  const scanner = new EpirScanner(input, functionNames(lines, headers, input));
  const order = parsePrologue(scanner, lines, headers[0] ?? lines.length);
  const functions = headers.map((first, i) =>
    parseFunction(scanner, lines, first, headers[i + 1] ?? lines.length, order)
  );
  return { order, functions };
}

function functionNames(
  lines: readonly string[],
  headers: readonly number[],
  input: string | undefined,
): string[] {
  const scanner = new EpirScanner(input, []);
  return headers.map((at) => {
    scanner.enter(lines[at], at + 1);
    scanner.tryWord();
    return scanner.name("the name of the function");
  });
}

/** What comes before the first function. */
function parsePrologue(scanner: EpirScanner, lines: readonly string[], end: number): ByteOrder {
  let order: ByteOrder | null = null;
  let opened = false;
  for (let at = 0; at < end; at++) {
    scanner.enter(lines[at], at + 1);
    if (scanner.atEnd()) continue;
    if (!opened) {
      if (!scanner.tryKeyword("epir")) throw scanner.expected(`"epir ${EPIR_VERSION}"`);
      scanner.integer(EPIR_VERSION, EPIR_VERSION);
      opened = true;
    } else if (order === null && scanner.tryKeyword("order")) {
      order = scanner.tryKeyword("big") ? "big" : "little";
      if (order === "little" && !scanner.tryKeyword("little")) {
        throw scanner.expected("a byte order");
      }
    } else {
      throw scanner.expected("a function");
    }
    scanner.end();
  }
  if (!opened) {
    scanner.enter(lines[end] ?? "", Math.min(end + 1, lines.length));
    throw scanner.expected(`"epir ${EPIR_VERSION}"`);
  }
  return order ?? "little";
}

function parseFunction(
  scanner: EpirScanner,
  lines: readonly string[],
  first: number,
  end: number,
  order: ByteOrder,
): ModuleFunction {
  scanner.enter(lines[first], first + 1);
  const lifted = scanner.tryWord() === "function";
  const name = scanner.name("the name of the function");
  let section = "";
  let global = false;
  let subprogram = false;
  let params = -1;
  let reason = "";
  while (!scanner.atEnd()) {
    if (scanner.tryKeyword("section")) section = scanner.name("the name of a section");
    else if (scanner.tryKeyword("global")) global = true;
    else if (scanner.tryKeyword("subprogram")) subprogram = true;
    else if (scanner.tryKeyword("params")) params = scanner.index();
    else if (!lifted && scanner.tryKeyword("reason")) reason = scanner.name("a reason");
    else throw scanner.expected("an attribute of the function");
  }
  const body = lifted
    ? parseBody(scanner, name, lines, first + 1, end)
    : parseVerbatim(scanner, reason, lines, first + 1, end, order);
  return { name, section, global, subprogram, params, body };
}

function parseVerbatim(
  scanner: EpirScanner,
  reason: string,
  lines: readonly string[],
  first: number,
  end: number,
  order: ByteOrder,
): VerbatimBody {
  const insns: Instruction[] = [];
  const origins: number[] = [];
  const relocations = new Map<number, CodeRelocation>();
  const core = new Map<number, CoreRecord>();
  const targets = new Map<number, number>();
  for (let at = first; at < end; at++) {
    scanner.enter(lines[at], at + 1);
    if (scanner.atEnd()) continue;
    const index = insns.length;
    insns.push(parseInstruction(scanner, order));
    const target = scanner.tryReference();
    if (target !== null) targets.set(index, target.index);
    const relocation = scanner.tryRelocation();
    if (relocation !== null) relocations.set(index, relocation);
    const record = scanner.tryCoreRecord();
    if (record !== null) core.set(index, record);
    origins.push(scanner.sourcePc());
    scanner.end();
  }
  const code = { insns, origins: Int32Array.from(origins), relocations, core, targets };
  return { reason, code };
}

/** An instruction as hexadecimal digits. */
function parseInstruction(scanner: EpirScanner, order: ByteOrder): Instruction {
  const digits = scanner.match(HEX)?.[0];
  if (digits === undefined) throw scanner.expected("16 or 32 hexadecimal digits");
  const bytes = Uint8Array.from(
    { length: digits.length / 2 },
    (_, i) => parseInt(digits.slice(i * 2, i * 2 + 2), 16),
  );
  const insns = decode(bytes, order);
  if (insns.length !== 1) throw scanner.error("the digits are more than one instruction");
  return insns[0];
}
