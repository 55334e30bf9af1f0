/**
 * Maps on the command line: contents from JSON files before a run, and as text or JSON after it.
 *
 * @module
 */

import { ParseError } from "../errors.ts";
import type { Json } from "../vm/typed_json.ts";
import type { TypedMap } from "../vm/typed_map.ts";
import type { Vm } from "../vm/vm.ts";
import { columns } from "./columns.ts";
import { naming } from "./context.ts";
import { UsageError } from "./failure.ts";
import type { Host } from "./host.ts";

/** A map and what is in it. */
export interface MapContents {
  /** Its name. */
  readonly name: string;
  /** Name of its type. */
  readonly type: string;
  /** Its elements, with keys where the type has them; those of arrays only where they are not zero. */
  readonly elements: readonly Json[];
}

function parseJson(source: string): Json {
  try {
    return JSON.parse(source);
  } catch (error) {
    throw new ParseError(`cannot read the elements: ${(error as Error).message}`);
  }
}

/**
 * Fills maps.
 *
 * @param host Where to read.
 * @param vm The sandbox.
 * @param flags `NAME=FILE.json` each.
 * @throws {EpassError} If there is no such map, or it does not take an element.
 */
export async function fillMaps(host: Host, vm: Vm, flags: readonly string[]): Promise<void> {
  const { mapFromJson } = await import("./library.ts");
  for (const flag of flags) {
    const at = flag.indexOf("=");
    if (at < 0) throw new UsageError(`cannot read --map ${flag}: expected NAME=FILE`);
    const [name, file] = [flag.slice(0, at), flag.slice(at + 1)];
    const source = new TextDecoder().decode(await host.read(file));
    naming(file, () => mapFromJson(vm.map(name), parseJson(source)));
  }
}

/** Whether JSON has no number but 0, and no text. */
function isZero(json: Json): boolean {
  if (typeof json === "string") return json === "" || json === "0";
  if (typeof json !== "object" || json === null) return !json;
  return Object.values(json).every(isZero);
}

/** Whether an element of an array holds something. */
const holdsSomething = (element: Json): boolean =>
  typeof element !== "object" || element === null || !("value" in element) ||
  !isZero(element.value);

/**
 * Lists what is in the maps of a sandbox; constant ones are left out.
 *
 * @param vm The sandbox.
 * @returns The maps in the order of their creation.
 */
export async function mapContents(vm: Vm): Promise<MapContents[]> {
  const { mapToJson } = await import("./library.ts");
  return Object.values(vm.maps).filter(({ map }) => !map.frozen).map((map: TypedMap) => {
    const elements = mapToJson(map) as readonly Json[];
    const { name, type } = map;
    return {
      name,
      type,
      elements: type.endsWith("array") ? elements.filter(holdsSomething) : elements,
    };
  });
}

/**
 * Maps as `--json` prints them.
 *
 * @param maps The maps.
 * @returns For each name its type and elements.
 */
export function mapsJson(maps: readonly MapContents[]): { readonly [name: string]: unknown } {
  return Object.fromEntries(maps.map(({ name, type, elements }) => [name, { type, elements }]));
}

/** An element as cells: its key and value, or its value. */
function cells(element: Json): string[] {
  return typeof element === "object" && element !== null && "key" in element
    ? [JSON.stringify(element.key), JSON.stringify(element.value)]
    : [JSON.stringify(element)];
}

/**
 * Maps as text for people.
 *
 * @param maps The maps.
 * @returns Lines, with a line feed each; empty without maps.
 */
export function mapsText(maps: readonly MapContents[]): string {
  const lines = maps.flatMap(({ name, type, elements }) => [
    `map ${name} (${type}): ${elements.length} ${elements.length === 1 ? "element" : "elements"}`,
    ...columns(elements.map(cells)).map((line) => `  ${line}`),
  ]);
  return lines.map((line) => `${line}\n`).join("");
}
