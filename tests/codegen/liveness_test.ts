import assert from "node:assert/strict";
import { computeLiveness, type Liveness } from "../../lib/codegen/liveness.ts";
import { type MachineFunction, reversePostOrder } from "../../lib/codegen/machine.ts";
import { colourSlots } from "../../lib/codegen/slots.ts";
import { liftedProgram, lowered, randomMachine } from "./machine_functions.ts";

/** What is live before each instruction of a block, its terminator and its end, by plain dataflow. */
interface NaiveLiveness {
  /** By block, without its parameters. */
  readonly liveIn: Set<number>[];
  readonly liveOut: Set<number>[];
}

function naiveLiveness(fn: MachineFunction): NaiveLiveness {
  const defined = new Set<number>();
  for (const { params, insns } of fn.blocks) {
    for (const vreg of params) defined.add(vreg);
    for (const { def } of insns) if (def >= 0) defined.add(def);
  }
  const liveIn = fn.blocks.map(() => new Set<number>());
  const liveOut = fn.blocks.map(() => new Set<number>());
  for (let changed = true; changed;) {
    changed = false;
    for (const block of fn.blocks.toReversed()) {
      const live = liveOut[block.index];
      for (const { to, args } of block.succs) {
        for (const vreg of [...liveIn[to.index], ...args]) if (defined.has(vreg)) live.add(vreg);
      }
      const before = new Set(live);
      for (const { def, uses } of [...block.insns, block.term].toReversed()) {
        before.delete(def);
        for (const vreg of uses) if (defined.has(vreg)) before.add(vreg);
      }
      for (const vreg of block.params) before.delete(vreg);
      if (before.size === liveIn[block.index].size) continue;
      liveIn[block.index] = before;
      changed = true;
    }
  }
  return { liveIn, liveOut };
}

const sorted = (vregs: Iterable<number>): number[] => [...vregs].sort((a, b) => a - b);

const liveInto = ({ start, vregs }: Liveness, block: number): number[] =>
  sorted(vregs.subarray(start[block], start[block + 1]));

/** Functions in machine form: lifted ones, and ones of any shape. */
function* machineFunctions(): Generator<[string, MachineFunction]> {
  for (let seed = 0; seed < 60; seed++) {
    for (const fn of liftedProgram(seed).functions) yield [`program ${seed}`, lowered(fn)];
  }
  for (let seed = 0; seed < 1000; seed++) {
    const machine = randomMachine(seed);
    if (machine !== null) yield [`IR ${seed}`, machine];
  }
}

Deno.test("live-in sets equal those of plain dataflow", () => {
  let functions = 0;
  for (const [name, fn] of machineFunctions()) {
    const liveness = computeLiveness(fn, reversePostOrder(fn));
    const { liveIn } = naiveLiveness(fn);
    for (const { index } of fn.blocks) {
      assert.deepEqual(liveInto(liveness, index), sorted(liveIn[index]), `${name} b${index}`);
    }
    functions++;
  }
  assert.ok(functions > 200, `${functions} functions`);
});

Deno.test("a value crosses a call where one lies between its definition and a use", () => {
  for (const [name, fn] of machineFunctions()) {
    const { crossesCall, defBlock } = computeLiveness(fn, reversePostOrder(fn));
    const expected = new Set<number>();
    const { liveOut } = naiveLiveness(fn);
    for (const block of fn.blocks) {
      const live = new Set(liveOut[block.index]);
      for (const { def, uses, clobbers } of [...block.insns, block.term].toReversed()) {
        live.delete(def);
        if (clobbers !== 0) { for (const vreg of live) expected.add(vreg); }
        for (const vreg of uses) if (defBlock[vreg] >= 0) live.add(vreg);
      }
    }
    const found = crossesCall.reduce<number[]>((list, one, v) => one ? [...list, v] : list, []);
    assert.deepEqual(found, sorted(expected), name);
  }
});

/** Calls back with each set of values that are live at the same point. */
function forEachPoint(fn: MachineFunction, visit: (live: ReadonlySet<number>) => void): void {
  const { liveOut } = naiveLiveness(fn);
  for (const block of fn.blocks) {
    const live = new Set(liveOut[block.index]);
    visit(live);
    for (const { def, uses } of [...block.insns, block.term].toReversed()) {
      if (def >= 0) visit(live.add(def));
      live.delete(def);
      for (const vreg of uses) live.add(vreg);
      visit(live);
    }
    for (const vreg of block.params) live.add(vreg);
    visit(live);
  }
}

Deno.test("values that live at the same time never share a spill slot", () => {
  let shared = 0;
  for (const [name, fn] of machineFunctions()) {
    const liveness = computeLiveness(fn, reversePostOrder(fn));
    const spilled = Uint8Array.from(liveness.defBlock, (block) => block >= 0 ? 1 : 0);
    const { slotOf, count } = colourSlots(fn, liveness, spilled);
    forEachPoint(fn, (live) => {
      const owner = new Map<number, number>();
      for (const vreg of live) {
        const slot = slotOf[vreg];
        if (slot < 0) continue;
        assert.ok(!owner.has(slot), `${name}: ${vreg} and ${owner.get(slot)} share ${slot}`);
        owner.set(slot, vreg);
      }
    });
    const placed = slotOf.filter((slot) => slot >= 0);
    assert.ok(placed.every((slot) => slot < count), name);
    if (placed.length > count) shared++;
  }
  assert.ok(shared > 100, `${shared} functions share slots`);
});
