import assert from "node:assert/strict";
import { equalBytes } from "../../lib/bytes.ts";
import { ELF } from "../../lib/object/elf.ts";
import { loadProgram } from "../../lib/object/load.ts";
import type { FunctionCode, Program } from "../../lib/object/program.ts";
import { rewriteProgram } from "../../lib/object/rewrite.ts";
import { filesUnder, missing, ROOT, SHARED, sharedName, skip, testWith } from "../support.ts";
import { padAll } from "./shift.ts";

/** Padding of every function, of many places, and of some functions only. */
const PADDINGS: readonly ((index: number) => number)[] = [
  (i) => i === 0 ? 1 : 0,
  (i) => i % 3 === 0 ? 2 : 0,
];

/** Rewrites; changes only functions whose index leaves `rest` modulo `step`. */
function rewrite(
  program: Program,
  padding: (index: number) => number,
  step = 1,
  rest = 0,
): { moved: Program; changes: Map<number, FunctionCode>; bytes: Uint8Array } {
  const changes = padAll(program, padding);
  for (const index of [...changes.keys()]) if (index % step !== rest) changes.delete(index);
  const { bytes } = rewriteProgram(program, changes);
  return { moved: loadProgram(bytes, { from: program.format }), changes, bytes };
}

/** Where each old slot of each function is now, by section and slot. */
function movedSlots(
  before: Program,
  after: Program,
  changes: ReadonlyMap<number, FunctionCode>,
): Map<number, number>[] {
  return before.functions.map((old, index) => {
    const slots = new Map<number, number>();
    const now = after.functions[index];
    const start = now.section.slots[now.first];
    const code = changes.get(index);
    const { slots: oldSlots } = old.section;
    if (code === undefined) {
      for (let i = old.first; i < old.last; i++) {
        slots.set(oldSlots[i], oldSlots[i] - oldSlots[old.first] + start);
      }
    } else {
      code.origins.forEach((origin, i) => {
        if (origin >= 0) slots.set(origin, now.section.slots[now.first + i]);
      });
    }
    return slots;
  });
}

/** Deep equality, cheap where there is nothing. */
function same(actual: unknown, expected: unknown, place: string): void {
  if (actual !== undefined || expected !== undefined) assert.deepEqual(actual, expected, place);
}

function checkSymbols(before: Program, after: Program, place: string): void {
  before.functions.forEach((old, index) => {
    const now = after.functions[index];
    // Names that are made up from places move, too.
    const name = old.name.includes("+0x") ? old.name : now.name;
    const { global, subprogram, params, entangled } = now;
    assert.deepEqual(
      { name, global, subprogram, params, entangled },
      {
        name: old.name,
        global: old.global,
        subprogram: old.subprogram,
        params: old.params,
        entangled: old.entangled,
      },
      place,
    );
    const sizes = (program: Program, fn: Program["functions"][number]): number[] => {
      const { slots } = fn.section;
      return (program.elf?.symbols ?? []).filter((s) =>
        s.type === ELF.STT_FUNC && s.section === fn.section.elfIndex &&
        s.value === slots[fn.first] * 8
      ).map((s) => s.size - (slots[fn.last] - slots[fn.first]) * 8);
    };
    if (old.entangled === "") assert.deepEqual(sizes(after, now), sizes(before, old), place);
  });
}

function checkAttachments(
  before: Program,
  after: Program,
  changes: ReadonlyMap<number, FunctionCode>,
  place: string,
): void {
  const moved = movedSlots(before, after, changes);
  before.functions.forEach((old, index) => {
    const now = after.functions[index].section;
    const lines = new Map(now.lines.map((line) => [line.slot, line]));
    for (const [from, to] of moved[index]) {
      same(now.relocations.get(to), old.section.relocations.get(from), place);
      same(now.core.get(to), old.section.core.get(from), place);
      same(now.targets.get(to), old.section.targets.get(from), place);
    }
    for (const line of old.section.lines) {
      const to = moved[index].get(line.slot);
      if (to === undefined) continue;
      assert.deepEqual(lines.get(to), { ...line, slot: to }, `${place}: line at ${line.slot}`);
    }
  });
  for (const { lines, insns, slots } of after.sections) {
    const starts = new Set(slots.subarray(0, insns.length));
    for (const { slot } of lines) assert.ok(starts.has(slot), `${place}: line inside an lddw`);
  }
}

/** Offsets of `.BTF.ext` that relocations patch must be the instruction offsets of records. */
function checkRecordRelocations(program: Program, place: string): void {
  const { elf } = program;
  if (elf?.btfExt == null || elf.btfExtSection === null) return;
  const places = new Set<number>();
  for (const table of Object.values(elf.btfExt.tables)) {
    for (const block of table?.blocks ?? []) for (const r of block.records) places.add(r.place);
  }
  for (const table of elf.tables) {
    if (table.target !== elf.btfExtSection.index) continue;
    assert.equal(table.entries.length, places.size, `${place}: relocations of .BTF.ext`);
    for (const { offset } of table.entries) assert.ok(places.has(offset), place);
  }
}

function checkShifts(file: string, place: string): void {
  const bytes = Deno.readFileSync(file);
  const before = loadProgram(bytes);
  const large = bytes.length > 200_000;
  for (const padding of large ? PADDINGS.slice(1) : PADDINGS) {
    for (const [step, rest] of large ? [[2, 1]] : [[1, 0], [2, 1]]) {
      const { moved, changes } = rewrite(before, padding, step, rest);
      assert.equal(moved.functions.length, before.functions.length, place);
      checkSymbols(before, moved, place);
      checkAttachments(before, moved, changes, place);
      checkRecordRelocations(moved, place);
      const btf = before.elf?.btf?.bytes ?? new Uint8Array();
      assert.ok(equalBytes(moved.elf?.btf?.bytes ?? new Uint8Array(), btf), `${place}: BTF`);
    }
  }
}

Deno.test("what is attached to instructions moves with them: own objects", () => {
  for (const file of filesUnder(`${ROOT}/testdata/objects`, ".o")) checkShifts(file, file);
});

testWith("shared", "what is attached to instructions moves with them: corpus", () => {
  for (const file of filesUnder(`${SHARED}/corpus/objects`, ".o")) {
    checkShifts(file, sharedName(file));
  }
  for (const file of filesUnder(`${SHARED}/corpus/dumps/callbacks`, ".txt").slice(0, 10)) {
    checkShifts(file, sharedName(file));
  }
});

Deno.test("jump tables and labels follow their code", () => {
  const bytes = Deno.readFileSync(`${ROOT}/testdata/objects/jump_table.o`);
  const { offset } = loadProgram(bytes).elf!.sections.find((s) => s.name === "socket")!;
  bytes.set([0x0d, 0x02], offset + 8 * 8);
  const before = loadProgram(bytes);
  assert.equal(before.sections[0].insns[7].op.kind, "gotox");
  for (const [step, rest] of [[1, 0], [2, 0], [2, 1]]) {
    const { moved, changes } = rewrite(before, PADDINGS[1], step, rest);
    const { sections, symbols } = moved.elf!;
    const { bytes } = sections.find((s) => s.name === ".jumptables")!;
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const table = [0, 8].map((at) => Number(view.getBigUint64(at, true)));
    const slots = movedSlots(before, moved, changes)[1];
    assert.deepEqual(table, [9, 11].map((slot) => slots.get(slot)! * 8));
    const labels = ["first", "second"].map((name) => symbols.find((s) => s.name === name)?.value);
    assert.deepEqual(labels, table);
  }
});

/** Runs a tool; returns what it prints and whether it succeeded. */
function runTool(name: string, ...args: string[]): { out: string; err: string; ok: boolean } {
  const { stdout, stderr, success } = new Deno.Command(name, { args }).outputSync();
  const decoder = new TextDecoder();
  return { out: decoder.decode(stdout), err: decoder.decode(stderr), ok: success };
}

/** Each relocation as llvm-objdump shows it, with the instruction that it patches. */
function relocatedInstructions(file: string): string[] {
  const { out } = runTool("llvm-objdump-19", "-d", "-r", "--no-show-raw-insn", file);
  const found: string[] = [];
  let last = "";
  for (const line of out.split("\n")) {
    if (line.includes("R_BPF_")) {
      found.push(`${line.trim().split(/\s+/).slice(1).join(" ")} ${last}`);
    } else last = line.replace(/^\s*\d+:\s*/, "").replace(/[+-]?0x[0-9a-f]+|<.*>/g, "");
  }
  return found;
}

const warnings = (file: string): Set<string> =>
  new Set(
    runTool("llvm-readelf-19", "-a", file).err.split("\n").map((l) => l.replace(/^.*warning:/, "")),
  );

testWith(
  "llvm",
  "llvm reads moved objects without new warnings, and sees the same relocations",
  () => {
    const file = Deno.makeTempFileSync({ suffix: ".o" });
    for (const original of filesUnder(`${ROOT}/testdata/objects`, ".o")) {
      const { bytes } = rewrite(loadProgram(Deno.readFileSync(original)), PADDINGS[1]);
      Deno.writeFileSync(file, bytes);
      const known = warnings(original);
      for (const warning of warnings(file)) {
        assert.ok(
          known.has(warning),
          `${original}: ${warning}`,
        );
      }
      assert.deepEqual(relocatedInstructions(file), relocatedInstructions(original), original);
    }
    Deno.removeSync(file);
  },
);

const PIN = "/sys/fs/bpf/epass_shift_test";
/** Where libbpf pins the map of `externs.o` that asks for it. */
const PINNED_MAP = "/sys/fs/bpf/epass_programs";

/** Whether libbpf and the kernel take all programs of an object. */
function loads(file: string): boolean {
  try {
    return runTool("bpftool", "prog", "loadall", file, PIN, "pinmaps", `${PIN}_maps`).ok;
  } finally {
    runTool("rm", "-rf", PIN, `${PIN}_maps`, PINNED_MAP);
  }
}

/** Objects that are small and of many styles, and that load here without privileges beyond root's. */
const SAMPLE: readonly string[] = [
  "cilium-ebpf/testdata__kconfig-el.elf.o",
  "cilium-ebpf/testdata__variables-el.elf.o",
  "debian-libxdp1/xsk_def_xdp_prog.o",
  "ebpfsamples-linux/tcp_clamp_kern.o",
  "ebpfsamples-suricata/lb.o",
  "epass-kernel_samples/map_perf_test.bpf.o",
  "epass-kernel_samples/tcp_basertt_kern.o",
  "febpf/tests__hash_of_maps_init.o",
  "febpf/tests__kfunc_target.o",
  "febpf/tests__multi_entry.o",
  "febpf/tests__subprog.o",
  "linux612-selftests/bpf_cubic.bpf.o",
  "linux612-selftests/crypto_sanity.bpf.o",
  "linux612-selftests/test_global_data.bpf.o",
  "linux612-selftests/test_l4lb_noinline.bpf.o",
  "linux612-selftests/test_parse_tcp_hdr_opt.bpf.o",
  "linux612-selftests-v4/test_xdp_noinline.bpf.o",
];

testWith(["kernel", "bpftool"], "libbpf and the kernel take moved objects", (t) => {
  if (!loads(`${ROOT}/testdata/objects/firewall.o`)) {
    return skip(t, "this kernel does not load programs");
  }
  const corpus = SAMPLE.map((name) => `${SHARED}/corpus/objects/${name}`)
    .filter(() => missing("shared") === "");
  const own = ["firewall", "externs"].map((name) => `${ROOT}/testdata/objects/${name}.o`);
  const file = Deno.makeTempFileSync({ suffix: ".o" });
  let count = 0;
  for (const original of [...own, ...corpus]) {
    if (!loads(original)) continue;
    count++;
    for (const padding of PADDINGS) {
      const { bytes } = rewrite(loadProgram(Deno.readFileSync(original)), padding);
      Deno.writeFileSync(file, bytes);
      assert.ok(loads(file), `${original} moved`);
    }
  }
  Deno.removeSync(file);
  console.log(`${count} objects loaded before and after`);
});
