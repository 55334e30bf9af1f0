/**
 * Three real programs under test: a firewall, a rate limiter, a load balancer. The README shows one of them.
 *
 * @module
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  assertPacket,
  assertPrinted,
  assertRedirected,
  assertVerdict,
  ethernet,
  ipv4,
  ipv4Word,
  ipv6,
  packet,
  portWord,
  tcp,
  udp,
  vlan,
  Vm,
} from "../../lib/testing.ts";
import { ROOT } from "../support.ts";

const object = (name: string) =>
  new Uint8Array(readFileSync(join(ROOT, "testdata", "objects", name)));

const SECOND = 1_000_000_000n;

Deno.test("firewall: blocked sources are dropped, counted and reported", async () => {
  const vm = await Vm.load(object("firewall.o"));
  const { blocked, ".bss": variables } = vm.maps;
  const rule = { prefix_length: 24, address: ipv4Word("10.0.0.0") };
  blocked.set(rule, { packets: 0, bytes: 0 });
  const firewall = vm.program("firewall");

  const frame = packet(
    ethernet(),
    vlan({ id: 7 }),
    ipv4({ source: "10.0.0.5" }),
    udp(),
    "12345678",
  );
  const result = firewall.run({ packet: frame, fields: { ingress_ifindex: 3 }, now: 5n * SECOND });
  assertVerdict(result, "XDP_DROP");
  assert.deepEqual(blocked.get(rule), { packets: 1n, bytes: 36n });
  const [event] = result.output;
  assert.equal(event.map, "events");
  const view = new DataView(event.data.buffer, event.data.byteOffset);
  assert.equal(view.getBigUint64(0, true), 5n * SECOND);
  assert.deepEqual([...event.data.subarray(8)], [10, 0, 0, 5, 3, 0, 0, 0]);

  for (const passing of [ipv4({ source: "10.0.1.5" }), ipv6()]) {
    const frame = packet(ethernet(), passing, udp());
    const result = firewall.run({ packet: frame });
    assertVerdict(result, "XDP_PASS");
    assertPacket(result, frame);
  }
  assertVerdict(firewall.run({ packet: packet(ethernet()).subarray(0, 13) }), "XDP_ABORTED");
  const { packets_seen, packets_dropped } = variables.get([0, 0, 0, 0]) as Record<string, bigint>;
  assert.deepEqual([packets_seen, packets_dropped], [3n, 1n]);
});

Deno.test("rate limit: a burst, then as many as time allows, each source by itself", async () => {
  const vm = await Vm.load(object("rate_limit.o"), {
    variables: { burst: 3, rate: 2 },
    clock: { start: SECOND, step: 0n },
  });
  const limiter = vm.program("rate_limit");
  const from = (source: string) => packet(ethernet(), ipv4({ source }), udp());
  const verdicts = (source: string, count: number, now?: bigint) =>
    Array.from({ length: count }, () => limiter.run({ packet: from(source), now }).verdict);

  assert.deepEqual(verdicts("10.0.0.1", 4), ["XDP_PASS", "XDP_PASS", "XDP_PASS", "XDP_DROP"]);
  assert.deepEqual(verdicts("10.0.0.2", 1), ["XDP_PASS"]);
  const limited = limiter.run({ packet: from("10.0.0.1"), now: SECOND + SECOND / 4n });
  assertVerdict(limited, "XDP_DROP");
  assertPrinted(limited, "limited 100000a");
  assert.deepEqual(verdicts("10.0.0.1", 2, 2n * SECOND), ["XDP_PASS", "XDP_PASS"]);
  assert.deepEqual(verdicts("10.0.0.1", 1, 2n * SECOND), ["XDP_DROP"]);
  assert.deepEqual([...vm.maps.counts.values()], [[6n], [3n]]);
});

Deno.test("load balancer: connections stay with their backend, checksums stay right", async () => {
  const vm = await Vm.load(object("load_balancer.o"));
  const backends = ["192.168.1.1", "192.168.1.2", "192.168.1.3"];
  vm.maps.services.set(
    { address: ipv4Word("10.9.9.9"), port: portWord(443) },
    { count: 3, addresses: [...backends.map(ipv4Word), ...new Array(13).fill(0)], interface: 4 },
  );
  const balance = vm.program("balance");
  const frame = (sourcePort: number, destination: string, payload: string) =>
    packet(ethernet(), ipv4({ destination }), tcp({ sourcePort, destinationPort: 443 }), payload);

  const chosen = new Set<string>();
  for (let port = 2000; port < 2020; port++) {
    const result = balance.run({ packet: frame(port, "10.9.9.9", "hello") });
    assertVerdict(result, "TC_ACT_REDIRECT");
    assertRedirected(result, { ifindex: 4 });
    const backend = result.packet!.subarray(30, 34).join(".");
    assertPacket(result, frame(port, backend, "hello"));
    const again = balance.run({ packet: frame(port, "10.9.9.9", "more") });
    assertPacket(again, frame(port, backend, "more"));
    chosen.add(backend);
  }
  assert.deepEqual([...chosen].sort(), backends);

  const other = frame(2000, "10.9.9.8", "");
  const untouched = balance.run({ packet: other });
  assertVerdict(untouched, "TC_ACT_OK");
  assertPacket(untouched, other);
});
