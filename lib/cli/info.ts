/**
 * `epass info`: what is in an input.
 *
 * @module
 */

import { buildCommand, type Command } from "@stricli/core";
import type { Description, FunctionDescription, MapDescription } from "../object/describe.ts";
import type { Format } from "../object/program.ts";
import { columns } from "./columns.ts";
import {
  type CliContext,
  fromFlag,
  inputArgument,
  jsonFlag,
  jsonText,
  naming,
  readInput,
  utf8,
} from "./context.ts";

interface Flags {
  readonly from?: Format;
  readonly json: boolean;
}

/** A table under its title; nothing without rows. */
function table(title: string, rows: readonly (readonly string[])[]): string[] {
  return rows.length === 0 ? [] : ["", `${title}:`, ...columns(rows).map((line) => `  ${line}`)];
}

const functionRow = (fn: FunctionDescription): string[] => [
  fn.name,
  fn.section,
  `${fn.instructions} instructions`,
];

function mapRow(map: MapDescription): string[] {
  const { name, type, style, keySize, valueSize, maxEntries, pinning, inner } = map;
  const more: string[] = [style];
  if (pinning) more.push("pinned");
  if (inner !== undefined) more.push(`of ${inner.type}`);
  return [name, type, `${keySize} -> ${valueSize} bytes`, `${maxEntries} entries`, more.join(", ")];
}

/** The line that says what kind of input it is. */
function headline(d: Description): string {
  const parts = [
    d.format,
    `${d.byteOrder}-endian`,
    `ISA v${d.isa}`,
    `${d.instructions} instructions`,
  ];
  if (d.license !== null) parts.push(`license ${d.license}`);
  if (d.btf !== null) parts.push(`BTF with ${d.btf.types} types`);
  return parts.join(", ");
}

/** A description as text for people. */
function descriptionText(d: Description): string {
  const counts = [
    ...Object.entries(d.relocations).map(([type, n]) => [type, String(n)]),
    ["source lines", String(d.records.lines)],
    ["CO-RE", String(d.records.core)],
  ].filter(([, n]) => n !== "0");
  const lines = [
    headline(d),
    ...table(
      "programs",
      d.programs.map((p) => [...functionRow(p), p.type]),
    ),
    ...table("subprograms", d.subprograms.map(functionRow)),
    ...table("maps", d.maps.map(mapRow)),
    ...table("data", d.data.map(({ section, size }) => [section, `${size} bytes`])),
    ...table("externs", d.externs.map((e) => [e.name, e.kind, e.weak ? "weak" : ""])),
    ...table("relocations and records", counts),
    ...table("unusual", d.unusual.map((note) => [note])),
  ];
  return lines.join("\n") + "\n";
}

async function info(this: CliContext, flags: Flags, input: string): Promise<void> {
  const { describe } = await import("./library.ts");
  const program = await readInput(this.host, input, flags.from);
  const description = naming(input, () => describe(program));
  const text = flags.json ? jsonText(description) : descriptionText(description);
  await this.host.write("-", utf8(text));
}

/** The subcommand. */
export const infoCommand: Command<CliContext> = buildCommand({
  func: info,
  parameters: {
    flags: { from: fromFlag, json: jsonFlag },
    positional: inputArgument,
  },
  docs: {
    brief: "Show what is in an input",
    fullDescription:
      `Prints programs, subprograms, maps, global data, externs, the ISA version, relocations, and what
is unusual about an input.`,
  },
});
