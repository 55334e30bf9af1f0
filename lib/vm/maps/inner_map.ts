/**
 * Maps that hold maps: what a map must be like to be held, and the map type `hash_of_maps`.
 *
 * @module
 */

import { MAP_TYPE } from "../../object/kernel_names.ts";
import type { MapPlan } from "../../object/map_plan.ts";
import { ERRNO } from "../errno.ts";
import { HashMap } from "./hash_map.ts";
import { type GuestMap, wordAt } from "./map.ts";

/** The flag that lets an array be held beside arrays of other sizes (BPF_F_INNER_MAP). */
const INNER_MAP = 0x1000;

/**
 * Whether a map may be put into a map of maps (Linux: bpf_map_meta_equal).
 *
 * @param template What the maps in it look like; null if anything goes.
 * @param map The map; null if the reference is to none.
 * @returns 0 or a negative error number.
 */
export function acceptsInner(template: MapPlan | null, map: GuestMap | null): number {
  if (map === null) return -ERRNO.EBADF;
  if (template === null) return 0;
  const sameSize = template.type !== MAP_TYPE.ARRAY || (template.flags & INNER_MAP) !== 0 ||
    template.maxEntries === map.maxEntries;
  const equal = template.type === map.type && template.keySize === map.keySize &&
    template.valueSize === map.valueSize && template.flags === map.flags && sameSize;
  return equal ? 0 : -ERRNO.EINVAL;
}

/** A hash whose values are handles of maps. */
export class HashOfMaps extends HashMap {
  override lookup(key: Uint8Array, cpu: number): number {
    const address = super.lookup(key, cpu);
    const handle = address === 0 ? 0 : this.values.word(address);
    return this.host.byHandle(handle) === null ? 0 : handle;
  }

  override update(_key: Uint8Array, _value: Uint8Array, _flags: number, _cpu: number): number {
    return -ERRNO.EOPNOTSUPP;
  }

  protected override store(key: Uint8Array, value: Uint8Array, flags: number): number {
    const map = this.host.byHandle(wordAt(value, this.little));
    const status = acceptsInner(this.plan.inner, map);
    return status === 0 ? super.store(key, value, flags) : status;
  }
}
