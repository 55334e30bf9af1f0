/**
 * Calls of map helpers as code. A call with a constant map, of a type whose elements lie in guest memory, becomes the function of
 * `lib/runtime` for the place and sizes of that map; `lib/ir/inline.ts` puts it in place of the call.
 *
 * ```text
 * v3 = call map_lookup_elem(0xc0000000, v1)    ->    v3 = load.u32 v1;  v3 < 256 ? 0x20000 + 8 * v3 : 0
 * ```
 *
 * Left to the helpers: maps of other types, keys and values above 64 bytes (keys of tries above 8 bytes and their length), updates
 * of values with fields of the kernel and of maps that the program may not change, and big-endian programs.
 *
 * @module
 */

import type { IrFunction, Value } from "../ir/function.ts";
import { helperByName } from "../isa/helpers.ts";
import { arrayLookup, arrayUpdate } from "../runtime/array_code.ts";
import { hashDelete, hashLookup, hashUpdate } from "../runtime/hash_code.ts";
import { MAX_CODE_BYTES, UPDATE_FLAG } from "../runtime/layout.ts";
import { MAX_TRIE_BYTES, trieLookup } from "../runtime/trie_code.ts";
import { ArrayMap } from "./maps/array.ts";
import { HashMap } from "./maps/hash_map.ts";
import { HashOfMaps } from "./maps/inner_map.ts";
import { LpmTrie } from "./maps/lpm_trie.ts";
import { type GuestMap, MAP_FLAG } from "./maps/map.ts";
import type { MapTable } from "./maps/table.ts";

const idOf = (name: string): number => helperByName(name)!.id;
const LOOKUP = idOf("map_lookup_elem");
const UPDATE = idOf("map_update_elem");
const DELETE = idOf("map_delete_elem");

/** The constant that an argument of a call is; -1 if it is none. */
function constantOf(call: Value, index: number): number {
  let arg: Value | undefined = call.args[index];
  while (arg?.op === "copy") arg = arg.args[0];
  return arg?.op === "const" ? Number(arg.imm) : -1;
}

function lookupBody(map: GuestMap): IrFunction | null {
  if (map instanceof ArrayMap) return arrayLookup(map.geometry);
  if (map instanceof LpmTrie) {
    return map.geometry.dataSize <= MAX_TRIE_BYTES ? trieLookup(map.geometry) : null;
  }
  return isCodeHash(map) ? hashLookup(map.geometry) : null;
}

/** Whether a map is a hash whose elements code can find. */
function isCodeHash(map: GuestMap): map is HashMap {
  return map instanceof HashMap && !(map instanceof HashOfMaps) && map.keySize <= MAX_CODE_BYTES;
}

/** Whether code can change a map. */
function isChangeable(map: ArrayMap | HashMap): boolean {
  return map.valueSize <= MAX_CODE_BYTES && !map.hasFields &&
    (map.flags & MAP_FLAG.RDONLY_PROG) === 0;
}

function updateBody(map: GuestMap, flags: number): IrFunction | null {
  if (!Object.values(UPDATE_FLAG).some((flag) => flag === flags)) return null;
  if (map instanceof ArrayMap && isChangeable(map)) return arrayUpdate(map.geometry, flags);
  return isCodeHash(map) && isChangeable(map) ? hashUpdate(map.geometry, flags) : null;
}

function deleteBody(map: GuestMap): IrFunction | null {
  return isCodeHash(map) && isChangeable(map) ? hashDelete(map.geometry) : null;
}

/** Bodies for the calls of map helpers in the programs of one sandbox. */
export class MapBodies {
  readonly #maps: MapTable;
  readonly #bodies = new Map<string, IrFunction | null>();

  /**
   * Prepares the maps.
   *
   * @param maps The maps of the sandbox.
   */
  constructor(maps: MapTable) {
    this.#maps = maps;
  }

  /**
   * The body for a call.
   *
   * @param call Any call.
   * @returns What does the same for the map that it names; null to leave the call.
   */
  bodyOf(call: Value): IrFunction | null {
    const { callee } = call;
    if (callee?.kind !== "helper" || this.#maps.memory.order !== "little") return null;
    const map = this.#maps.byHandle(constantOf(call, 0));
    if (map === null) return null;
    const flags = callee.id === UPDATE ? constantOf(call, 3) : 0;
    const key = `${callee.id} ${map.handle} ${flags}`;
    let body = this.#bodies.get(key);
    if (body === undefined) {
      body = bodyFor(callee.id, map, flags);
      this.#bodies.set(key, body);
    }
    return body;
  }
}

function bodyFor(helper: number, map: GuestMap, flags: number): IrFunction | null {
  switch (helper) {
    case LOOKUP:
      return lookupBody(map);
    case UPDATE:
      return updateBody(map, flags);
    case DELETE:
      return deleteBody(map);
    default:
      return null;
  }
}
