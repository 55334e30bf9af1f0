/**
 * Externs of the kernel's configuration (`__kconfig`): BTF describes them in a section that the object does not have, and
 * a loader makes a read-only map of their values.
 *
 * @module
 */

import type { Btf } from "./btf.ts";

/** A value of the kernel's configuration that an object wants. Sizes are in bytes. */
export interface KconfigValue {
  /** Its name, such as `CONFIG_HZ` or `LINUX_KERNEL_VERSION`. */
  readonly name: string;
  /** Id of its type. */
  readonly type: number;
  /** Its place in the map. */
  readonly offset: number;
  /** Its size. */
  readonly size: number;
}

/** The values of an object. */
export interface KconfigLayout {
  /** Id of the section in BTF. */
  readonly section: number;
  /** The values in the order of the section. */
  readonly values: readonly KconfigValue[];
  /** Size of all in bytes, each aligned to its size up to 8. */
  readonly size: number;
}

/**
 * Lays out the values of the kernel's configuration.
 *
 * @param btf Types of the object.
 * @returns The layout; without values if the object wants none.
 * @throws {DecodeError} If the types are malformed.
 */
export function kconfigLayout(btf: Btf): KconfigLayout {
  const section = btf.find("datasec", ".kconfig");
  const values: KconfigValue[] = [];
  let size = 0;
  for (const { type } of section === null ? [] : btf.entries(section)) {
    const bytes = btf.sizeOf(type);
    const align = Math.min(Math.max(bytes, 1), 8);
    const offset = Math.ceil(size / align) * align;
    const variable = btf.type(type);
    values.push({ name: variable.name, type: variable.sizeOrType, offset, size: bytes });
    size = offset + bytes;
  }
  return { section: section?.id ?? 0, values, size };
}
