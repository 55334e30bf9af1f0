/**
 * Flow dissectors against the running kernel: the keys that they find, load from and write to.
 *
 * @module
 */

import assert from "node:assert/strict";
import { loadProgram } from "../../../lib/object/load.ts";
import { Random, randomFrame } from "../../../lib/random_input.ts";
import { writeFields } from "../../../lib/vm/contexts/layout.ts";
import { FLOW_KEYS } from "../../../lib/vm/contexts/structs.ts";
import { Vm } from "../../../lib/vm/vm.ts";
import { testWith } from "../../support.ts";
import { withKernel } from "../helpers/support.ts";

/** Copies nhoff, thoff, n_proto and a byte of the frame to the addresses, and sets nhoff, thoff and ip_proto. */
const program = (nhoff: number, thoff: number): string => `
  ldxdw %r7, [%r1+144]
  ldxh %r2, [%r7+0]
  stxw [%r7+16], %r2
  ldxh %r2, [%r7+2]
  stxw [%r7+20], %r2
  ldxh %r2, [%r7+10]
  stxw [%r7+24], %r2
  ldxw %r2, [%r1+76]
  ldxw %r3, [%r1+80]
  mov %r4, %r2
  add %r4, 24
  jgt %r4, %r3, short
  ldxb %r4, [%r2+23]
  stxb [%r7+28], %r4
short:
  mov %r2, ${nhoff}
  stxh [%r7+0], %r2
  mov %r2, ${thoff}
  stxh [%r7+2], %r2
  mov %r2, 9
  stxb [%r7+9], %r2
  mov %r0, 0
  exit`;

testWith("kernel", "a flow dissector sees and leaves the same keys as in the kernel", () => {
  withKernel((kernel) => {
    const random = new Random(3);
    let runs = 0;
    for (let i = 0; i < 40; i++) {
      const text = program(random.of([0, 14, 18, 5000]), random.of([0, 14, 34, 5000]));
      const source = loadProgram(new TextEncoder().encode(text), { from: "asm" });
      const data = randomFrame(random);
      const { loaded } = kernel.load(source, source.functions[0], { type: "flow_dissector" });
      assert.ok(loaded !== null);
      const request = { data, context: null, repeat: 1, outputSize: 4096 };
      const expected = kernel.bpf.programs.testRun(loaded.fd, request);
      loaded.close();
      if (typeof expected === "number") continue;
      runs++;
      const vm = Vm.loadSync(source, { type: "flow_dissector" });
      const { returnValue, fields } = vm.program().run({ packet: data });
      assert.equal(Number(returnValue), expected.returnValue);
      const keys = new Uint8Array(FLOW_KEYS.size);
      const named = Object.entries(fields).filter(([name]) =>
        FLOW_KEYS.byName.has(name.split("[")[0])
      );
      writeFields(FLOW_KEYS, keys, "little", Object.fromEntries(named));
      assert.deepEqual(keys, new Uint8Array(expected.data));
    }
    assert.ok(runs > 20);
  });
});

Deno.test("a flow dissector loads bytes of its frame, up to an offset of 65,535", () => {
  const text = (offset: string) => `
    mov %r2, ${offset}
    mov %r3, %r10
    add %r3, -8
    mov %r4, 2
    call 0x1a
    jne %r0, 0, out
    ldxh %r0, [%r10-8]
  out:
    exit`;
  const run = (offset: string) =>
    Vm.loadSync(loadProgram(new TextEncoder().encode(text(offset)), { from: "asm" }), {
      type: "flow_dissector",
    }).program().run({ packet: Uint8Array.from({ length: 20 }, (_, i) => i) }).returnValue;
  assert.equal(run("12"), 0x0d0cn);
  assert.equal(BigInt.asIntN(64, run("19")), -14n);
  assert.equal(BigInt.asIntN(64, run("65536")), -14n);
});
