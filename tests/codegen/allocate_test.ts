import assert from "node:assert/strict";
import { allocateRegisters } from "../../lib/codegen/allocate.ts";
import { checkAllocation } from "../../lib/codegen/check_allocation.ts";
import { MachineBlock, type MachineFunction, MachineInsn } from "../../lib/codegen/machine.ts";
import type { IrFunction } from "../../lib/ir/function.ts";
import { parseModule } from "../../lib/ir/parse.ts";
import { allocated, lowered } from "./machine_functions.ts";

const REGISTERS = { count: 4, allocatable: 0b1111, callerSaved: 0b0011 };

const parse = (text: string): IrFunction =>
  parseModule(`epir 1\nfunction f\n${text}`).functions[0].body as IrFunction;

Deno.test("the frame pointer keeps its register where it was an operand in another", () => {
  const machine = lowered(parse(`b0(v0):
  v1 = packet.u8.abs fp, 0
  branch.64.eq v1, 0, b1, b2
b1:
  v2 = packet.u8.abs fp, 1
  v3 = call map_lookup_elem(fp, v2)
  return v3
b2:
  v4 = call map_lookup_elem(v1, fp)
  return v4`));
  const code = allocated(machine, 0x3ff);
  assert.deepEqual(checkAllocation(machine, code), []);
  assert.equal(code.slotCount, 0);
});

Deno.test("moves of the only edge do not overwrite what the terminator reads", () => {
  const first = new MachineBlock(0, [0, 3], [], new MachineInsn(-1, [0]));
  const loop = new MachineBlock(1, [1, 2], [], new MachineInsn(-1, [1, 2]));
  const enter = { from: first, to: loop, args: [3, 0] };
  const again = { from: loop, to: loop, args: [2, 1] };
  first.succs = [enter];
  loop.succs = [again];
  loop.preds = [enter, again];
  const fn: MachineFunction = {
    name: "f",
    blocks: [first, loop],
    vregCount: 4,
    hints: new Int8Array(4).fill(-1),
    homes: new Int8Array(4).fill(-1),
    remat: [null, null, null, null],
    entryRegisters: [0, 1],
  };
  for (const allocatable of [0b11, 0b1111]) {
    const code = allocateRegisters(
      fn,
      { ...REGISTERS, allocatable },
      () => new MachineInsn(-1, []),
    );
    assert.deepEqual(checkAllocation(fn, code), []);
  }
});
