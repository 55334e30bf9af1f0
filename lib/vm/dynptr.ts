/**
 * Dynamic pointers: a program's view of a range of memory, of a record of a ring buffer, or of its packet.
 *
 * One is 16 bytes in the program's memory, laid out as the kernel does (struct bpf_dynptr_kern): where the data begins, its
 * size with the kind and a bit for read-only, an offset. A program that no verifier saw may write what it likes there; so
 * nothing of it is trusted, each access is checked as any other.
 *
 * @module
 */

import type { Environment } from "./environment.ts";
import { ERRNO } from "./errno.ts";
import { GuestFault } from "./fault.ts";
import type { GuestMemory } from "./memory.ts";
import type { PacketBuffer } from "./contexts/packet.ts";

/** What a dynamic pointer views (enum bpf_dynptr_type). */
export type DynptrKind = "local" | "ringbuf" | "skb" | "xdp";

/** A dynamic pointer. Sizes and offsets are in bytes. */
export interface Dynptr {
  /** What it views. */
  readonly kind: DynptrKind;
  /** Where the data begins; 0 for none. Of a packet any other number. */
  readonly data: bigint;
  /** How many bytes it views. */
  readonly size: number;
  /** Where the view begins in the data. */
  readonly offset: number;
  /** Whether nothing may be written through it. */
  readonly readOnly: boolean;
}

/** Bytes of a dynamic pointer. */
export const DYNPTR_SIZE = 16;
/** The largest view. */
export const MAX_DYNPTR = 0xff_ffff;

/** Layout of the word with the size. */
const KIND_SHIFT = 28;
const KIND_MASK = 7;
const READ_ONLY = 0x8000_0000;

/** Kinds by number. */
const KINDS: readonly (DynptrKind | undefined)[] = [undefined, "local", "ringbuf", "skb", "xdp"];

/**
 * Reads a dynamic pointer.
 *
 * @param memory Guest memory.
 * @param at Its address.
 * @returns The pointer; null if it views nothing.
 * @throws {GuestFault} If there is no memory, or it is none.
 */
export function loadDynptr(memory: GuestMemory, at: bigint): Dynptr | null {
  const data = memory.load(at, 8);
  const word = Number(memory.load(at + 8n, 4));
  const offset = Number(memory.load(at + 12n, 4));
  if (data === 0n) return null;
  const kind = KINDS[(word >>> KIND_SHIFT) & KIND_MASK];
  if (kind === undefined) {
    const hex = BigInt.asUintN(64, at).toString(16);
    throw new GuestFault("helper", `cannot use what is at 0x${hex}: it is not a dynptr`);
  }
  return { kind, data, size: word & MAX_DYNPTR, offset, readOnly: (word & READ_ONLY) !== 0 };
}

/**
 * Writes a dynamic pointer.
 *
 * @param memory Guest memory.
 * @param at Its address.
 * @param dynptr The pointer; null for one that views nothing.
 * @throws {GuestFault} If there is no memory.
 */
export function storeDynptr(memory: GuestMemory, at: bigint, dynptr: Dynptr | null): void {
  memory.slice(at, DYNPTR_SIZE, true).fill(0);
  if (dynptr === null) return;
  const { kind, data, size, offset, readOnly } = dynptr;
  const word = (size | KINDS.indexOf(kind) << KIND_SHIFT | (readOnly ? READ_ONLY : 0)) >>> 0;
  memory.store(at, 8, data);
  memory.store(at + 8n, 4, BigInt(word));
  memory.store(at + 12n, 4, BigInt(offset));
}

/**
 * Whether a range is in the view.
 *
 * @param dynptr The pointer.
 * @param offset Where the range begins.
 * @param size Its size.
 * @returns False if it is not, not wholly.
 */
export function dynptrHas(dynptr: Dynptr, offset: number, size: number): boolean {
  return size <= dynptr.size && offset <= dynptr.size - size;
}

/** The packet that a pointer views; null if it views memory. */
function packetOf(env: Environment, { kind }: Dynptr): PacketBuffer | null {
  if (kind === "local" || kind === "ringbuf") return null;
  if (env.packet !== null) return env.packet;
  throw new GuestFault("helper", "cannot use a dynptr: it views a packet, and the run has none");
}

/** The error of a packet that does not have the bytes. */
const packetError = ({ kind }: Dynptr): number => kind === "xdp" ? -ERRNO.EINVAL : -ERRNO.EFAULT;

/** Address of a byte of a view of memory. */
const address = (dynptr: Dynptr, offset: number): bigint =>
  dynptr.data + BigInt(dynptr.offset) + BigInt(offset);

/**
 * Reads through a dynamic pointer.
 *
 * @param env The environment.
 * @param dynptr The pointer.
 * @param offset Where to begin in the view, which has the bytes.
 * @param size How many bytes.
 * @returns The bytes, perhaps a view of guest memory; or a negative error number.
 * @throws {GuestFault} If it views memory that is not there.
 */
export function readDynptr(
  env: Environment,
  dynptr: Dynptr,
  offset: number,
  size: number,
): Uint8Array | number {
  const packet = packetOf(env, dynptr);
  if (packet === null) return env.memory.slice(address(dynptr, offset), size, false);
  return packet.read(dynptr.offset + offset, size) ?? packetError(dynptr);
}

/**
 * Writes through a dynamic pointer.
 *
 * @param env The environment.
 * @param dynptr The pointer, not read-only.
 * @param offset Where to begin in the view, which has room for the bytes.
 * @param bytes The bytes.
 * @returns 0 or a negative error number.
 * @throws {GuestFault} If it views memory that is not there.
 */
export function writeDynptr(
  env: Environment,
  dynptr: Dynptr,
  offset: number,
  bytes: Uint8Array,
): number {
  const packet = packetOf(env, dynptr);
  if (packet !== null) {
    return packet.write(dynptr.offset + offset, bytes) ? 0 : packetError(dynptr);
  }
  env.memory.slice(address(dynptr, offset), bytes.length, true).set(bytes);
  return 0;
}

/**
 * The guest address of a range of a view.
 *
 * @param env The environment.
 * @param dynptr The pointer.
 * @param offset Where the range begins in the view, which has it.
 * @param size Its size.
 * @returns Its address; 0 if it is not in guest memory, as the fragments of a packet.
 */
export function dynptrAddress(
  env: Environment,
  dynptr: Dynptr,
  offset: number,
  size: number,
): bigint {
  const packet = packetOf(env, dynptr);
  if (packet === null) return address(dynptr, offset);
  const at = dynptr.offset + offset;
  return at + size <= packet.linearLength ? BigInt(packet.dataAddress + at) : 0n;
}
