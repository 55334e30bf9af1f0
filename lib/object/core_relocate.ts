/**
 * CO-RE relocation: instructions that depend on the layout of types, changed for the types that a program meets. Follows
 * libbpf (relo_core.c), so that a program loaded either way is the same.
 *
 * @module
 */

import { UnsupportedError } from "../errors.ts";
import { imm64, Instruction } from "../isa/instruction.ts";
import { findOp, lookUpOp, type Size } from "../isa/ops.ts";
import type { Btf, BtfType } from "./btf.ts";
import { CorePair, typesCompatible, typesMatch } from "./core_match.ts";
import {
  type CorePath,
  matchEnumPath,
  matchFieldPath,
  parseEnumPath,
  parseFieldPath,
  parseTypePath,
} from "./core_path.ts";
import { CoreTypes } from "./core_types.ts";
import { CORE_KINDS, type CoreKind, type CoreValue, coreValue } from "./core_value.ts";
import type { CoreRecord } from "./program.ts";

const CALL_HELPER = findOp({ kind: "call", fn: "helper" });
const LDDW_IMM = findOp({ kind: "lddw", fn: "imm64" });

/** The helper that libbpf puts where a record has no value: verifiers refuse it if it can be reached. */
const POISON = 0xbad2310;

/** What a record comes to. */
export interface CoreResolution {
  /** The value in the types that the program was compiled with; null if there is none. */
  readonly original: CoreValue | null;
  /** The value in the types that it meets; null if there is none, and the instruction must not run. */
  readonly relocated: CoreValue | null;
}

const isFieldKind = (kind: CoreKind): boolean => kind.startsWith("field_");
const isEnumKind = (kind: CoreKind): boolean => kind.startsWith("enumval_");

function parsePath(types: CoreTypes, record: CoreRecord, kind: CoreKind): CorePath {
  if (isFieldKind(kind)) return parseFieldPath(types, record);
  if (isEnumKind(kind)) return parseEnumPath(types, record);
  return parseTypePath(types, record);
}

function matchPath(pair: CorePair, local: CorePath, root: number, kind: CoreKind): CorePath | null {
  if (isFieldKind(kind)) return matchFieldPath(pair, local, root);
  if (isEnumKind(kind)) return matchEnumPath(pair, local, root);
  const same = kind === "type_matches"
    ? typesMatch(pair, local.root, root)
    : typesCompatible(pair, local.root, root);
  return same ? { root, steps: [], bitOffset: 0 } : null;
}

/** A type that may stand for one of the program. */
interface Candidate {
  readonly pair: CorePair;
  readonly id: number;
}

/** A candidate that agrees with a record. */
interface Match extends Candidate {
  readonly path: CorePath;
}

const candidatesIn = (pair: CorePair, type: BtfType): Candidate[] =>
  pair.target.candidates(type).map((id) => ({ pair, id }));

/** Relocates the instructions of a program. */
export class CoreRelocator {
  readonly #pair: CorePair;
  readonly #modulesWith: (type: BtfType) => readonly CoreTypes[];
  readonly #modulePairs = new Map<CoreTypes, CorePair>();
  /** For each type of the program, what may stand for it: those that an earlier record of the type agreed with. */
  readonly #candidates = new Map<number, readonly Candidate[]>();
  readonly #resolved = new Map<string, CoreResolution>();

  /**
   * Prepares the relocation of a program.
   *
   * @param local The types that it was compiled with.
   * @param target The types that it meets; they may serve many programs.
   * @param modulesWith Where a type is sought that is not among them: types of modules that have it, each with the others.
   */
  constructor(
    local: Btf,
    target: CoreTypes,
    modulesWith: (type: BtfType) => readonly CoreTypes[] = () => [],
  ) {
    this.#pair = new CorePair(new CoreTypes(local), target);
    this.#modulesWith = modulesWith;
  }

  /**
   * Resolves a record.
   *
   * @param record The record.
   * @returns Its values.
   * @throws {EpassError} If it or the types are malformed, or types that may be meant disagree.
   */
  resolve(record: CoreRecord): CoreResolution {
    const key = `${record.typeId} ${record.kind} ${record.access}`;
    let resolution = this.#resolved.get(key);
    if (resolution === undefined) {
      resolution = this.#resolve(record);
      this.#resolved.set(key, resolution);
    }
    return resolution;
  }

  #resolve(record: CoreRecord): CoreResolution {
    const { local } = this.#pair;
    const kind = CORE_KINDS[record.kind];
    if (kind === undefined) {
      throw new UnsupportedError(
        `cannot relocate BTF type ${record.typeId}: unknown CO-RE relocation ${record.kind}`,
      );
    }
    const path = parsePath(local, record, kind);
    const original = coreValue(local, path, kind);
    if (kind === "type_id_local") return { original, relocated: original };
    const matches = this.#matches(record, path, kind);
    const valueOf = ({ pair, path }: Match) => coreValue(pair.target, path, kind);
    const relocated = matches.length === 0
      ? coreValue(this.#pair.target, null, kind)
      : valueOf(matches[0]);
    for (const other of matches) {
      const sameOffset = other.path.bitOffset === matches[0].path.bitOffset;
      if (!sameOffset || valueOf(other)?.value !== relocated?.value) {
        throw new UnsupportedError(
          `cannot relocate access ${record.access} of ${
            local.btf.type(record.typeId).name
          }: types ${matches[0].id} and ${other.id} disagree`,
        );
      }
    }
    return { original, relocated };
  }

  /** What may be meant; where there is anything, later records of the type consider only that. */
  #matches({ typeId }: CoreRecord, path: CorePath, kind: CoreKind): Match[] {
    const matches: Match[] = [];
    for (const { pair, id } of this.#candidatesOf(typeId)) {
      const found = matchPath(pair, path, id, kind);
      if (found !== null) matches.push({ pair, id, path: found });
    }
    if (matches.length > 0) this.#candidates.set(typeId, matches);
    return matches;
  }

  /** The types that may stand for one of the program: of modules only if the kernel itself has none. */
  #candidatesOf(typeId: number): readonly Candidate[] {
    const known = this.#candidates.get(typeId);
    if (known !== undefined) return known;
    const type = this.#pair.local.btf.type(typeId);
    if (type.name === "") {
      throw new UnsupportedError(`cannot relocate BTF type ${typeId}: it has no name`);
    }
    let candidates = candidatesIn(this.#pair, type);
    if (candidates.length === 0) {
      candidates = this.#modulesWith(type).flatMap((types) =>
        candidatesIn(this.#modulePair(types), type)
      );
    }
    this.#candidates.set(typeId, candidates);
    return candidates;
  }

  #modulePair(types: CoreTypes): CorePair {
    let pair = this.#modulePairs.get(types);
    if (pair === undefined) {
      pair = new CorePair(this.#pair.local, types);
      this.#modulePairs.set(types, pair);
    }
    return pair;
  }

  /**
   * Relocates an instruction.
   *
   * @param insn The instruction.
   * @param record Its record.
   * @returns What takes its place, in as many slots.
   * @throws {EpassError} If the record has no place in it, or cannot be resolved.
   */
  relocate(insn: Instruction, record: CoreRecord): Instruction[] {
    const { original, relocated } = this.resolve(record);
    const poison = new Instruction(CALL_HELPER, 0, 0, 0, POISON);
    if (original === null || relocated === null) {
      return insn.op.kind === "lddw" ? [poison, poison] : [poison];
    }
    const { kind, form } = insn.op;
    if (kind === "load" || kind === "store" || kind === "atomic") {
      return [relocateAccess(insn, original, relocated) ?? poison];
    }
    const { op, dst, src, off } = insn;
    if ((kind === "alu" || kind === "mov") && form === "imm") {
      check(original, BigInt(insn.imm));
      return [new Instruction(op, dst, src, off, Number(BigInt.asIntN(32, relocated.value)))];
    }
    if (op === LDDW_IMM) {
      check(original, imm64(insn));
      const low = Number(BigInt.asIntN(32, relocated.value));
      const high = Number(BigInt.asIntN(32, relocated.value >> 32n));
      return [new Instruction(op, dst, src, off, low, high)];
    }
    throw new UnsupportedError(`cannot relocate an instruction of kind ${kind}: it holds no value`);
  }
}

/** Fails unless an instruction holds what the compiler must have computed. */
function check({ value, certain }: CoreValue, found: bigint): void {
  if (!certain || BigInt.asUintN(64, value) === BigInt.asUintN(64, found)) return;
  throw new UnsupportedError(`cannot relocate an instruction: it holds ${found} for ${value}`);
}

/** A load or store with the offset and size of the relocated field; null if it cannot be read in that size. */
function relocateAccess(
  insn: Instruction,
  original: CoreValue,
  relocated: CoreValue,
): Instruction | null {
  check(original, BigInt(insn.off));
  if (relocated.value > 0x7fffn) {
    throw new UnsupportedError(`cannot relocate an access: offset ${relocated.value} is too large`);
  }
  const { dst, src, imm, high } = insn;
  const [from, to] = [original.field, relocated.field];
  let { op } = insn;
  if (from?.size !== to?.size) {
    if (from === null || to === null || from.form === "" || from.form !== to.form) return null;
    const resized = lookUpOp({ ...op, size: to.size as Size });
    if (op.size !== from.size || resized === undefined) {
      throw new UnsupportedError(
        `cannot relocate an access of ${op.size} bytes: the field has ${from.size}, and ${to.size}`,
      );
    }
    op = resized;
  }
  return new Instruction(op, dst, src, Number(relocated.value), imm, high);
}
