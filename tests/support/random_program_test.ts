import assert from "node:assert/strict";
import { OPS } from "../../lib/isa/ops.ts";
import { encode } from "../../lib/isa/codec.ts";
import { loadProgram } from "../../lib/object/load.ts";
import { Vm } from "../../lib/vm/vm.ts";
import { randomProgram } from "./random_program.ts";

Deno.test("random programs end, fault only on purpose, and are the same for the same seed", () => {
  const kinds = new Map<string, number>();
  const used = new Set<number>();
  for (let seed = 0; seed < 600; seed++) {
    const { insns, context } = randomProgram(seed, { maxArguments: seed % 6, faults: 0.2 });
    const bytes = encode(insns);
    assert.deepEqual(
      encode(randomProgram(seed, { maxArguments: seed % 6, faults: 0.2 }).insns),
      bytes,
    );
    const program = loadProgram(bytes, { from: "raw" });
    assert.ok(program.functions.every(({ entangled }) => entangled === ""));
    const vm = Vm.loadSync(program, { engine: "interpreter", level: "strict" });
    vm.registerHelper(5, (_context, r1) => r1);
    const { fault } = vm.run({ context, limit: 20_000 });
    kinds.set(fault?.kind ?? "none", (kinds.get(fault?.kind ?? "none") ?? 0) + 1);
    for (const { op } of insns) used.add(op.id);
  }
  assert.deepEqual([...kinds.keys()].sort(), ["misaligned", "none", "null", "out-of-bounds"]);
  assert.ok(kinds.get("none")! > 500);
  const never = new Set(["cast", "packet", "gotox", "may_goto", "invalid"]);
  const missing = OPS.filter((op) =>
    !used.has(op.id) && !never.has(op.kind) && !["kfunc", "far"].includes(op.fn) &&
    (op.kind !== "lddw" || op.fn === "imm64")
  );
  assert.deepEqual(missing.map(({ kind, fn }) => `${kind} ${fn}`), []);
});

Deno.test("random programs without faults run to their end", () => {
  for (let seed = 0; seed < 200; seed++) {
    const { insns, context } = randomProgram(seed, { faults: 0 });
    const vm = Vm.loadSync(loadProgram(encode(insns), { from: "raw" }), { engine: "interpreter" });
    vm.registerHelper(5, (_context, r1) => r1);
    assert.equal(vm.run({ context }).fault, null);
  }
});
