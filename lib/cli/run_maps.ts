/**
 * Maps on the command line: contents from JSON files before a run, and as text or JSON after it.
 *
 * @module
 */

import { EpassError, ParseError } from "../errors.ts";
import type { GuestMap } from "../vm/maps/map.ts";
import type { Codec } from "../vm/typed_codec.ts";
import type { TypedValue } from "../vm/typed_layout.ts";
import type { Vm } from "../vm/vm.ts";
import { columns } from "./columns.ts";
import { naming } from "./context.ts";
import { UsageError } from "./failure.ts";
import type { Host } from "./host.ts";

/** An element as JSON has it. */
interface Element {
  /** Its key; absent for maps without keys. */
  readonly key?: unknown;
  /** Its value, the same for all CPUs. */
  readonly value?: unknown;
  /** Its values, one for each CPU. */
  readonly values?: readonly unknown[];
}

/** A map whose elements can be listed. */
export interface MapContents {
  /** Its name. */
  readonly name: string;
  /** Name of its type. */
  readonly type: string;
  /** Its elements; those of arrays only where they are not zero. */
  readonly elements: readonly { readonly key: TypedValue; readonly value: TypedValue }[];
}

const HEX = /^hex:((?:[0-9a-fA-F]{2})*)$/;

/** A value of a JSON file; `"hex:0a00"` are bytes. */
function typedValue(value: unknown, where: string): TypedValue {
  if (typeof value === "string") {
    const hex = HEX.exec(value.replace(/\s+/g, ""));
    return hex === null
      ? value
      : Uint8Array.from(hex[1].match(/../g) ?? [], (pair) => parseInt(pair, 16));
  }
  if (typeof value === "number" || typeof value === "boolean") return value;
  if (Array.isArray(value)) return value.map((item) => typedValue(item, where));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([name, part]) => [name, typedValue(part, where)]),
    );
  }
  throw new ParseError(`cannot read ${where}: ${JSON.stringify(value) ?? "nothing"} is no value`);
}

/** The elements of a JSON file: a list of `{ key, value }`, or an object from key to value. */
function elementsOf(source: string, where: string): Element[] {
  let json: unknown;
  try {
    json = JSON.parse(source);
  } catch (error) {
    throw new ParseError(`cannot read ${where}: ${(error as Error).message}`);
  }
  if (Array.isArray(json)) return json;
  if (typeof json !== "object" || json === null) {
    throw new ParseError(`cannot read ${where}: it is neither a list nor an object`);
  }
  return Object.entries(json).map(([key, value]) => ({ key, value }));
}

/** Codecs of a map's keys and values. */
async function codecsOf(vm: Vm, map: GuestMap): Promise<{ key: Codec; value: Codec }> {
  const { Codec } = await import("./library.ts");
  const { btf, plan, keySize, valueSize } = map;
  const { order } = vm.memory;
  return {
    key: new Codec(btf, plan.keyType, keySize, order),
    value: new Codec(btf, plan.valueType, valueSize, order),
  };
}

/** The bytes of all values of an element. */
function encodeValues(map: GuestMap, codec: Codec, element: Element, where: string): Uint8Array {
  const values = element.values ?? new Array(map.copies).fill(element.value);
  if (values.length !== map.copies) {
    throw new ParseError(`cannot read ${where}: ${values.length} values for ${map.copies} CPUs`);
  }
  const parts = values.map((value) => codec.encode(typedValue(value, where), where));
  if (!map.perCpu) return parts[0];
  const stride = Math.ceil(map.valueSize / 8) * 8;
  const bytes = new Uint8Array(stride * map.copies);
  parts.forEach((part, i) => bytes.set(part, i * stride));
  return bytes;
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
  for (const flag of flags) {
    const at = flag.indexOf("=");
    if (at < 0) throw new UsageError(`cannot read --map ${flag}: expected NAME=FILE`);
    const [name, file] = [flag.slice(0, at), flag.slice(at + 1)];
    const map = vm.map(name);
    if (map === null) throw new UsageError(`cannot fill map ${name}: there is none of that name`);
    const source = new TextDecoder().decode(await host.read(file));
    const codecs = await codecsOf(vm, map);
    naming(file, () => {
      elementsOf(source, "the elements").forEach((element, i) => {
        const where = `element ${i}`;
        const key = map.keySize === 0
          ? new Uint8Array(0)
          : codecs.key.encode(typedValue(element.key, where), `the key of ${where}`);
        const status = map.write(key, encodeValues(map, codecs.value, element, where));
        if (status < 0) {
          throw new EpassError(`cannot fill map ${name} with ${where}: error ${-status}`);
        }
      });
    });
  }
}

const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);

async function contentsOf(vm: Vm, map: GuestMap): Promise<MapContents> {
  const codecs = await codecsOf(vm, map);
  const stride = Math.ceil(map.valueSize / 8) * 8;
  const elements = [...map.keys()].flatMap((key) => {
    const bytes = map.read(key);
    if (typeof bytes === "number") return [];
    if (map.typeName.endsWith("array") && isZero(bytes)) return [];
    const parts = Array.from(
      { length: map.copies },
      (_, i) => codecs.value.decode(bytes.subarray(i * stride, i * stride + map.valueSize)),
    );
    return [{ key: codecs.key.decode(key), value: map.perCpu ? parts : parts[0] }];
  });
  return { name: map.name, type: map.typeName, elements };
}

/**
 * Lists what is in the maps that programs have used; sections of constants are left out.
 *
 * @param vm The sandbox.
 * @returns The maps in the order of their creation.
 */
export async function mapContents(vm: Vm): Promise<MapContents[]> {
  const all: MapContents[] = [];
  for (const map of vm.environment.maps) {
    if (!map.frozen) all.push(await contentsOf(vm, map));
  }
  return all;
}

/** A value as JSON has it: integers beyond 2^53 as text, bytes as `hex:` and digits. */
function plainValue(value: TypedValue): unknown {
  if (typeof value === "bigint") {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : String(value);
  }
  if (value instanceof Uint8Array) {
    return `hex:${Array.from(value, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
  }
  if (Array.isArray(value)) return value.map(plainValue);
  if (typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([name, v]) => [name, plainValue(v)]));
  }
  return value;
}

/**
 * Maps as `--json` prints them.
 *
 * @param maps The maps.
 * @returns For each name its type and elements.
 */
export function mapsJson(maps: readonly MapContents[]): { readonly [name: string]: unknown } {
  return Object.fromEntries(maps.map(({ name, type, elements }) => [name, {
    type,
    elements: elements.map(({ key, value }) => ({
      key: plainValue(key),
      value: plainValue(value),
    })),
  }]));
}

/**
 * Maps as text for people.
 *
 * @param maps The maps.
 * @returns Lines, with a line feed each; empty without maps.
 */
export function mapsText(maps: readonly MapContents[]): string {
  const lines = maps.flatMap(({ name, type, elements }) => [
    `map ${name} (${type}), ${elements.length} ${elements.length === 1 ? "element" : "elements"}`,
    ...columns(
      elements.map(({ key, value }) => [
        JSON.stringify(plainValue(key)),
        JSON.stringify(plainValue(value)),
      ]),
    ).map((line) => `  ${line}`),
  ]);
  return lines.map((line) => `${line}\n`).join("");
}
