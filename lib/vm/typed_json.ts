/**
 * Maps as JSON: a list of elements, or of values for queues and stacks.
 *
 * ```json
 * [{ "key": 6, "value": { "packets": 12, "bytes": "18446744073709551615" } }]
 * ```
 *
 * Numbers that JSON cannot hold exactly are strings in decimal; bytes are lists of numbers; a per-CPU map has a list of values for
 * each key. Where keys are numbers or text, an object such as `{ "6": 1 }` is read as well.
 *
 * @module
 */

import { EpassError } from "../errors.ts";
import type { TypedValue } from "./typed_layout.ts";
import type { TypedMap } from "./typed_map.ts";

/** Most lists and objects in each other. */
const MAX_DEPTH = 64;

/** A value of JSON. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [name: string]: Json };

/** Types whose elements have no keys. */
const KEYLESS: ReadonlySet<string> = new Set(["queue", "stack", "bloom_filter"]);

/**
 * A typed value as JSON.
 *
 * @param value The value.
 * @returns Its JSON.
 */
export function valueToJson(value: TypedValue): Json {
  if (typeof value === "bigint") {
    const isExact = value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER;
    return isExact ? Number(value) : value.toString();
  }
  if (typeof value === "number" && !Number.isFinite(value)) return value.toString();
  if (typeof value !== "object") return value;
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value)) return value.map(valueToJson);
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, valueToJson(v)]));
}

/**
 * JSON as a typed value.
 *
 * @param json The JSON.
 * @param where What it is, for messages.
 * @returns The value.
 * @throws {EpassError} If it has a null or is too deep.
 */
export function valueFromJson(json: Json, where: string): TypedValue {
  return fromJson(json, where, 0);
}

function fromJson(json: Json, where: string, depth: number): TypedValue {
  if (json === null) throw new EpassError(`cannot encode ${where}: null is no value`);
  if (typeof json !== "object") return json;
  if (depth > MAX_DEPTH) throw new EpassError(`cannot encode ${where}: it is too deep`);
  if (Array.isArray(json)) {
    return json.map((item, i) => fromJson(item, `${where}[${i}]`, depth + 1));
  }
  const members = Object.entries(json)
    .map(([name, member]) => [name, fromJson(member, `${where}.${name}`, depth + 1)]);
  return Object.fromEntries(members);
}

/**
 * The elements of a map as JSON.
 *
 * @param map The map.
 * @returns A list of `{ key, value }`, or of values for maps without keys.
 */
export function mapToJson(map: TypedMap): Json {
  if (KEYLESS.has(map.type)) return [...map.values()].map(valueToJson);
  return [...map.entries()].map(([key, value]) => ({
    key: valueToJson(key),
    value: valueToJson(value),
  }));
}

type Members = { readonly [name: string]: Json };

const isObject = (json: Json): json is Members =>
  typeof json === "object" && json !== null && !Array.isArray(json);

function isElement(json: Json): json is { readonly key: Json; readonly value: Json } {
  return isObject(json) && json.key !== undefined && json.value !== undefined;
}

/**
 * Puts elements into a map.
 *
 * @param map The map.
 * @param json The elements as {@link mapToJson} gives them, or an object by key.
 * @throws {EpassError} If the JSON does not fit the map's types, or the kernel would refuse an element.
 */
export function mapFromJson(map: TypedMap, json: Json): void {
  const where = `map ${map.name}`;
  if (Array.isArray(json)) {
    json.forEach((item: Json, i) => {
      const place = `element ${i} of ${where}`;
      if (KEYLESS.has(map.type)) return map.push(valueFromJson(item, place));
      if (!isElement(item)) {
        throw new EpassError(`cannot encode ${place}: it is not { "key": …, "value": … }`);
      }
      map.set(valueFromJson(item.key, place), valueFromJson(item.value, place));
    });
  } else if (isObject(json) && !KEYLESS.has(map.type)) {
    for (const [key, value] of Object.entries(json)) {
      map.set(key, valueFromJson(value, `element ${key} of ${where}`));
    }
  } else {
    throw new EpassError(`cannot encode ${where}: it is not a list of elements`);
  }
}
