/**
 * The types of an object with what compilers leave out. They leave the sizes and offsets of data sections to the
 * loader, which knows them from the symbols (libbpf, btf_fixup_datasec).
 *
 * @module
 */

import type { ElfObject } from "./elf_object.ts";

/** Bytes of `struct btf_type`, and of an entry of a data section. */
const TYPE_SIZE = 12, ENTRY_SIZE = 12;

/**
 * Completes the types of an object.
 *
 * @param object The object.
 * @returns Its types, with the sizes of its data sections; null if it has none.
 */
export function completeTypes(object: ElfObject): Uint8Array<ArrayBuffer> | null {
  const { btf } = object;
  if (btf === null) return null;
  // A buffer of its own: a loader passes its address on.
  const bytes = new Uint8Array(new ArrayBuffer(btf.bytes.length));
  bytes.set(btf.bytes);
  const little = btf.order === "little";
  const view = new DataView(bytes.buffer);
  const symbols = new Map(object.symbols.map((s) => [s.name, s]));
  for (let id = 1; id < btf.count; id++) {
    const type = btf.type(id);
    if (type.kind !== "datasec") continue;
    const at = btf.offsetOf(id);
    const section = object.sections.find(({ name }) => name === type.name);
    let end = 0;
    btf.entries(type).forEach((entry, i) => {
      const offset = symbols.get(btf.type(entry.type).name)?.value ?? entry.offset;
      view.setUint32(at + TYPE_SIZE + ENTRY_SIZE * i + 4, offset, little);
      end = Math.max(end, offset + entry.size);
    });
    view.setUint32(at + 8, section?.size ?? end, little);
  }
  return bytes;
}
