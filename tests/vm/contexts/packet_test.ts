/**
 * The packet buffer: places, growth in both directions, parts that are not linear.
 *
 * @module
 */

import assert from "node:assert/strict";
import { UnsupportedError } from "../../../lib/errors.ts";
import { MAX_PACKET, PacketBuffer } from "../../../lib/vm/contexts/packet.ts";
import { GuestFault } from "../../../lib/vm/fault.ts";
import { GuestMemory } from "../../../lib/vm/memory.ts";

const count = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i + 1);

function placed(length: number, room: Partial<Parameters<PacketBuffer["place"]>[1]> = {}) {
  const memory = new GuestMemory("little", { level: "strict" });
  const packet = new PacketBuffer(memory);
  packet.place(count(length), { headroom: 64, tailroom: 32, ...room });
  return { memory, packet };
}

Deno.test("a packet lies in guest memory with room around it", () => {
  const { memory, packet } = placed(20, { meta: 4 });
  assert.deepEqual([packet.length, packet.metaLength, packet.headroom, packet.tailroom], [
    16,
    4,
    64,
    32,
  ]);
  assert.equal(packet.endAddress - packet.dataAddress, 16);
  assert.equal(packet.dataAddress - packet.metaAddress, 4);
  assert.equal(memory.load(BigInt(packet.dataAddress), 1), 5n);
  assert.throws(() => memory.load(BigInt(packet.endAddress), 1), GuestFault);
  assert.deepEqual(packet.bytes(), count(20).subarray(4));
  assert.deepEqual(packet.meta(), count(4));
});

Deno.test("data, metadata and end move; new bytes at the end are zeros", () => {
  const { packet } = placed(8, { meta: 4 });
  packet.moveData(-2);
  assert.deepEqual(packet.meta(), count(4));
  assert.deepEqual([...packet.bytes().subarray(2)], [5, 6, 7, 8]);
  packet.moveMeta(-4);
  assert.equal(packet.metaLength, 8);
  packet.moveEnd(3);
  assert.deepEqual([...packet.bytes().subarray(2)], [5, 6, 7, 8, 0, 0, 0]);
  packet.moveEnd(-4);
  assert.deepEqual([...packet.bytes().subarray(2)], [5, 6, 7]);
  packet.dropMeta();
  assert.equal(packet.metaLength, 0);
});

Deno.test("reads and writes cross from the linear part into the rest", () => {
  const { packet } = placed(30, { linear: 10 });
  assert.deepEqual([packet.linearLength, packet.restLength, packet.length], [10, 20, 30]);
  for (const [offset, size] of [[0, 10], [8, 4], [9, 21], [10, 5], [29, 1], [30, 0]]) {
    assert.deepEqual(packet.read(offset, size), count(30).slice(offset, offset + size));
  }
  assert.equal(packet.read(28, 3), null);
  assert.equal(packet.read(-65, 1), null);
  assert.deepEqual(packet.read(-3, 4), Uint8Array.of(0, 0, 0, 1));
  assert.equal(packet.write(28, count(3)), false);
  assert.equal(packet.write(9, Uint8Array.of(90, 91, 92)), true);
  assert.deepEqual(packet.read(8, 5), Uint8Array.of(9, 90, 91, 92, 13));
});

Deno.test("pulling makes more of the packet linear", () => {
  const { packet } = placed(200, { linear: 10 });
  packet.pull(5);
  assert.equal(packet.linearLength, 10);
  packet.pull(60);
  assert.deepEqual([packet.linearLength, packet.restLength], [60, 140]);
  assert.deepEqual(packet.linear, count(200).slice(0, 60));
  packet.pull(200);
  assert.deepEqual(packet.bytes(), count(200));
});

Deno.test("a packet that outgrows its place moves, and the next one is back in place", () => {
  const { packet } = placed(100, { meta: 4, linear: 50 });
  const before = packet.dataAddress;
  packet.reserve(9000, 5000);
  assert.ok(packet.headroom >= 9000 && packet.tailroom >= 5000);
  assert.notEqual(packet.dataAddress, before);
  assert.deepEqual([packet.meta(), packet.bytes()], [count(4), count(100).slice(4)]);
  assert.equal(packet.linearLength, 46);
  packet.place(count(100), { headroom: 64, tailroom: 32, meta: 4 });
  assert.equal(packet.dataAddress, before);
});

Deno.test("growth step by step takes bounded memory", () => {
  const { memory, packet } = placed(20);
  const free = memory.regions.length;
  for (let i = 0; i < 60_000; i += 500) {
    packet.reserve(0, 500);
    packet.moveEnd(500);
  }
  assert.equal(packet.length, 60_020);
  assert.ok(memory.regions.length - free < 12);
});

Deno.test("too long a packet is refused, too much growth faults", () => {
  const memory = new GuestMemory("little", { maximum: 0x1_0000 });
  const packet = new PacketBuffer(memory);
  assert.throws(
    () => packet.place(new Uint8Array(MAX_PACKET + 1), { headroom: 0, tailroom: 0 }),
    UnsupportedError,
  );
  packet.place(count(20), { headroom: 64, tailroom: 64 });
  assert.throws(() => packet.reserve(0x2_0000, 0), GuestFault);
  assert.deepEqual(packet.bytes(), count(20));
});
