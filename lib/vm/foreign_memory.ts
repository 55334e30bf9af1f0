/**
 * Memory which may not be there: the kernel's or a process's, as `bpf_probe_read` and its like read it. A caller's provider
 * is asked first; then guest memory stands for both.
 *
 * Addresses that nobody has are judged as on x86-64: the kernel reads nothing of its own below half of the range or outside
 * of the canonical range.
 *
 * @module
 */

import type { Environment } from "./environment.ts";
import { ERRNO } from "./errno.ts";
import { GUEST_BASE, type GuestMemory, PAGE_SHIFT } from "./memory.ts";
import type { AddressSpace } from "./providers.ts";

/** The first address that does not belong to a process (TASK_SIZE). */
export const TASK_SIZE = 0x7fff_ffff_f000n;
/** The first address behind the guard page above a process. */
const USER_END = 0x8000_0000_0000n;
/** The lowest canonical address of the kernel. */
const KERNEL_START = 0xffff_8000_0000_0000n;
/** Bytes that a provider is asked for at a time when the length of a string is not known. */
const STRING_CHUNK = 64;
/** The longest string that a provider is asked for; it is cut there. */
const MAX_PROVIDED = 65_536;

/** Whether an address belongs to a space, whether there is memory or not. */
function isIn(space: AddressSpace, address: bigint): boolean {
  return space === "user" ? address < USER_END : address >= KERNEL_START;
}

/**
 * Finds bytes in guest memory alone.
 *
 * @param memory Guest memory.
 * @param address Address of the first byte, an unsigned 64-bit pattern.
 * @param size How many bytes, at least 1.
 * @returns The offset in the bytes of guest memory; -1 if they are not all there.
 */
export function guestOffset(memory: GuestMemory, address: bigint, size: number): number {
  const offset = Number(address) - GUEST_BASE;
  if (!(offset >= 0 && offset < memory.bytes.length)) return -1;
  return offset + size <= memory.readLimits[offset >> PAGE_SHIFT] ? offset : -1;
}

/** The part of `size` bytes at an address, from its start, that guest memory has. */
function guestPart(memory: GuestMemory, address: bigint, size: number): Uint8Array {
  const offset = Number(address) - GUEST_BASE;
  if (!(offset >= 0 && offset < memory.bytes.length)) return memory.bytes.subarray(0, 0);
  const end = Math.min(memory.readLimits[offset >> PAGE_SHIFT], offset + size);
  return memory.bytes.subarray(offset, Math.max(end, offset));
}

/**
 * Reads bytes.
 *
 * @param env The environment.
 * @param space The address space.
 * @param address Address of the first byte, an unsigned 64-bit pattern.
 * @param size How many bytes.
 * @returns The bytes, perhaps a view of guest memory; null if they are not all there.
 */
export function readForeign(
  env: Environment,
  space: AddressSpace,
  address: bigint,
  size: number,
): Uint8Array | null {
  const given = env.providers.readMemory?.(space, address, size) ?? null;
  if (given !== null && given.length >= size) return given.subarray(0, size);
  const part = guestPart(env.memory, address, size);
  if (size === 0 && guestPart(env.memory, address, 1).length === 0) {
    return isIn(space, address) ? part : null;
  }
  return part.length === size ? part : null;
}

/**
 * Reads a string.
 *
 * @param env The environment.
 * @param space The address space.
 * @param address Address of the first byte, an unsigned 64-bit pattern.
 * @param size The most bytes to read.
 * @returns The bytes with the NUL or, without one, `size` of them; null if memory ends before.
 */
export function readForeignString(
  env: Environment,
  space: AddressSpace,
  address: bigint,
  size: number,
): Uint8Array | null {
  const given = providedString(env, space, address, size);
  if (given !== null) return given;
  const part = guestPart(env.memory, address, size);
  const nul = part.indexOf(0);
  if (nul >= 0) return part.subarray(0, nul + 1);
  return part.length === size ? part : null;
}

/** A string from the provider, read in pieces, byte by byte where a piece is not all there. */
function providedString(
  { providers }: Environment,
  space: AddressSpace,
  address: bigint,
  size: number,
): Uint8Array | null {
  if (providers.readMemory === undefined) return null;
  const bytes: number[] = [];
  const most = Math.min(size, MAX_PROVIDED);
  let step = STRING_CHUNK;
  while (bytes.length < most) {
    const want = Math.min(step, most - bytes.length);
    const piece = providers.readMemory(space, address + BigInt(bytes.length), want);
    if (piece === null || piece.length < want) {
      if (step === 1) return null;
      step = 1;
      continue;
    }
    const nul = piece.subarray(0, want).indexOf(0);
    bytes.push(...piece.subarray(0, nul < 0 ? want : nul + 1));
    if (nul >= 0) break;
  }
  return Uint8Array.from(bytes);
}

/**
 * The error number for an address that cannot be read.
 *
 * @param space The address space.
 * @param address The address, an unsigned 64-bit pattern.
 * @returns A positive error number.
 */
export function foreignError(space: AddressSpace, address: bigint): number {
  return space === "user" || isIn(space, address) ? ERRNO.EFAULT : ERRNO.ERANGE;
}
