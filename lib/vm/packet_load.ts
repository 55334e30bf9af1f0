/**
 * The legacy packet loads (`BPF_ABS`, `BPF_IND`): what they read.
 *
 * @module
 */

/**
 * Loads from the packet of a run.
 *
 * @param offset Offset in bytes, a signed 32-bit number; what negative ones mean is up to the packet.
 * @param size Bytes to load: 1, 2 or 4.
 * @returns The number that they are in network order, unsigned; -1 if the packet does not hold them all.
 */
export type PacketLoad = (offset: number, size: number) => number;

/**
 * Reads a number in network order.
 *
 * @param bytes The bytes.
 * @param offset Offset in bytes of the number.
 * @param size Its size in bytes, at most 4.
 * @returns The unsigned number; -1 if the bytes do not hold it.
 */
export function loadNetworkOrder(bytes: Uint8Array, offset: number, size: number): number {
  if (offset < 0 || offset + size > bytes.length) return -1;
  let value = 0;
  for (let i = 0; i < size; i++) value = value << 8 | bytes[offset + i];
  return value >>> 0;
}

/**
 * Loads from plain bytes, without a meaning of negative offsets.
 *
 * @param bytes The packet.
 * @returns How to load from it.
 */
export function loadsFrom(bytes: Uint8Array): PacketLoad {
  return (offset, size) => loadNetworkOrder(bytes, offset, size);
}

/** Loads where there is no packet. */
export const NO_PACKET: PacketLoad = () => -1;
