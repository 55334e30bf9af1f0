import assert from "node:assert/strict";
import { verdictName } from "../../lib/vm/verdict_names.ts";

Deno.test("return values have the names of the kernel's interface", () => {
  assert.deepEqual(verdictName("xdp", 1n), { name: "XDP_DROP", fate: "dropped" });
  assert.deepEqual(verdictName("xdp", 9n), { name: "unknown verdict 9", fate: "dropped" });
  assert.deepEqual(verdictName("sched_cls", 0xffff_ffffn), {
    name: "TC_ACT_UNSPEC",
    fate: "passes",
  });
  assert.deepEqual(verdictName("sched_cls", 2n), { name: "TC_ACT_SHOT", fate: "dropped" });
  assert.equal(verdictName("sched_cls", 77n), null);
  assert.deepEqual(verdictName("socket_filter", 64n), { name: "keep 64 bytes", fate: "passes" });
  assert.deepEqual(verdictName("cgroup_skb", 0n), { name: "drop", fate: "dropped" });
  assert.equal(verdictName("kprobe", 0n), null);
  assert.equal(verdictName("toString", 0n), null);
});
