/**
 * Capture files (pcap, the format of tcpdump before pcapng): packets in, packets out.
 *
 * @module
 */

import { type ByteOrder, ByteReader } from "../bytes.ts";

/** Link types (LINKTYPE_*). */
export const LINK_TYPE = { ETHERNET: 1, RAW_IP: 101 } as const;

/** A packet of a capture file. */
export interface CapturedPacket {
  /** Its bytes, as many as were captured. */
  readonly data: Uint8Array;
  /** When it was captured, in nanoseconds since 1970. */
  readonly time: bigint;
  /** How long it was on the wire, in bytes. */
  readonly length: number;
}

/** A capture file. */
export interface Capture {
  /** What the packets begin with (LINKTYPE_*). */
  readonly linkType: number;
  /** The packets in the order of the file. */
  readonly packets: readonly CapturedPacket[];
}

/** Magic numbers as read in little-endian order: byte order of the file, and nanoseconds in a unit of time. */
const MAGIC: { readonly [magic: number]: readonly [ByteOrder, bigint] } = {
  0xa1b2c3d4: ["little", 1000n],
  0xa1b23c4d: ["little", 1n],
  0xd4c3b2a1: ["big", 1000n],
  0x4d3cb2a1: ["big", 1n],
};

const NANOSECONDS = 0xa1b23c4d;
const HEADER_SIZE = 24, RECORD_HEADER_SIZE = 16;
const SECOND = 1_000_000_000n;
/** The most bytes of a packet that readers take (MAXIMUM_SNAPLEN of libpcap). */
const SNAPSHOT_LENGTH = 262_144;

/**
 * Reads a capture file.
 *
 * @param bytes The file.
 * @returns Its packets; null if it is not a capture file.
 * @throws {DecodeError} If it is truncated.
 */
export function readPcap(bytes: Uint8Array): Capture | null {
  if (bytes.length < HEADER_SIZE) return null;
  const known = MAGIC[new ByteReader(bytes, "little", "capture file").u32()];
  if (known === undefined) return null;
  const [order, unit] = known;
  const reader = new ByteReader(bytes, order, "capture file", HEADER_SIZE - 4);
  const linkType = reader.u32() & 0xffff;
  const packets: CapturedPacket[] = [];
  while (reader.remaining > 0) {
    const time = BigInt(reader.u32()) * SECOND + BigInt(reader.u32()) * unit;
    const captured = reader.u32();
    const length = reader.u32();
    packets.push({ data: reader.take(captured).slice(), time, length });
  }
  return { linkType, packets };
}

/**
 * Writes a capture file with times in nanoseconds.
 *
 * @param capture Its packets.
 * @returns The file, little-endian.
 */
export function writePcap({ linkType, packets }: Capture): Uint8Array<ArrayBuffer> {
  const size = packets.reduce((sum, { data }) => sum + RECORD_HEADER_SIZE + data.length, 0);
  const bytes = new Uint8Array(HEADER_SIZE + size);
  const view = new DataView(bytes.buffer);
  let at = 0;
  const put = (...words: readonly number[]): void => {
    for (const word of words) {
      view.setUint32(at, word, true);
      at += 4;
    }
  };
  // Version 2.4, no time zone, no accuracy.
  put(NANOSECONDS, 2 | 4 << 16, 0, 0, SNAPSHOT_LENGTH, linkType);
  for (const { data, time, length } of packets) {
    put(Number(time / SECOND), Number(time % SECOND), data.length, Math.max(length, data.length));
    bytes.set(data, at);
    at += data.length;
  }
  return bytes;
}
