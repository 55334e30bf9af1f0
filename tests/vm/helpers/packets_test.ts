/**
 * What packet helpers do that no test run of the kernel shows: redirects, hashes of flows, streams.
 *
 * @module
 */

import assert from "node:assert/strict";
import { run, signed } from "./named_calls.ts";

Deno.test("redirects say where to, and what the program is to return", () => {
  const call = (name: string, type: string) =>
    run(type, `mov %r1, 5\nmov %r2, 0\nmov %r3, 0\nmov %r4, 0\ncall ${name}\nexit`);
  const noted = { ifindex: 5, map: "", key: 0, flags: 0n };
  for (
    const [name, type, action] of [
      ["redirect", "xdp", 4n],
      ["redirect", "sched_cls", 7n],
      ["redirect_peer", "sched_cls", 7n],
      ["redirect_neigh", "sched_cls", 7n],
    ] as const
  ) {
    const { returnValue, redirects } = call(name, type);
    assert.equal(returnValue, action);
    assert.deepEqual(redirects, [{ helper: name, ...noted }]);
  }
});

Deno.test("a clone goes to an interface that there is", () => {
  const text = "mov %r2, 5\nmov %r3, 1\ncall clone_redirect\nexit";
  const { returnValue, redirects } = run("sched_cls", text, { packet: new Uint8Array(20) });
  assert.equal(returnValue, 0n);
  assert.deepEqual(redirects.map(({ ifindex, flags }) => [ifindex, flags]), [[5, 1n]]);
  const providers = { device: () => null };
  const input = { packet: new Uint8Array(20) };
  assert.equal(signed(run("sched_cls", text, input, { providers })), -22n);
  const gso = { packet: new Uint8Array(20), fields: { gso_size: 100 } };
  assert.equal(signed(run("sched_cls", text, gso)), -74n);
});

/** A frame with UDP over IPv4 or IPv6. */
function udp(ipv6: boolean, [source, destination]: readonly [number, number]): Uint8Array {
  const frame = new Uint8Array(64);
  frame.set(ipv6 ? [0x86, 0xdd, 0x60] : [0x08, 0x00, 0x45], 12);
  frame[ipv6 ? 20 : 23] = 17;
  frame[ipv6 ? 37 : 29] = source;
  frame[ipv6 ? 53 : 33] = destination;
  frame[(ipv6 ? 54 : 34) + 1] = source;
  frame[(ipv6 ? 54 : 34) + 3] = destination;
  return frame;
}

Deno.test("both directions of a flow have one hash, others have another", () => {
  const text = "call get_hash_recalc\nexit";
  const hash = (packet: Uint8Array) => run("sched_cls", text, { packet }).returnValue;
  for (const ipv6 of [false, true]) {
    const there = hash(udp(ipv6, [1, 2]));
    assert.notEqual(there, 0n);
    assert.equal(hash(udp(ipv6, [2, 1])), there);
    assert.notEqual(hash(udp(ipv6, [1, 3])), there);
  }
  assert.notEqual(hash(new Uint8Array(20)), 0n);
});

Deno.test("a hash that was set stays until it is invalid", () => {
  const text = `
    mov %r6, %r1
    mov %r2, 99
    call set_hash
    mov %r1, %r6
    call get_hash_recalc
    mov %r7, %r0
    mov %r1, %r6
    call set_hash_invalid
    ldxw %r0, [%r6+68]
    lsh %r7, 8
    or %r0, %r7
    exit`;
  assert.equal(run("sched_cls", text, { packet: new Uint8Array(20) }).returnValue, 99n << 8n);
});

Deno.test("a stream gains and loses bytes at its start", () => {
  const adjust = (difference: number) =>
    run("sk_skb", `mov %r2, ${difference}\nmov %r3, 0\nmov %r4, 0\ncall skb_adjust_room\nexit`, {
      packet: Uint8Array.of(1, 2, 3),
    });
  assert.deepEqual([...adjust(2).packet!], [0, 0, 1, 2, 3]);
  assert.deepEqual([...adjust(-2).packet!], [3]);
  assert.equal(signed(adjust(-4)), -12n);
  assert.equal(signed(adjust(5000)), -14n);
});
