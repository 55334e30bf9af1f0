import assert from "node:assert/strict";
import { equalBytes } from "../../lib/bytes.ts";
import { type AllocatedFunction, Step } from "../../lib/codegen/allocation.ts";
import { checkAllocation } from "../../lib/codegen/check_allocation.ts";
import type { MachineFunction } from "../../lib/codegen/machine.ts";
import type { FunctionCode } from "../../lib/object/program.ts";
import { rewriteProgram } from "../../lib/object/rewrite.ts";
import { loadProgram } from "../../lib/object/load.ts";
import type { BpfInsn } from "../../lib/targets/bpf/code.ts";
import { emitBpf } from "../../lib/targets/bpf/emit.ts";
import { frameExtent } from "../../lib/targets/bpf/frame.ts";
import { slotsBelow } from "../../lib/targets/bpf/spill_slots.ts";
import { type RunResult, Vm } from "../../lib/vm/vm.ts";
import { Random } from "../support/random.ts";
import {
  allocated,
  type Lifted,
  liftedProgram,
  lowered,
  randomMachine,
} from "./machine_functions.ts";

type Machine = MachineFunction<BpfInsn>;
type Allocated = AllocatedFunction<BpfInsn>;

const BUDGETS = [0x3ff, 0b01_1100_0111, 0b111];

function copyOf({ blocks, slotCount }: Allocated): Allocated {
  const copyStep = ({ kind, insn, dst, src, vreg }: Step<BpfInsn>): Step<BpfInsn> =>
    new Step(kind, insn, dst, src, vreg);
  return {
    slotCount,
    blocks: blocks.map(({ source, id, steps, term, succs }) => ({
      source,
      id,
      steps: steps.map(copyStep),
      term: copyStep(term),
      succs: [...succs],
    })),
  };
}

/** Another number below a limit. */
const other = (random: Random, number: number, limit: number): number =>
  (number + 1 + random.below(limit - 1)) % limit;

/** Exchanges the register of a use for another. */
function wrongUse(step: Step<BpfInsn>, random: Random): string {
  const uses = step.insn!.uses.length;
  if (uses === 0) return "";
  const use = random.below(uses);
  const register = step.src >>> (use * 5) & 31;
  const wrong = other(random, register, 10);
  step.src = step.src & ~(31 << use * 5) | wrong << use * 5;
  return `use ${use} reads r${wrong} for r${register}`;
}

/** Corrupts one step in place; says how, empty if it could not. */
function mutate(code: Allocated, random: Random): string {
  const block = random.pick(code.blocks);
  const index = random.below(block.steps.length + 1);
  if (index === block.steps.length) return wrongUse(block.term, random);
  const step = block.steps[index];
  const what = `block ${block.id}, step ${index}, ${step.kind}`;
  if (step.kind !== "insn" && random.chance(0.4)) {
    block.steps.splice(index, 1);
    return `${what} dropped`;
  }
  if (step.kind === "insn") {
    if (step.dst < 0 || random.chance(0.5)) {
      const how = wrongUse(step, random);
      return how === "" ? "" : `${what}: ${how}`;
    }
    const from = step.dst;
    step.dst = other(random, from, 10);
    const { tied } = step.insn!;
    // The two addresses of an instruction change together: there is no encoding of the mere difference.
    if (tied >= 0) step.src = step.src & ~(31 << tied * 5) | step.dst << tied * 5;
    return `${what}: defines r${step.dst} for r${from}`;
  }
  const isSlot = (field: "dst" | "src") => step.kind === (field === "dst" ? "store" : "load");
  const field = step.kind !== "remat" && random.chance(0.5) ? "src" : "dst";
  const limit = isSlot(field) ? code.slotCount : 10;
  if (limit < 2) return "";
  const from = step[field];
  step[field] = other(random, from, limit);
  return `${what}: ${field} ${step[field]} for ${from}`;
}

function run({ program, context }: Lifted, codes: ReadonlyMap<number, FunctionCode>): RunResult {
  const { bytes } = rewriteProgram(program, codes, { to: "raw" });
  const vm = Vm.loadSync(loadProgram(bytes, { from: "raw" }), { engine: "interpreter" });
  vm.registerHelper(5, (_context, r1) => r1);
  return vm.run({ context, limit: 100_000 });
}

const same = (a: RunResult, b: RunResult): boolean =>
  a.returnValue === b.returnValue && a.fault?.kind === b.fault?.kind &&
  equalBytes(a.context, b.context);

Deno.test("the checker is silent on all that the allocator makes, undefined arguments in loops among it", () => {
  let functions = 0;
  const check = (name: string, machine: Machine) => {
    for (const registers of BUDGETS) {
      const errors = checkAllocation(machine, allocated(machine, registers));
      assert.deepEqual(errors, [], `${name}, registers ${registers.toString(2)}`);
      functions++;
    }
  };
  for (let seed = 0; seed < 80; seed++) {
    for (const fn of liftedProgram(seed).functions) check(`program ${seed}`, lowered(fn));
  }
  for (let seed = 0; seed < 1500; seed++) {
    const machine = randomMachine(seed);
    if (machine !== null) check(`IR ${seed}`, machine);
  }
  assert.ok(functions > 600, `${functions} functions`);
});

Deno.test("the checker catches corruption, and what it lets pass changes nothing", () => {
  const random = new Random(7);
  let mutations = 0, caught = 0;
  for (let seed = 0; seed < 60; seed++) {
    const lifted = liftedProgram(seed);
    for (const registers of BUDGETS) {
      const machines = lifted.functions.map(lowered);
      const valid = machines.map((machine) => allocated(machine, registers));
      const frames = lifted.functions.map(frameExtent);
      if (valid.some(({ slotCount }, i) => frames[i] + 8 * slotCount > 512)) continue;
      const codes = new Map(
        valid.map((code, i) =>
          [i, emitBpf(machines[i], code, slotsBelow(frames[i], code.slotCount), 4)] as const
        ),
      );
      const expected = run(lifted, codes);
      for (let round = 0; round < 40; round++) {
        const at = random.below(machines.length);
        const corrupted = copyOf(valid[at]);
        const how = mutate(corrupted, random);
        if (how === "") continue;
        mutations++;
        if (checkAllocation(machines[at], corrupted).length > 0) {
          caught++;
          continue;
        }
        const code = emitBpf(
          machines[at],
          corrupted,
          slotsBelow(frames[at], corrupted.slotCount),
          4,
        );
        const result = run(lifted, new Map(codes).set(at, code));
        assert.ok(
          same(expected, result),
          `seed ${seed}, registers ${registers.toString(2)}, function ${at}: ${how} passes`,
        );
      }
    }
  }
  console.log(`${caught} of ${mutations} mutations caught`);
  assert.ok(mutations > 3000 && caught > 0.9 * mutations, `${caught} of ${mutations}`);
});
