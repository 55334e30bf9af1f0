/**
 * Arguments that point to structures, bytes and text.
 *
 * @module
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { EpassError } from "../../../lib/errors.ts";
import { loadProgram } from "../../../lib/object/load.ts";
import { pointerTo } from "../../../lib/vm/contexts/pointers.ts";
import { Vm } from "../../../lib/vm/vm.ts";
import { ROOT } from "../../support.ts";
import { assembled } from "../support.ts";

const object = (name: string) =>
  loadProgram(new Uint8Array(readFileSync(join(ROOT, "testdata", "objects", name))));

Deno.test("a tracepoint gets a structure whose pointer leads to another", () => {
  const vm = Vm.loadSync(object("firewall.o"), { programs: ["count_drops"] });
  const program = vm.program("count_drops");
  for (const ifindex of [3, 3, 5, 13]) {
    const dev = pointerTo("net_device", { ifindex });
    const { fault } = program.run({ args: [pointerTo("sk_buff", { len: 60, dev })] });
    assert.equal(fault, null);
  }
  const [{ map }] = Object.values(vm.maps).filter(({ name }) => name.endsWith(".bss"));
  const counts = new BigUint64Array(
    (map.read(new Uint8Array(4)) as Uint8Array<ArrayBuffer>).buffer,
  );
  assert.deepEqual([...counts].filter((count) => count > 0n), [2n, 2n]);
});

Deno.test("bytes and text are places in memory", () => {
  const text = "ldxdw %r2, [%r1+104]\nldxw %r0, [%r2+0]\nexit";
  const program = Vm.loadSync(assembled(text), { type: "kprobe" }).program();
  const args = [pointerTo(Uint8Array.of(1)), pointerTo("abc")];
  assert.equal(program.run({ args }).returnValue, 0x0063_6261n);
});

Deno.test("one pointer leads to one place, pointers into it lead behind", () => {
  const frame = pointerTo(Uint8Array.of(1, 2, 3));
  const text = `ldxdw %r2, [%r1+112]
    ldxdw %r3, [%r1+104]
    ldxdw %r4, [%r1+96]
    sub %r4, %r2
    sub %r3, %r2
    ldxb %r0, [%r2+2]
    lsh %r3, 8
    or %r0, %r3
    lsh %r4, 16
    or %r0, %r4
    exit`;
  const program = Vm.loadSync(assembled(text), { type: "kprobe" }).program();
  const run = () => program.run({ args: [frame, frame.plus(2), frame] }).returnValue;
  assert.equal(run(), 0x203n);
  assert.equal(run(), 0x203n);
  assert.equal(program.run({ registers: { di: frame, si: frame, rdx: frame } }).returnValue, 3n);
});

Deno.test("unknown types and members are refused", () => {
  const program = Vm.loadSync(object("firewall.o"), { programs: ["count_drops"] }).program();
  for (const value of [pointerTo("task", {}), pointerTo("sk_buff", { color: 1 })]) {
    assert.throws(() => program.run({ args: [value] }), EpassError);
  }
  assert.throws(() => {
    let value = pointerTo("sk_buff", {});
    for (let i = 0; i < 100; i++) value = pointerTo("sk_buff", { dev: value });
    program.run({ args: [value] });
  }, EpassError);
});

Deno.test("structures of one run make room for those of the next", () => {
  const vm = Vm.loadSync(
    assembled("ldxdw %r2, [%r1+112]\nadd %r2, 99999\nldxb %r0, [%r2+0]\nexit"),
    {
      type: "kprobe",
      maximumMemory: 1 << 22,
    },
  );
  for (let i = 0; i < 100; i++) {
    const bytes = new Uint8Array(100_000).fill(i);
    assert.equal(vm.program().run({ args: [pointerTo(bytes)] }).returnValue, BigInt(i));
  }
});
