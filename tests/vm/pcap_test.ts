import assert from "node:assert/strict";
import { readPcap, writePcap } from "../../lib/vm/pcap.ts";

/** A capture file with packets. */
function capture(little: boolean, ...packets: readonly number[][]): Uint8Array {
  const words = [0xa1b2c3d4, 0x00040002, 0, 0, 65535, 1];
  const bytes: number[] = [];
  const put = (word: number) => {
    const shifts = little ? [0, 8, 16, 24] : [24, 16, 8, 0];
    for (const shift of shifts) bytes.push((word >>> shift) & 255);
  };
  words.forEach(put);
  for (const packet of packets) {
    [1, 2, packet.length, packet.length].forEach(put);
    bytes.push(...packet);
  }
  return Uint8Array.from(bytes);
}

Deno.test("packets of capture files in both byte orders", () => {
  for (const little of [true, false]) {
    const packets = readPcap(capture(little, [1, 2, 3], [], [4]));
    assert.deepEqual(packets?.packets.map(({ data }) => [...data]), [[1, 2, 3], [], [4]]);
  }
  assert.equal(readPcap(new Uint8Array(64)), null);
  assert.throws(() => readPcap(capture(true, [1, 2, 3]).subarray(0, 42)), /cannot read capture/);
});

Deno.test("a capture file that is written reads the same", () => {
  const capture = {
    linkType: 1,
    packets: [
      { data: Uint8Array.from([1, 2, 3]), time: 1_700_000_000_123_456_789n, length: 60 },
      { data: new Uint8Array(0), time: 0n, length: 0 },
    ],
  };
  assert.deepEqual(readPcap(writePcap(capture)), capture);
});
