/**
 * What maps do beyond what the kernel can be asked: eviction order, addresses, growth and its limits, redirect targets,
 * storage by owner, rings, filters, stacks, arenas, timers, fields of the kernel.
 *
 * @module
 */

import assert from "node:assert/strict";
import { UnsupportedError } from "../../../lib/errors.ts";
import { ERRNO } from "../../../lib/vm/errno.ts";
import type { ArenaMap } from "../../../lib/vm/maps/arena.ts";
import type { BloomFilter } from "../../../lib/vm/maps/bloom_filter.ts";
import type { LocalStorage } from "../../../lib/vm/maps/local_storage.ts";
import { MAP_BASE } from "../../../lib/vm/maps/map.ts";
import type { QueueMap } from "../../../lib/vm/maps/queue.ts";
import type { RedirectMap } from "../../../lib/vm/maps/redirect_map.ts";
import { ReferenceArray } from "../../../lib/vm/maps/reference_array.ts";
import { RingBuffer, type UserRingBuffer } from "../../../lib/vm/maps/ring_buffer.ts";
import type { StackTraceMap } from "../../../lib/vm/maps/stack_trace.ts";
import { Timers } from "../../../lib/vm/maps/timers.ts";
import { plan, table, word } from "./support.ts";

const keysOf = (map: { keys(): Iterable<Uint8Array> }): number[] =>
  [...map.keys()].map((key) => new DataView(key.buffer).getUint32(0, true));

Deno.test("handles and names lead to maps", () => {
  const maps = table();
  const first = maps.create(plan("array", 4, 8, 1, { name: "a" }));
  const second = maps.create(plan("hash", 4, 8, 1, { name: "b" }));
  assert.deepEqual([first.handle, second.handle], [MAP_BASE, MAP_BASE + 8]);
  assert.equal(maps.byHandle(BigInt(second.handle)), second);
  assert.equal(maps.byName("a"), first);
  for (const bad of [0, MAP_BASE + 4, MAP_BASE + 16, -1, 2 ** 40]) {
    assert.equal(maps.byHandle(bad), null);
  }
  assert.throws(() => maps.argument(5n, "map_lookup_elem"), /0x5 is not a map/);
  assert.throws(
    () => maps.create(plan("unspec", 4, 4, 1)),
    /cannot create map test_unspec: maps of type unspec are not supported/,
  );
});

Deno.test("an LRU hash removes what was not looked up since the hand passed", () => {
  const map = table().create(plan("lru_hash", 4, 8, 4));
  const value = new Uint8Array(8);
  for (const key of [1, 2, 3, 4]) assert.equal(map.update(word(key), value, 0, 0), 0);
  assert.notEqual(map.lookup(word(1), 0), 0);
  assert.equal(map.update(word(5), value, 0, 0), 0);
  assert.deepEqual(keysOf(map).sort(), [1, 3, 4, 5]);
  assert.equal(map.update(word(6), value, 0, 0), 0);
  assert.deepEqual(keysOf(map).sort(), [1, 4, 5, 6]);
  assert.equal(map.size, 4);
});

Deno.test("a read from outside does not count as a look-up", () => {
  const map = table().create(plan("lru_hash", 4, 8, 2));
  const value = new Uint8Array(8);
  for (const key of [1, 2]) map.write(word(key), value);
  map.read(word(1));
  map.write(word(3), value);
  assert.deepEqual(keysOf(map).sort(), [2, 3]);
});

Deno.test("a value keeps its address and a pointer from before an update sees the old value", () => {
  const maps = table();
  const map = maps.create(plan("hash", 4, 8, 5000));
  const old = Uint8Array.of(1, 1, 1, 1, 1, 1, 1, 1), renewed = new Uint8Array(8).fill(2);
  map.update(word(7), old, 0, 0);
  const address = map.lookup(word(7), 0);
  for (let key = 100; key < 5000; key++) map.update(word(key), renewed, 0, 0);
  assert.equal(map.lookup(word(7), 0), address);
  map.update(word(7), renewed, 0, 0);
  assert.notEqual(map.lookup(word(7), 0), address);
  assert.deepEqual(maps.memory.slice(BigInt(address), 8, false), old);
});

Deno.test("values are multiples of 8 bytes apart", () => {
  const map = table().create(plan("array", 4, 13, 3));
  const [a, b] = [0, 1].map((index) => map.lookup(word(index), 0));
  assert.equal(b - a, 16);
  assert.equal(a % 8, 0);
});

Deno.test("a program sees the value of its CPU, the world outside all", () => {
  const map = table(3).create(plan("percpu_hash", 4, 4, 3));
  assert.equal(map.update(word(1), word(20), 0, 2), 0);
  assert.equal(map.lookup(word(1), 1) - map.lookup(word(1), 0), 8);
  const bytes = map.read(word(1));
  assert.ok(typeof bytes !== "number");
  assert.deepEqual([bytes.length, bytes[0], bytes[8], bytes[16]], [24, 0, 0, 20]);
});

Deno.test("a map of millions of entries takes memory as it fills", () => {
  const maps = table();
  for (const type of ["hash", "lru_hash", "percpu_hash", "lpm_trie"]) {
    maps.create(plan(type, 8, 64, 50_000_000));
  }
  assert.ok(maps.memory.bytes.length < 1 << 20);
  const map = maps.create(plan("hash", 4, 8, 50_000_000));
  for (let key = 0; key < 30_000; key++) {
    assert.equal(map.update(word(key), new Uint8Array(8), 0, 0), 0);
  }
  assert.equal(map.size, 30_000);
  assert.equal(keysOf(map).length, 30_000);
  assert.ok(maps.memory.bytes.length < 1 << 23);
});

Deno.test("what exceeds guest memory is refused at creation or with ENOMEM", () => {
  const maps = table(1, 1 << 20);
  assert.throws(() => maps.create(plan("hash", 4, 0xffff_ffff, 8)), /values of 4294967295 bytes/);
  assert.throws(() => maps.create(plan("array", 4, 8, 1 << 20)), (error) => {
    assert.ok(error instanceof UnsupportedError);
    assert.match(error.message, /cannot allocate guest memory for map test_array: 8388608 bytes/);
    return true;
  });
  assert.throws(() => maps.create(plan("array", 4, 0xffff_ffff, 0xffff_ffff)), UnsupportedError);
  assert.throws(() => maps.create(plan("ringbuf", 0, 0, 1 << 30)), UnsupportedError);
  assert.throws(() => maps.create(plan("arena", 0, 0, 1 << 20)), UnsupportedError);
  const queue = maps.create(plan("queue", 0, 8, 0xffff_ffff)) as QueueMap;
  let pushed = 0;
  while (queue.push(new Uint8Array(8), 0) === 0) pushed++;
  assert.equal(queue.push(new Uint8Array(8), 0), -ERRNO.ENOMEM);
  assert.equal(queue.size, pushed);
  assert.throws(() => maps.create(plan("bloom_filter", 0, 8, 0xffff_ffff)), UnsupportedError);
  const map = table(1, 1 << 20).create(plan("hash", 4, 1000, 1 << 20));
  const statuses = new Set<number>();
  for (let key = 0; key < 2000; key++) {
    statuses.add(map.update(word(key), new Uint8Array(1000), 0, 0));
  }
  assert.deepEqual([...statuses], [0, -ERRNO.ENOMEM]);
});

Deno.test("sizes that no map of a type has are refused", () => {
  const maps = table();
  for (
    const bad of [
      plan("array", 8, 8, 1),
      plan("array", 4, 0, 1),
      plan("hash", 0, 8, 1),
      plan("hash", 4, 8, 0),
      plan("lpm_trie", 4, 8, 1),
      plan("lpm_trie", 300, 8, 1),
      plan("queue", 4, 8, 1),
      plan("ringbuf", 0, 0, 4097),
      plan("ringbuf", 0, 0, 2048),
      plan("prog_array", 4, 8, 1),
      plan("stack_trace", 4, 12, 1),
      plan("devmap", 8, 4, 1),
      plan("arena", 4, 4, 1),
      plan("task_storage", 0, 4, 0),
      plan("bloom_filter", 4, 4, 1),
    ]
  ) assert.throws(() => maps.create(bad), /cannot create map/, bad.name);
});

Deno.test("frozen and read-only maps are closed to the world outside", () => {
  const maps = table();
  const contents = Uint8Array.of(1, 2, 3, 4);
  const frozen = maps.create(plan("array", 4, 4, 1, { flags: 0x80, contents, frozen: true }));
  assert.equal(frozen.write(word(0), word(1)), -ERRNO.EPERM);
  assert.deepEqual(frozen.read(word(0)), contents);
  const closed = maps.create(plan("hash", 4, 4, 1, { flags: 8 }));
  assert.equal(closed.write(word(0), word(1)), -ERRNO.EPERM);
  assert.equal(closed.remove(word(0)), -ERRNO.EPERM);
  assert.equal(closed.update(word(0), word(1), 0, 0), 0);
});

Deno.test("arrays of references hold what fits the map in them", () => {
  const maps = table();
  const inner = plan("array", 4, 8, 3, { name: "inner" });
  const outer = maps.create(plan("array_of_maps", 4, 4, 2, { inner }));
  const byName = maps.create(plan("hash_of_maps", 8, 4, 2, { inner: null }));
  const same = maps.create(inner), other = maps.create(plan("array", 4, 8, 4));
  assert.equal(outer.write(word(1), word(same.handle)), 0);
  assert.equal(outer.write(word(0), word(other.handle)), -ERRNO.EINVAL);
  assert.equal(outer.write(word(0), word(17)), -ERRNO.EBADF);
  assert.equal(outer.write(word(2), word(same.handle)), -ERRNO.E2BIG);
  assert.equal(outer.lookup(word(1), 0), same.handle);
  assert.equal(outer.lookup(word(0), 0), 0);
  assert.equal(outer.update(word(0), word(same.handle), 0, 0), -ERRNO.EOPNOTSUPP);
  assert.equal(byName.write(new Uint8Array(8), word(other.handle)), 0);
  assert.equal(byName.lookup(new Uint8Array(8), 0), other.handle);
  assert.equal(outer.delete(word(1)), 0);
  assert.equal(outer.delete(word(1)), -ERRNO.ENOENT);
  const programs = maps.create(plan("prog_array", 4, 4, 2));
  assert.ok(programs instanceof ReferenceArray);
  programs.write(word(1), word(0x8000_0010));
  assert.equal(programs.get(1), 0x8000_0010);
  assert.equal(programs.lookup(word(1), 0), 0);
});

Deno.test("records of a ring become visible in order, and the ring fills up", () => {
  const maps = table();
  const ring = maps.create(plan("ringbuf", 0, 0, 4096));
  assert.ok(ring instanceof RingBuffer);
  const seen: number[] = [];
  const drain = () => ring.drain((data) => seen.push(data[0], data.length));
  const [a, b, c] = [ring.reserve(4), ring.reserve(9), ring.reserve(1)];
  [a, b, c].forEach((address, i) => maps.memory.store(BigInt(address), 1, BigInt(i + 1)));
  assert.equal(ring.commit(b, true), true);
  drain();
  assert.deepEqual(seen, []);
  ring.commit(a, true);
  ring.commit(c, false);
  assert.equal(ring.commit(c, false), false);
  drain();
  assert.deepEqual(seen, [1, 4, 2, 9]);
  assert.deepEqual([0, 1, 2, 3, 4].map((q) => ring.query(q)), [0, 4096, 56, 56, 0]);
  assert.equal(ring.output(new Uint8Array(4088), 0), -ERRNO.EAGAIN);
  assert.equal(ring.output(new Uint8Array(4080), 0), 0);
  assert.equal(ring.output(new Uint8Array(8), 4), -ERRNO.EINVAL);
  assert.equal(ring.reserve(0), 0);
  assert.equal(ring.reserve(2 ** 31), 0);
});

Deno.test("records go on behind the end of the ring", () => {
  const ring = table().create(plan("ringbuf", 0, 0, 4096));
  assert.ok(ring instanceof RingBuffer);
  const data = Uint8Array.from({ length: 1500 }, (_, i) => i & 255);
  for (let i = 0; i < 20; i++) {
    assert.equal(ring.output(data, 0), 0);
    ring.drain((record) => assert.deepEqual(record, data));
  }
});

Deno.test("samples of a user ring buffer are taken in order", () => {
  const maps = table();
  const ring = maps.create(plan("user_ringbuf", 0, 0, 4096)) as UserRingBuffer;
  assert.equal(ring.push(Uint8Array.of(1, 2)), 0);
  assert.equal(ring.push(Uint8Array.of(3)), 0);
  assert.equal(ring.push(new Uint8Array(4096)), -ERRNO.ENOSPC);
  assert.equal(ring.take(), 2);
  assert.deepEqual(maps.memory.slice(BigInt(ring.stage + 16), 2, false), Uint8Array.of(1, 2));
  assert.deepEqual([ring.take(), ring.take()], [1, -1]);
});

Deno.test("redirect targets: interfaces, CPUs and sockets by index, hashes by key", () => {
  const maps = table();
  const devices = maps.create(plan("devmap", 4, 8, 2)) as RedirectMap;
  const eth0 = Uint8Array.of(3, 0, 0, 0, 0, 0, 0, 0);
  assert.equal(devices.write(word(1), eth0), 0);
  assert.equal(devices.write(word(2), eth0), -ERRNO.E2BIG);
  assert.equal(devices.write(word(0), eth0, 1), -ERRNO.EEXIST);
  assert.notEqual(devices.target(word(1)), 0);
  assert.equal(devices.write(word(1), new Uint8Array(8)), 0);
  assert.equal(devices.target(word(1)), 0);
  const byKey = maps.create(plan("devmap_hash", 4, 4, 1));
  assert.equal(byKey.write(word(1000), word(2)), 0);
  assert.equal(byKey.write(word(1001), word(2)), -ERRNO.E2BIG);
  assert.equal(byKey.write(word(1000), word(0)), -ERRNO.EINVAL);
  assert.deepEqual(keysOf(byKey), [1000]);
  const queues = maps.create(plan("cpumap", 4, 4, 2));
  assert.equal(queues.write(word(0), word(20_000)), -ERRNO.EOVERFLOW);
  const sockets = maps.create(plan("sockmap", 4, 4, 2)) as RedirectMap;
  assert.equal(sockets.putSocket(word(0), 77, 0), 0);
  assert.equal(sockets.putSocket(word(0), 77, 1), -ERRNO.EEXIST);
  assert.deepEqual(sockets.read(word(0)), word(77));
});

Deno.test("storage of an owner is made on request", () => {
  const maps = table(2);
  const map = maps.create(plan("task_storage", 4, 8, 0)) as LocalStorage;
  assert.equal(map.get(1000, 0, null), 0);
  const address = map.get(1000, 0, new Uint8Array(8).fill(3));
  assert.equal(map.get(1000, 0, new Uint8Array(0)), address);
  assert.deepEqual(map.read(word(1000)), new Uint8Array(8).fill(3));
  assert.deepEqual(keysOf(map), [1000]);
  assert.equal(map.drop(1000), 0);
  assert.equal(map.drop(1000), -ERRNO.ENOENT);
  assert.deepEqual(map.get(7, 0, new Uint8Array(0)), address);
  assert.deepEqual(map.read(word(7)), new Uint8Array(8));
  const cgroup = maps.create(plan("percpu_cgroup_storage", 16, 8, 0)) as LocalStorage;
  assert.equal(cgroup.get(1, 1, new Uint8Array(0)) - cgroup.get(1, 0, null), 8);
});

Deno.test("a Bloom filter forgets nothing", () => {
  const filter = table().create(plan("bloom_filter", 0, 4, 1000)) as BloomFilter;
  for (let i = 0; i < 1000; i++) assert.equal(filter.push(word(i), 0), 0);
  for (let i = 0; i < 1000; i++) assert.equal(filter.peek(word(i)), 0);
  let wrong = 0;
  for (let i = 1000; i < 11_000; i++) if (filter.peek(word(i)) === 0) wrong++;
  assert.ok(wrong < 1000, `${wrong} of 10,000`);
  assert.equal(filter.push(word(1), 1), -ERRNO.EINVAL);
});

Deno.test("equal call stacks have one id", () => {
  const map = table().create(plan("stack_trace", 4, 24, 64)) as StackTraceMap;
  const id = map.add([1n, 2n, 3n, 4n], 0);
  assert.equal(map.add([1n, 2n, 3n], 0), id);
  assert.equal(map.add([9n, 1n, 2n, 3n], 1), id);
  assert.equal(map.add([], 0), -ERRNO.EFAULT);
  const stack = map.read(word(id));
  assert.ok(typeof stack !== "number");
  assert.deepEqual([...new BigUint64Array(stack.buffer)], [1n, 2n, 3n]);
});

Deno.test("an arena gives pages", () => {
  const map = table().create(plan("arena", 0, 0, 4)) as ArenaMap;
  const first = map.allocate(0, 1), two = map.allocate(0, 2);
  assert.deepEqual([first, two], [map.address, map.address + 4096]);
  assert.equal(map.allocate(0, 2), 0);
  assert.equal(map.allocate(two, 1), 0);
  map.free(two, 2);
  assert.equal(map.allocate(two + 4096, 2), two + 4096);
  map.free(12, 1);
  assert.equal(map.size, 3);
  assert.equal(map.allocate(0, 0xffff_ffff), 0);
});

Deno.test("timers are set up, started, taken when due, cancelled", () => {
  const timers = new Timers();
  assert.equal(timers.start(0x1000, 5n, 0, 0n), -ERRNO.EINVAL);
  assert.equal(timers.init(0x1000, MAP_BASE, 3), -ERRNO.EINVAL);
  assert.equal(timers.init(0x1000, MAP_BASE, 1), 0);
  assert.equal(timers.init(0x1000, MAP_BASE, 1), -ERRNO.EBUSY);
  timers.init(0x2000, MAP_BASE, 7);
  assert.equal(timers.setCallback(0x1000, 0x8000_0000), 0);
  assert.equal(timers.start(0x1000, 50n, 0, 100n), 0);
  assert.equal(timers.start(0x2000, 120n, 1, 100n), 0);
  assert.equal(timers.takeDue(110n), null);
  assert.deepEqual([timers.takeDue(200n)?.address, timers.takeDue(200n)?.callback], [
    0x2000,
    0x8000_0000,
  ]);
  assert.equal(timers.takeDue(200n), null);
  timers.start(0x1000, 1n, 0, 0n);
  assert.deepEqual([timers.cancel(0x1000), timers.cancel(0x1000)], [1, 0]);
  timers.forget(0x1000);
  assert.equal(timers.cancel(0x1000), -ERRNO.EINVAL);
});
