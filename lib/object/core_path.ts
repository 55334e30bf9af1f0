/**
 * Access paths of CO-RE: `0:1:2` in the types that a program was compiled with, and the same path, by name, in those that
 * it meets.
 *
 * @module
 */

import { UnsupportedError } from "../errors.ts";
import type { BtfMember, BtfType } from "./btf.ts";
import { type CorePair, fieldsCompatible } from "./core_match.ts";
import { type CoreTypes, essentialName, isComposite, isEnum } from "./core_types.ts";
import type { CoreRecord } from "./program.ts";

/** How many steps a path may have (BPF_CORE_SPEC_MAX_LEN). */
const MAX_STEPS = 64;

/** A step of a path: a named member or enumerator, or an array element. Anonymous members are part of the next step. */
export interface CoreStep {
  /** The struct, union or enumeration; for an array element, its type. */
  readonly type: BtfType;
  /** Index of the member, enumerator or element. */
  readonly index: number;
  /** Name of the member or enumerator; empty for elements. */
  readonly name: string;
}

/** A path, resolved. */
export interface CorePath {
  /** Id of the type where it starts. */
  readonly root: number;
  /** Its steps; none for relocations of whole types. */
  readonly steps: readonly CoreStep[];
  /** Offset in bits of what it leads to. */
  readonly bitOffset: number;
}

/** A path under construction. */
class PathBuilder implements CorePath {
  readonly root: number;
  readonly steps: CoreStep[] = [];
  /** Steps with those through anonymous members. */
  length = 0;
  bitOffset = 0;

  constructor(root: number) {
    this.root = root;
  }

  /** Adds to the offset. */
  advance(bits: number): void {
    this.bitOffset += bits;
    if (this.bitOffset <= 0xffff_ffff) return;
    throw new UnsupportedError(`cannot relocate BTF type ${this.root}: the offset is out of range`);
  }

  /** Enters a member or element. */
  enter(): void {
    if (++this.length <= MAX_STEPS) return;
    throw new UnsupportedError(`cannot relocate BTF type ${this.root}: the path is too long`);
  }

  /** Adds an array element. */
  element(types: CoreTypes, type: BtfType, index: number): void {
    this.enter();
    this.steps.push({ type, index, name: "" });
    this.advance(index * types.sizeOf(type.id) * 8);
  }
}

const malformed = ({ access, typeId }: CoreRecord, why: string): UnsupportedError =>
  new UnsupportedError(`cannot relocate access ${access} of BTF type ${typeId}: ${why}`);

/** The numbers of an access string. */
function parseAccess(record: CoreRecord): number[] {
  if (!/^\d{1,10}(:\d{1,10}){0,63}$/.test(record.access)) {
    throw malformed(record, "it is not an access path");
  }
  return record.access.split(":").map(Number);
}

/** Whether an array may hold more than it says: it is the last member of its structure. */
function isFlexible(types: CoreTypes, array: BtfType, last: CoreStep | undefined): boolean {
  return types.btf.array(array).count === 0 && last !== undefined && last.name !== "" &&
    last.index === last.type.vlen - 1;
}

/** Whether an array has an element. */
const hasElement = (types: CoreTypes, array: BtfType, index: number, last?: CoreStep): boolean =>
  index < types.btf.array(array).count || isFlexible(types, array, last);

/**
 * Reads the path of a field relocation.
 *
 * @param types The types that the program was compiled with.
 * @param record The record.
 * @returns The path.
 * @throws {EpassError} If there is no such path.
 */
export function parseFieldPath(types: CoreTypes, record: CoreRecord): CorePath {
  const [first, ...rest] = parseAccess(record);
  const path = new PathBuilder(record.typeId);
  let type = types.btf.resolve(record.typeId);
  path.element(types, type, first);
  for (const index of rest) {
    if (isComposite(type)) {
      if (index >= type.vlen) throw malformed(record, "there is no such member");
      const member = types.members(type)[index];
      path.enter();
      path.advance(member.bitOffset);
      if (member.name !== "") path.steps.push({ type, index, name: member.name });
      type = types.btf.resolve(member.type);
    } else if (type.kind === "array") {
      if (!hasElement(types, type, index, path.steps.at(-1))) {
        throw malformed(record, "there is no such element");
      }
      type = types.btf.resolve(types.btf.array(type).element);
      path.element(types, type, index);
    } else throw malformed(record, `a type of kind ${type.kind} has no parts`);
  }
  return path;
}

/**
 * Reads the path of a relocation of a whole type.
 *
 * @param types The types that the program was compiled with.
 * @param record The record.
 * @returns A path without steps.
 * @throws {EpassError} If there is no such type.
 */
export function parseTypePath(types: CoreTypes, record: CoreRecord): CorePath {
  if (record.access !== "0") throw malformed(record, "a type has no access path");
  return { root: types.btf.type(record.typeId).id, steps: [], bitOffset: 0 };
}

/**
 * Reads the path of a relocation of an enumerator.
 *
 * @param types The types that the program was compiled with.
 * @param record The record.
 * @returns The path.
 * @throws {EpassError} If there is no such enumerator.
 */
export function parseEnumPath(types: CoreTypes, record: CoreRecord): CorePath {
  const [index, ...rest] = parseAccess(record);
  const type = types.btf.resolve(record.typeId);
  if (!isEnum(type) || rest.length > 0 || index >= type.vlen) {
    throw malformed(record, "there is no such enumerator");
  }
  const { name } = types.enumerators(type)[index];
  return { root: record.typeId, steps: [{ type, index, name }], bitOffset: 0 };
}

/** Finds a member by name, in anonymous members too; adds the way to it to the path. */
function findMember(
  pair: CorePair,
  name: string,
  type: BtfType,
  path: PathBuilder,
): BtfMember | null {
  if (!isComposite(type)) return null;
  const { target } = pair;
  const members = target.members(type);
  for (let index = 0; index < members.length; index++) {
    const member = members[index];
    pair.step();
    const before = path.bitOffset;
    path.enter();
    path.advance(member.bitOffset);
    if (member.name === name) {
      path.steps.push({ type, index, name });
      return member;
    }
    if (member.name === "") {
      const found = findMember(pair, name, target.btf.resolve(member.type), path);
      if (found !== null) return found;
    }
    path.bitOffset = before;
    path.length--;
  }
  return null;
}

/**
 * Follows the path of a field in a type of the target.
 *
 * @param pair The types.
 * @param local The path in the program's types.
 * @param root Id of the target's type.
 * @returns The path there; null if the type lacks it.
 * @throws {EpassError} If types are malformed.
 */
export function matchFieldPath(pair: CorePair, local: CorePath, root: number): CorePath | null {
  const { target } = pair;
  const path = new PathBuilder(root);
  let type = target.btf.resolve(root);
  for (let i = 0; i < local.steps.length; i++) {
    const step = local.steps[i];
    if (step.name !== "") {
      const member = findMember(pair, step.name, type, path);
      if (member === null) return null;
      const own = pair.local.members(step.type)[step.index];
      if (!fieldsCompatible(pair, own.type, member.type)) return null;
      type = target.btf.resolve(member.type);
      continue;
    }
    // The first step indexes the type itself, as an array of one.
    if (i > 0) {
      if (type.kind !== "array") return null;
      if (!hasElement(target, type, step.index, path.steps.at(-1))) return null;
      type = target.btf.resolve(target.btf.array(type).element);
    }
    path.element(target, type, step.index);
  }
  return path;
}

/**
 * Finds an enumerator in an enumeration of the target.
 *
 * @param pair The types.
 * @param local The path in the program's types.
 * @param root Id of the target's type.
 * @returns The path there; null if the type lacks it.
 * @throws {EpassError} If types are malformed.
 */
export function matchEnumPath(pair: CorePair, local: CorePath, root: number): CorePath | null {
  const { target } = pair;
  const type = target.btf.resolve(root);
  if (!isEnum(type)) return null;
  const wanted = essentialName(local.steps[0].name);
  const index = target.enumerators(type).findIndex(({ name }) => {
    pair.step();
    return essentialName(name) === wanted;
  });
  if (index < 0) return null;
  return { root, steps: [{ type, index, name: wanted }], bitOffset: 0 };
}
