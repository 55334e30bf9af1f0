/**
 * Bytes to instructions and back (RFC 9669 section 3). Decoding loses nothing: what the table does not define, a
 * reserved field that is not zero, or half an `lddw` becomes an instruction of kind `invalid` that encodes to the same
 * bytes.
 *
 * @module
 */

import type { ByteOrder } from "../bytes.ts";
import { DecodeError } from "../errors.ts";
import { Instruction } from "./instruction.ts";
import { FIELD, INVALID, type Op, OPS_BY_CODE } from "./ops.ts";

/** The row that an encoding selects, or null if it is undefined. */
function select(code: number, dst: number, src: number, off: number, imm: number): Op | null {
  const rows = OPS_BY_CODE[code];
  for (let i = 0; i < rows.length; i++) {
    const op = rows[i];
    const fields = op.fields;
    if (
      ((fields & FIELD.dst) === 0 ? dst === 0 : dst <= 10) &&
      ((fields & FIELD.src) === 0 ? src === op.src : src <= 10) &&
      ((fields & FIELD.off) !== 0 || off === op.off) &&
      ((fields & FIELD.imm) !== 0 || imm === op.imm)
    ) return op;
  }
  return null;
}

/**
 * Decodes a stream of instructions.
 *
 * @param bytes The encoding, a multiple of 8 bytes.
 * @param order Byte order of the program.
 * @returns The instructions; undefined encodings are of kind `invalid`.
 * @throws {DecodeError} If the length is not a multiple of 8 bytes.
 */
export function decode(bytes: Uint8Array, order: ByteOrder = "little"): Instruction[] {
  if (bytes.length % 8 !== 0) {
    throw new DecodeError(
      `cannot decode instructions: ${bytes.length} bytes are not a multiple of 8`,
      { offset: bytes.length },
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = order === "little";
  const insns: Instruction[] = [];
  for (let at = 0; at < bytes.length; at += 8) {
    const code = bytes[at];
    const registers = bytes[at + 1];
    const dst = little ? registers & 15 : registers >> 4;
    const src = little ? registers >> 4 : registers & 15;
    const off = view.getInt16(at + 2, little);
    const imm = view.getInt32(at + 4, little);
    const op = select(code, dst, src, off, imm);
    if (op === null) {
      insns.push(new Instruction(INVALID[code], dst, src, off, imm));
    } else if (op.kind === "lddw") {
      const next = at + 8;
      if (next < bytes.length && view.getInt32(next, little) === 0) {
        insns.push(new Instruction(op, dst, 0, 0, imm, view.getInt32(next + 4, little)));
        at = next;
      } else {
        insns.push(new Instruction(INVALID[code], dst, src, off, imm));
      }
    } else {
      const { fields } = op;
      insns.push(
        new Instruction(
          op,
          dst,
          (fields & FIELD.src) !== 0 ? src : 0,
          (fields & FIELD.off) !== 0 ? off : 0,
          (fields & FIELD.imm) !== 0 ? imm : 0,
        ),
      );
    }
  }
  return insns;
}

/**
 * Encodes a stream of instructions.
 *
 * @param insns The instructions.
 * @param order Byte order of the program.
 * @returns The encoding, 8 bytes for each slot.
 */
export function encode(
  insns: readonly Instruction[],
  order: ByteOrder = "little",
): Uint8Array<ArrayBuffer> {
  let slots = 0;
  for (const insn of insns) slots += insn.op.kind === "lddw" ? 2 : 1;
  const bytes = new Uint8Array(slots * 8);
  const view = new DataView(bytes.buffer);
  const little = order === "little";
  let at = 0;
  for (let i = 0; i < insns.length; i++) {
    const { op, dst, src, off, imm } = insns[i];
    const { fields } = op;
    const srcField = (fields & FIELD.src) !== 0 ? src : op.src;
    bytes[at] = op.code;
    bytes[at + 1] = little ? srcField << 4 | dst : dst << 4 | srcField;
    view.setInt16(at + 2, (fields & FIELD.off) !== 0 ? off : op.off, little);
    view.setInt32(at + 4, (fields & FIELD.imm) !== 0 ? imm : op.imm, little);
    at += 8;
    if (op.kind === "lddw") {
      view.setInt32(at + 4, insns[i].high, little);
      at += 8;
    }
  }
  return bytes;
}
