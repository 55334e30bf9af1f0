/**
 * When a type of a program and one of its target are the same to CO-RE. Three relations, as libbpf defines them: fields
 * that may be read as each other, types that are compatible (`bpf_core_type_exists`), and types that match member by
 * member (`bpf_core_type_matches`).
 *
 * @module
 */

import { UnsupportedError } from "../errors.ts";
import type { BtfType } from "./btf.ts";
import { type CoreTypes, essentialName, isComposite, isEnum, sameKind } from "./core_types.ts";

/** How deep prototypes and structures are compared, and how long a chain of pointers and arrays may be. */
const MAX_DEPTH = 32;

/** How many types and members all relocations of a program may compare: types may branch without end. */
const MAX_STEPS = 1 << 23;

/** The types that a program was compiled with and those that it meets, and how much they were compared. */
export class CorePair {
  /** The types that the program was compiled with. */
  readonly local: CoreTypes;
  /** The types that it meets. */
  readonly target: CoreTypes;
  #steps = MAX_STEPS;

  /**
   * Pairs types.
   *
   * @param local The types that the program was compiled with.
   * @param target The types that it meets.
   */
  constructor(local: CoreTypes, target: CoreTypes) {
    this.local = local;
    this.target = target;
  }

  /**
   * Accounts for a comparison.
   *
   * @throws {UnsupportedError} If there were too many.
   */
  step(): void {
    if (--this.#steps < 0) {
      throw new UnsupportedError("cannot relocate to other types: they branch without end");
    }
  }
}

function descend(depth: number): number {
  if (depth > 0) return depth - 1;
  throw new UnsupportedError(`cannot relocate to other types: nested over ${MAX_DEPTH} deep`);
}

/**
 * Whether a field of the target can be read as one of the program.
 *
 * @param pair The types.
 * @param localId Id of the type of the program's field.
 * @param targetId Id of the type of the target's.
 * @returns Whether it can.
 * @throws {EpassError} If types are malformed.
 */
export function fieldsCompatible(pair: CorePair, localId: number, targetId: number): boolean {
  const { local, target } = pair;
  for (let depth = MAX_DEPTH;; depth = descend(depth)) {
    pair.step();
    const a = local.btf.resolve(localId);
    const b = target.btf.resolve(targetId);
    if (isComposite(a) && isComposite(b)) return true;
    if (!sameKind(a, b)) return false;
    switch (a.kind) {
      case "ptr":
      case "float":
        return true;
      case "fwd":
      case "enum":
      case "enum64": {
        const [x, y] = [essentialName(a.name), essentialName(b.name)];
        return x === "" || y === "" || x === y;
      }
      case "int":
        return local.isPlainInt(a) && target.isPlainInt(b);
      case "array":
        localId = local.btf.array(a).element;
        targetId = target.btf.array(b).element;
        break;
      default:
        return false;
    }
  }
}

/**
 * Whether types of the same name are of the same kind, down to what their pointers, arrays and prototypes refer to.
 *
 * @param pair The types.
 * @param localId Id of the program's type.
 * @param targetId Id of the target's.
 * @param level How deep prototypes may nest.
 * @returns Whether they are.
 * @throws {EpassError} If types are malformed or too deep.
 */
export function typesCompatible(
  pair: CorePair,
  localId: number,
  targetId: number,
  level: number = MAX_DEPTH,
): boolean {
  const { local, target } = pair;
  if (!sameKind(local.btf.type(localId), target.btf.type(targetId))) return false;
  for (let depth = MAX_DEPTH;; depth = descend(depth)) {
    pair.step();
    const a = local.btf.resolve(localId);
    const b = target.btf.resolve(targetId);
    if (!sameKind(a, b)) return false;
    switch (a.kind) {
      case "void":
      case "struct":
      case "union":
      case "enum":
      case "enum64":
      case "fwd":
        return true;
      case "int":
        return local.isPlainInt(a) && target.isPlainInt(b);
      case "ptr":
        [localId, targetId] = [a.sizeOrType, b.sizeOrType];
        break;
      case "array":
        localId = local.btf.array(a).element;
        targetId = target.btf.array(b).element;
        break;
      case "func_proto": {
        const below = descend(level);
        const same = paramsAgree(
          pair,
          a,
          b,
          (x, y) => typesCompatible(pair, local.btf.resolve(x).id, target.btf.resolve(y).id, below),
        );
        if (!same) return false;
        [localId, targetId] = [a.sizeOrType, b.sizeOrType];
        break;
      }
      default:
        return false;
    }
  }
}

/** Whether prototypes have equally many parameters, and those agree pair by pair. */
function paramsAgree(
  { local, target }: CorePair,
  a: BtfType,
  b: BtfType,
  agree: (localId: number, targetId: number) => boolean,
): boolean {
  if (a.vlen !== b.vlen) return false;
  const params = target.btf.params(b);
  return local.btf.params(a).every(({ type }, i) => agree(type, params[i].type));
}

const namesMatch = (local: string, target: string): boolean =>
  target === "" ? local === "" : essentialName(local) === essentialName(target);

/** Whether a forward declaration is of a kind: its flag tells unions from structs. */
const declares = (fwd: BtfType, kind: string): boolean => kind === (fwd.flag ? "union" : "struct");

/** Whether the target has every enumerator of the program, in as many bytes. */
function enumsMatch(pair: CorePair, a: BtfType, b: BtfType): boolean {
  if (!isEnum(b) || a.sizeOrType !== b.sizeOrType || a.vlen > b.vlen) return false;
  const names = new Set<string>();
  for (const { name } of pair.target.enumerators(b)) {
    pair.step();
    names.add(essentialName(name));
  }
  return pair.local.enumerators(a).every(({ name }) => names.has(essentialName(name)));
}

/** Whether the target has a matching member for every one of the program. */
function membersMatch(
  pair: CorePair,
  a: BtfType,
  b: BtfType,
  behindPointer: boolean,
  level: number,
): boolean {
  if (a.vlen > b.vlen) return false;
  const members = pair.target.members(b);
  return pair.local.members(a).every((x) =>
    members.some((y) => {
      pair.step();
      return namesMatch(x.name, y.name) && typesMatch(pair, x.type, y.type, behindPointer, level);
    })
  );
}

/** Whether structs or unions match: behind a pointer their kind is enough. */
function compositesMatch(
  pair: CorePair,
  a: BtfType,
  b: BtfType,
  behindPointer: boolean,
  level: number,
): boolean {
  if (behindPointer) return a.kind === b.kind || (b.kind === "fwd" && declares(b, a.kind));
  return a.kind === b.kind && membersMatch(pair, a, b, behindPointer, descend(level));
}

/** Whether forward declarations match, or behind a pointer what they declare. */
function forwardsMatch(a: BtfType, b: BtfType, behindPointer: boolean): boolean {
  if (a.kind === b.kind) return a.flag === b.flag;
  return behindPointer && declares(a, b.kind);
}

/**
 * Whether types of the same name match: integers by size and sign, enumerations by their names, structures by their
 * members.
 *
 * @param pair The types.
 * @param localId Id of the program's type.
 * @param targetId Id of the target's.
 * @param behindPointer Whether a pointer led here.
 * @param level How deep structures and prototypes may nest.
 * @returns Whether they do.
 * @throws {EpassError} If types are malformed or too deep.
 */
export function typesMatch(
  pair: CorePair,
  localId: number,
  targetId: number,
  behindPointer: boolean = false,
  level: number = MAX_DEPTH,
): boolean {
  const { local, target } = pair;
  for (let depth = MAX_DEPTH;; depth = descend(depth)) {
    pair.step();
    const a = local.btf.resolve(localId);
    const b = target.btf.resolve(targetId);
    if (!namesMatch(a.name, b.name)) return false;
    if (isComposite(a)) return compositesMatch(pair, a, b, behindPointer, level);
    if (isEnum(a)) return enumsMatch(pair, a, b);
    if (a.kind === "fwd") return forwardsMatch(a, b, behindPointer);
    if (a.kind !== b.kind) return false;
    switch (a.kind) {
      case "void":
        return true;
      case "int":
        return a.sizeOrType === b.sizeOrType &&
          (local.encoding(a) & 1) === (target.encoding(b) & 1);
      case "ptr":
        behindPointer = true;
        [localId, targetId] = [a.sizeOrType, b.sizeOrType];
        break;
      case "array": {
        const [x, y] = [local.btf.array(a), target.btf.array(b)];
        if (x.count !== y.count) return false;
        [localId, targetId] = [x.element, y.element];
        break;
      }
      case "func_proto": {
        const below = descend(level);
        const agree = (x: number, y: number): boolean =>
          typesMatch(pair, x, y, behindPointer, below);
        if (!paramsAgree(pair, a, b, agree)) return false;
        [localId, targetId] = [a.sizeOrType, b.sizeOrType];
        break;
      }
      default:
        return false;
    }
  }
}
