import { equal } from "node:assert/strict";
import { assemble } from "../../lib/isa/assemble.ts";
import { compareEngines } from "../differential/engines.ts";

/** Runs a program on both engines; returns how it ended. */
function runBoth(text: string): string {
  const { insns } = assemble(text, { syntax: "mnemonic" });
  for (const level of ["sandbox", "strict"] as const) {
    const { mismatch, fallback } = compareEngines(insns, new Uint8Array(64), {
      level,
      metering: "loops",
    });
    equal(mismatch, "", level);
    equal(fallback, null);
  }
  const { end } = compareEngines(insns, new Uint8Array(64), {
    level: "sandbox",
    metering: "loops",
  });
  return end;
}

Deno.test("a small function in place of its calls", () => {
  const end = runBoth(`
    mov %r6, %r1
    mov %r1, 5
    mov %r2, 7
    call local twice
    stxdw [%r6+8], %r0
    exit
    twice: mov %r6, %r2
    call local sum
    mov %r1, %r0
    mov %r2, %r6
    call local sum
    exit
    sum: mov %r0, %r1
    add %r0, %r2
    exit`);
  equal(end, "return");
});

Deno.test("a fault in a function that was put in place of its call", () => {
  const end = runBoth(`
    mov %r1, 16
    call local load
    exit
    load: ldxb %r0, [%r1+0]
    exit`);
  equal(end, "null");
});

Deno.test("a function that reads a register that its caller did not set", () => {
  const end = runBoth(`
    mov %r2, 3
    call local third
    exit
    third: mov %r0, %r2
    jeq %r2, 4, out
    add %r0, 1
    out: exit`);
  equal(end, "return");
});

Deno.test("calls that were inlined need frames, too", () => {
  for (const [levels, expected] of [[7, "return"], [8, "call-depth"]] as const) {
    const chain = Array.from(
      { length: levels },
      (_, i) => i + 1 < levels ? `f${i}: call local f${i + 1}\nexit` : `f${i}: mov %r0, ${i}\nexit`,
    );
    equal(runBoth(`call local f0\nexit\n${chain.join("\n")}`), expected);
    // With a frame in the middle, only the functions behind it are inlined.
    chain[3] = `f3: stdw [%r10-8], 1\ncall local f4\nexit`;
    equal(runBoth(`call local f0\nexit\n${chain.join("\n")}`), expected);
  }
});

Deno.test("a function that calls itself stays", () => {
  const end = runBoth(`
    mov %r1, 5
    call local down
    exit
    down: mov %r0, 0
    jeq %r1, 0, out
    add %r1, -1
    call local down
    out: add %r0, 1
    exit`);
  equal(end, "return");
});
