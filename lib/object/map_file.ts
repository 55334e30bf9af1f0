/**
 * What a stream of instructions does not say of itself: its program type and the maps that the file descriptors in it
 * stand for. A small JSON file tells:
 *
 * ```json
 * {
 *   "program": { "type": "tracing", "expected_attach_type": "trace_raw_tp", "attach": "sys_exit", "license": "GPL" },
 *   "maps": {
 *     "3": { "type": "prog_array", "key": 4, "value": 4, "entries": 512 },
 *     "4": { "same_as": "3" },
 *     "8": { "type": "array_of_maps", "key": 4, "value": 4, "entries": 2, "inner": { "type": "ringbuf", "entries": 4096 } },
 *     "11": { "type": "array", "key": 4, "value": 64, "entries": 1, "flags": ["rdonly_prog"], "frozen": true,
 *             "init": { "offset": 16, "bytes": [2, 1] } }
 *   }
 * }
 * ```
 *
 * @module
 */

import { ParseError } from "../errors.ts";
import { MAP_FLAG, MAP_TYPES } from "./kernel_names.ts";
import { type MapPlan, plannedSizes } from "./map_plan.ts";

/** A map of a stream. */
export interface StreamMap {
  /** The same for file descriptors of the same map. */
  readonly key: string;
  /** How to create it. */
  readonly plan: MapPlan;
}

/** What a stream does not say of itself. */
export interface MapFile {
  /** Program type as in enum bpf_prog_type, lower case; empty if the file does not say. */
  readonly type: string;
  /** Attach type as in enum bpf_attach_type, lower case; empty if the file does not say. */
  readonly attachType: string;
  /** What it attaches to; empty if the file does not say. */
  readonly attach: string;
  /** The license. */
  readonly license: string;
  /** Its maps by file descriptor. */
  readonly maps: ReadonlyMap<number, StreamMap>;
}

type Json = { readonly [name: string]: unknown };

/** Most bytes of an initial value. */
const MAX_CONTENTS = 1 << 24;

/** Flag names of the file by bit of BPF_F_* (linux/bpf.h). */
const FLAGS: { readonly [name: string]: number } = {
  no_prealloc: 1,
  rdonly_prog: MAP_FLAG.RDONLY_PROG,
  mmapable: MAP_FLAG.MMAPABLE,
};

function refuse(where: string, state: string): never {
  throw new ParseError(`cannot read ${where} of the map file: ${state}`);
}

function record(value: unknown, where: string): Json {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    refuse(where, "it is not an object");
  }
  return value as Json;
}

function word(value: unknown, where: string): number {
  if (value === undefined) return 0;
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value > 0xffff_ffff) {
    refuse(where, "it is not an unsigned 32-bit number");
  }
  return value;
}

function text(value: unknown, where: string): string {
  if (value === undefined) return "";
  if (typeof value !== "string") refuse(where, "it is not a string");
  return value;
}

function flagsOf(value: unknown, where: string): number {
  if (value === undefined || typeof value === "number") return word(value, where);
  if (!Array.isArray(value)) refuse(where, "it is neither a number nor a list");
  return value.reduce<number>((flags, name) => {
    const flag = FLAGS[name];
    if (flag === undefined) refuse(where, `unknown flag ${JSON.stringify(name)}`);
    return flags | flag;
  }, 0);
}

/** The first value of a map: `{ offset, bytes }`. */
function contentsOf(value: unknown, size: number, where: string): Uint8Array | null {
  if (value === undefined) return null;
  const { offset, bytes } = record(value, where);
  const at = word(offset, `${where}.offset`);
  if (!Array.isArray(bytes)) refuse(`${where}.bytes`, "it is not a list");
  if (at + bytes.length > size || size > MAX_CONTENTS) {
    refuse(where, `${bytes.length} bytes at ${at} exceed the value's ${size} bytes`);
  }
  const contents = new Uint8Array(size);
  contents.set(bytes, at);
  return contents;
}

function planOf(value: unknown, name: string, where: string, nested = false): MapPlan {
  const map = record(value, where);
  const type = MAP_TYPES.indexOf(text(map.type, `${where}.type`));
  if (type < 0) refuse(`${where}.type`, `unknown map type ${JSON.stringify(map.type)}`);
  if (nested && map.inner !== undefined) refuse(where, "a map in a map holds maps");
  const valueSize = word(map.value, `${where}.value`);
  return {
    name,
    type,
    ...plannedSizes(type, {
      keySize: word(map.key, `${where}.key`),
      valueSize,
      maxEntries: word(map.entries, `${where}.entries`),
    }),
    flags: flagsOf(map.flags, `${where}.flags`),
    keyType: 0,
    valueType: 0,
    inner: map.inner === undefined
      ? null
      : planOf(map.inner, `${name}.inner`, `${where}.inner`, true),
    contents: contentsOf(map.init, valueSize, `${where}.init`),
    frozen: map.frozen === true,
  };
}

function parseJson(source: string): unknown {
  try {
    return JSON.parse(source);
  } catch (error) {
    refuse("the JSON", error instanceof Error ? error.message : String(error));
  }
}

/**
 * Parses a map file.
 *
 * @param source Its text.
 * @returns What it says.
 * @throws {ParseError} If it is malformed.
 */
export function parseMapFile(source: string): MapFile {
  const file = record(parseJson(source), "the top level");
  const program = record(file.program ?? {}, "program");
  const entries = Object.entries(record(file.maps ?? {}, "maps"));
  const plans = new Map<string, MapPlan>();
  for (const [key, value] of entries) {
    if (record(value, `maps.${key}`).same_as === undefined) {
      plans.set(key, planOf(value, `map_${key}`, `maps.${key}`));
    }
  }
  const maps = new Map<number, StreamMap>();
  for (const [key, value] of entries) {
    const original = text((value as Json).same_as, `maps.${key}.same_as`) || key;
    const plan = plans.get(original);
    if (plan === undefined) refuse(`maps.${key}.same_as`, `there is no map ${original}`);
    maps.set(word(Number(key), `maps.${key}`), { key: original, plan });
  }
  return {
    type: text(program.type, "program.type"),
    attachType: text(program.expected_attach_type, "program.expected_attach_type"),
    attach: text(program.attach, "program.attach"),
    license: text(program.license, "program.license") || "GPL",
    maps,
  };
}
