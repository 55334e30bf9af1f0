import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  AssertionError,
  assertPacket,
  assertPrinted,
  assertRedirected,
  assertReturned,
  assertVerdict,
  ethernet,
  ipv4,
  packet,
  udp,
  Vm,
  type VmOptions,
} from "../../lib/testing.ts";
import { ROOT } from "../support.ts";

const load = (name: string, options: VmOptions = {}) =>
  Vm.load(new Uint8Array(readFileSync(join(ROOT, "testdata", "objects", name))), options);

/** The message of an assertion that fails. */
function messageOf(step: () => void): string {
  try {
    step();
  } catch (error) {
    assert.ok(error instanceof AssertionError, String(error));
    return error.message;
  }
  assert.fail("the assertion holds");
}

Deno.test("a verdict that is not expected tells what came instead, and what the run left behind", async () => {
  const limiter = (await load("rate_limit.o")).program("rate_limit");
  const frame = packet(ethernet(), ipv4(), udp());
  const run = () => limiter.run({ packet: frame, now: 0n });
  assert.match(
    messageOf(() => assertVerdict(run(), "XDP_DROP")),
    /^expected XDP_DROP: the program returned XDP_PASS after \d+ instructions$/,
  );
  for (let i = 0; i < 9; i++) run();
  const message = messageOf(() => assertVerdict(run(), 2));
  assert.match(message, /^expected 2: the program returned XDP_DROP/);
  assert.match(message, /\n {2}printk: limited 100000a$/);
  assertPrinted(run(), /^limited/);
  assert.match(
    messageOf(() => assertPrinted(run(), "nothing")),
    /to print nothing: it printed\n {2}limited/,
  );
});

Deno.test("a packet that is not expected is shown by layers", async () => {
  const limiter = (await load("rate_limit.o")).program("rate_limit");
  const frame = packet(ethernet(), ipv4({ checksum: 1 }), udp({ checksum: 0 }));
  const result = limiter.run({ packet: frame });
  assertPacket(result, frame);
  const other = packet(ethernet(), ipv4({ checksum: 1, ttl: 63 }), udp({ checksum: 0 }));
  assert.equal(
    messageOf(() => assertPacket(result, other)),
    [
      "expected another packet:",
      "  they differ from byte 22 on",
      "    Ethernet 02:00:00:00:00:01 > 02:00:00:00:00:02, type 0x0800",
      "  - IPv4 10.0.0.1 > 10.0.0.2, protocol 17, ttl 63, length 28, checksum 0x1",
      "  + IPv4 10.0.0.1 > 10.0.0.2, protocol 17, ttl 64, length 28, checksum 0x1",
      "    UDP 40000 > 53, checksum 0x0",
    ].join("\n"),
  );
  assert.match(
    messageOf(() => assertRedirected(result, { ifindex: 4 })),
    /to ifindex 4: there is none/,
  );
});

Deno.test("a fault is told with its source line", async () => {
  const vm = await load("firewall.o", { engine: "interpreter" });
  const result = vm.program("firewall").run({ packet: packet(ethernet()), limit: 20 });
  assert.match(
    messageOf(() => assertReturned(result)),
    /^the program faulted: cannot continue: the instruction limit is reached\n {2}in firewall, instruction at slot \d+\n {2}.*firewall\.c:\d+: \S/,
  );
});
