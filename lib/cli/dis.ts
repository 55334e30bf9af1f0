/**
 * `epass dis`: an input as assembly text.
 *
 * @module
 */

import { buildCommand, type Command } from "@stricli/core";
import type { Syntax } from "../isa/disassemble.ts";
import type { Format } from "../object/program.ts";
import {
  type CliContext,
  fromFlag,
  inputArgument,
  naming,
  outputFlag,
  progFlag,
  readInput,
  utf8,
} from "./context.ts";

interface Flags {
  readonly output: string;
  readonly prog?: string;
  readonly from?: Format;
  readonly syntax: Syntax;
  readonly objdump: boolean;
}

async function dis(this: CliContext, flags: Flags, input: string): Promise<void> {
  const { output, prog, from, syntax, objdump } = flags;
  const { findFunction, printObjdump, printProgram } = await import("./library.ts");
  const program = await readInput(this.host, input, from);
  const text = naming(input, () => {
    const only = prog === undefined ? undefined : findFunction(program, prog);
    if (objdump) return printObjdump(program, input, only);
    return printProgram(program, { syntax, function: only });
  });
  await this.host.write(output, utf8(text));
}

/** The subcommand. */
export const disCommand: Command<CliContext> = buildCommand({
  func: dis,
  parameters: {
    flags: {
      output: outputFlag,
      prog: progFlag,
      from: fromFlag,
      syntax: {
        kind: "enum",
        values: ["pseudo-c", "mnemonic"],
        default: "pseudo-c",
        brief: "Syntax of the text",
      },
      objdump: {
        kind: "boolean",
        default: false,
        withNegated: false,
        brief: "Print what llvm-objdump -d --no-show-raw-insn prints",
      },
    },
    aliases: { o: "output" },
    positional: inputArgument,
  },
  docs: {
    brief: "Disassemble",
    fullDescription:
      `Prints an input as assembly text with labels, function names, source lines (from BTF) and what
relocations stand for. The text of a bare program assembles back to the same bytes.`,
  },
});
