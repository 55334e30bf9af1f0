import assert from "node:assert/strict";
import { describe } from "../../lib/object/describe.ts";
import { loadProgram } from "../../lib/object/load.ts";
import { readMaps } from "../../lib/object/maps.ts";
import { filesUnder, ROOT, SHARED, testWith } from "../support.ts";

const load = (name: string) => loadProgram(Deno.readFileSync(`${ROOT}/testdata/objects/${name}.o`));

Deno.test("the firewall is described", () => {
  const about = describe(load("firewall"));
  assert.deepEqual(about.programs.map((p) => [p.name, p.section, p.type, p.attach]), [
    ["firewall", "xdp", "xdp", ""],
    ["count_egress", "tc", "sched_cls", ""],
    ["count_drops", "raw_tracepoint/kfree_skb", "raw_tracepoint", "kfree_skb"],
  ]);
  assert.deepEqual(about.subprograms.map((p) => p.name), ["skip_vlan", "is_blocked", "report"]);
  assert.deepEqual(about.maps.map((m) => [m.name, m.type, m.keySize, m.valueSize, m.maxEntries]), [
    ["egress", "percpu_array", 4, 16, 256],
    ["blocked", "lpm_trie", 8, 16, 1024],
    ["events", "ringbuf", 0, 0, 4096],
  ]);
  assert.deepEqual(about.data.map((d) => d.section), [".rodata", ".data", ".bss"]);
  assert.equal(about.license, "GPL");
  assert.equal(about.records.core, 2);
  assert.deepEqual(about.unusual, []);
  assert.equal(JSON.parse(JSON.stringify(about)).isa, 3);
});

Deno.test("both byte orders are described alike", () => {
  const big = describe(load("big_endian"));
  assert.equal(big.byteOrder, "big");
  assert.deepEqual(big.unusual, ["big-endian"]);
  const little = describe(load("firewall"));
  const { btf } = big;
  assert.deepEqual({ ...big, byteOrder: "little", unusual: [], btf: null }, {
    ...little,
    btf: null,
  });
  assert.equal(btf?.types, little.btf?.types);
});

Deno.test("externs, initial values and pinning are read", () => {
  const program = load("externs");
  const about = describe(program);
  assert.deepEqual(about.externs, [
    { name: "LINUX_KERNEL_VERSION", kind: "kconfig", weak: false },
    { name: "bpf_rcu_read_lock", kind: "kfunc", weak: false },
    { name: "bpf_no_such_function", kind: "kfunc", weak: true },
    { name: "bpf_rcu_read_unlock", kind: "kfunc", weak: false },
  ]);
  const maps = new Map(readMaps(program.elf!).map((m) => [m.name, m]));
  assert.deepEqual(maps.get("outer")?.values, [{ slot: 1, name: "counters" }]);
  assert.equal(maps.get("outer")?.inner?.valueSize, 8);
  assert.deepEqual(maps.get("epass_programs")?.values, [
    { slot: 0, name: "on_first" },
    { slot: 2, name: "on_second" },
  ]);
  assert.equal(maps.get("epass_programs")?.pinning, 1);
  assert.equal(maps.get(".kconfig")?.valueSize, 4);
  const calls = program.sections.flatMap((s) => [...s.targets.values()]);
  const kfunc = calls.find((c) => c.kind === "extern" && c.name === "bpf_no_such_function");
  assert.deepEqual(kfunc, { kind: "extern", name: "bpf_no_such_function", params: 1 });
});

Deno.test("legacy objects are described", () => {
  const { maps, unusual } = describe(load("legacy"));
  assert.deepEqual(maps.map((m) => [m.name, m.type, m.style, m.maxEntries]), [
    ["protocols", "array", "legacy", 256],
    ["lengths", "hash", "legacy", 64],
  ]);
  assert.deepEqual(unusual, [
    "several programs in 1 section",
    "2 legacy map definitions, refused by libbpf 1",
    "1 legacy packet access",
  ]);
});

Deno.test("functions that share code are known", () => {
  const reasons = load("entangled").functions.map((f) => [f.name, f.entangled]);
  assert.deepEqual(reasons, [
    ["alone", ""],
    ["first", "it jumps into second"],
    ["second", "first jumps into it"],
    ["caller", ""],
  ]);
});

testWith("shared", "every corpus object is described, with plausible maps", () => {
  for (const file of filesUnder(`${SHARED}/corpus/objects`, ".o")) {
    const program = loadProgram(Deno.readFileSync(file), { input: file });
    const about = describe(program);
    assert.deepEqual(JSON.parse(JSON.stringify(about)), about);
    for (const map of about.maps) {
      assert.doesNotMatch(map.type, /^type_|^unspec$/, `${file}: ${map.name}`);
      assert.ok(map.keySize < 4096 && map.pinning <= 2, `${file}: ${map.name}`);
    }
  }
});
