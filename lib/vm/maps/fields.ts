/**
 * Fields of a map value that belong to the kernel: locks, timers, kernel pointers, lists. A copy of a value leaves them
 * alone, and the world outside reads them as zeros.
 *
 * @module
 */

import type { Btf, BtfType } from "../../object/btf.ts";

/** What a field is. */
export type FieldKind = "lock" | "timer" | "work" | "kptr" | "list" | "tree" | "refcount";

/** A field of a value that belongs to the kernel. */
export interface SpecialField {
  /** What it is. */
  readonly kind: FieldKind;
  /** Offset in bytes in the value. */
  readonly offset: number;
  /** Size in bytes. */
  readonly size: number;
}

/** Kinds by the name of the structure. */
const STRUCTS: { readonly [name: string]: FieldKind | undefined } = {
  bpf_spin_lock: "lock",
  bpf_res_spin_lock: "lock",
  bpf_timer: "timer",
  bpf_wq: "work",
  bpf_task_work: "work",
  bpf_list_head: "list",
  bpf_rb_root: "tree",
  bpf_refcount: "refcount",
};

/** Type tags of pointers that the kernel counts. */
const POINTER_TAGS: ReadonlySet<string> = new Set([
  "kptr",
  "kptr_ref",
  "kptr_untrusted",
  "percpu_kptr",
  "uptr",
]);

/** Most types that are visited, so that a hostile BTF costs little. */
const MAX_VISITS = 4096;
/** Most fields; the kernel allows 11. */
const MAX_FIELDS = 64;

/** Whether a pointer carries a tag that makes it the kernel's. */
function isKernelPointer(btf: Btf, pointer: BtfType): boolean {
  const pointee = btf.type(pointer.sizeOrType);
  return pointee.kind === "type_tag" && POINTER_TAGS.has(pointee.name);
}

/** A type at an offset that is still to be looked into. */
interface Place {
  readonly type: number;
  readonly offset: number;
}

/** The types inside a type. */
function* partsOf(btf: Btf, type: BtfType, offset: number): Generator<Place> {
  if (type.kind === "array") {
    const { element, count } = btf.array(type);
    const size = btf.sizeOf(element);
    for (let i = 0; i < Math.min(count, MAX_FIELDS); i++) {
      yield { type: element, offset: offset + i * size };
    }
  } else if (type.kind === "struct") {
    for (const member of btf.members(type)) {
      yield { type: member.type, offset: offset + member.bitOffset / 8 };
    }
  } else if (type.kind === "var") {
    yield { type: type.sizeOrType, offset };
  } else if (type.kind === "datasec") {
    yield* btf.entries(type);
  }
}

/**
 * Finds the fields of a value that belong to the kernel.
 *
 * @param btf Where its type is described; null if nowhere.
 * @param valueType Id of its type; 0 if unknown.
 * @param valueSize Its size in bytes; fields beyond it are ignored.
 * @returns The fields by ascending offset.
 * @throws {DecodeError} If the type information is malformed.
 */
export function specialFields(
  btf: Btf | null,
  valueType: number,
  valueSize: number,
): readonly SpecialField[] {
  if (btf === null || valueType === 0) return [];
  const fields: SpecialField[] = [];
  const open: Place[] = [{ type: valueType, offset: 0 }];
  for (let visits = 0; open.length > 0 && visits < MAX_VISITS; visits++) {
    const { type: id, offset } = open.pop()!;
    const type = btf.resolve(id);
    const kind = type.kind === "ptr" && isKernelPointer(btf, type)
      ? "kptr"
      : type.kind === "struct"
      ? STRUCTS[type.name]
      : undefined;
    if (kind === undefined) {
      for (const part of partsOf(btf, type, offset)) {
        if (open.length < MAX_VISITS && part.offset < valueSize) open.push(part);
      }
      continue;
    }
    const size = kind === "kptr" ? 8 : type.sizeOrType;
    if (offset % 1 === 0 && offset + size <= valueSize && fields.length < MAX_FIELDS) {
      fields.push({ kind, offset, size });
    }
  }
  return fields.sort((a, b) => a.offset - b.offset);
}
