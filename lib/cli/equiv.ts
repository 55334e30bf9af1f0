/**
 * `epass equiv`: whether two versions of a program behave the same.
 *
 * @module
 */

import { buildCommand, type Command } from "@stricli/core";
import type { FunctionEquivalence } from "../equivalence.ts";
import type { Format } from "../object/program.ts";
import { columns } from "./columns.ts";
import {
  type CliContext,
  fromFlag,
  jsonFlag,
  jsonText,
  naming,
  parseCount,
  readInput,
  utf8,
} from "./context.ts";
import { EXIT } from "./failure.ts";

interface Flags {
  readonly runs: number;
  readonly seed: number;
  readonly btf?: string;
  readonly from?: Format;
  readonly json: boolean;
}

function report(functions: readonly FunctionEquivalence[]): string {
  const rows = functions.map(({ name, section, kind, reason, runs }) => [
    section === "" ? name : `${section}/${name}`,
    kind === "tested" ? `tested on ${runs} inputs` : kind,
    reason,
  ]);
  const count = (kind: FunctionEquivalence["kind"]): number =>
    functions.filter((fn) => fn.kind === kind).length;
  const lines = columns([["function", "result", "why not proved"], ...rows]);
  lines.push(
    `${count("proved")} proved, ${count("tested")} tested, ${count("different")} different, ${
      count("unknown")
    } unknown`,
  );
  return lines.join("\n") + "\n";
}

async function equiv(this: CliContext, flags: Flags, before: string, after: string): Promise<void> {
  const { host } = this;
  const { runs, seed, btf, from } = flags;
  const { btfOf, compareVersions } = await import("./library.ts");
  const first = await readInput(host, before, from);
  const second = await readInput(host, after, from);
  const types = btf === undefined ? undefined : await host.read(btf);
  const vm = types === undefined ? {} : { btf: naming(btf!, () => btfOf(types)) };
  const functions = naming(after, () => compareVersions(first, second, { runs, seed, vm }));
  await host.write("-", utf8(flags.json ? jsonText({ functions }) : report(functions)));
  const differ = functions.some(({ kind }) => kind === "different");
  this.process.exitCode = differ ? EXIT.input : EXIT.done;
}

/** The subcommand. */
export const equivCommand: Command<CliContext> = buildCommand({
  func: equiv,
  parameters: {
    flags: {
      runs: {
        kind: "parsed",
        parse: parseCount,
        default: "200",
        placeholder: "N",
        brief: "How many random inputs for a program that is not proved",
      },
      seed: {
        kind: "parsed",
        parse: parseCount,
        default: "1",
        placeholder: "S",
        brief: "Seed of the random inputs",
      },
      btf: {
        kind: "parsed",
        parse: String,
        optional: true,
        placeholder: "FILE",
        brief: "Types to apply CO-RE relocations to, such as /sys/kernel/btf/vmlinux",
      },
      from: fromFlag,
      json: jsonFlag,
    },
    positional: {
      kind: "tuple",
      parameters: [
        { parse: String, placeholder: "BEFORE", brief: "A program" },
        { parse: String, placeholder: "AFTER", brief: "Another version of it" },
      ],
    },
  },
  docs: {
    brief: "Compare what two versions do",
    fullDescription:
      `Compares two versions of an input function by function. Each is executed symbolically; where that shows
that both do the same whatever the input, the function is proved. Else its program runs in the virtual
machine on random inputs, both versions side by side: tested says that return values, packets, contexts
and maps were the same, different that they were not, and then the status is 1. A subprogram that is not
proved is unknown: its callers' runs test it. Faults are no behaviour, nor is time.
test-run --against compares in the running kernel.`,
  },
});
