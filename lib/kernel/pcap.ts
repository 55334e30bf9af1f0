/**
 * Packets from a capture file (pcap, the format of tcpdump before pcapng).
 *
 * @module
 */

import { ByteReader } from "../bytes.ts";
import { buffer } from "./native.ts";

/** Magic numbers as read in little-endian order, by byte order of the file: microseconds, then nanoseconds. */
const MAGIC: { readonly [magic: number]: "little" | "big" } = {
  0xa1b2c3d4: "little",
  0xa1b23c4d: "little",
  0xd4c3b2a1: "big",
  0x4d3cb2a1: "big",
};

const HEADER_SIZE = 24, RECORD_HEADER_SIZE = 16;

/**
 * Reads the packets of a capture file.
 *
 * @param bytes The file.
 * @returns The packets; null if it is not a capture file.
 * @throws {DecodeError} If it is truncated.
 */
export function readPcap(bytes: Uint8Array): Uint8Array<ArrayBuffer>[] | null {
  if (bytes.length < HEADER_SIZE) return null;
  const order = MAGIC[new ByteReader(bytes, "little", "capture file").u32()];
  if (order === undefined) return null;
  const reader = new ByteReader(bytes, order, "capture file", HEADER_SIZE);
  const packets: Uint8Array<ArrayBuffer>[] = [];
  while (reader.remaining > 0) {
    reader.skip(RECORD_HEADER_SIZE - 8);
    const captured = reader.u32();
    reader.skip(4);
    const packet = buffer(reader.take(captured).length);
    packet.set(bytes.subarray(reader.offset - captured, reader.offset));
    packets.push(packet);
  }
  return packets;
}
