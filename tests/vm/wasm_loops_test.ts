import { equal, ok } from "node:assert/strict";
import { assemble } from "../../lib/isa/assemble.ts";
import { compareEngines } from "../differential/engines.ts";

/** Where the first 64 KiB of guest memory end. */
const END = 0x2_0000;

/** Bodies of loops over r2 (to), r3 (from), with the counter r4, its bound r5, and scratch r6 to r8; r0 is the result. */
const LOOPS: { readonly [name: string]: string } = {
  "copy": `
    again: ldxb %r6, [%r3+0]
    stxb [%r2+0], %r6
    add %r3, 1
    add %r2, 1
    add %r4, 1
    jne %r4, %r5, again`,
  "copy of words": `
    again: ldxdw %r6, [%r3+8]
    stxdw [%r2+0], %r6
    add %r3, 8
    add %r2, 8
    add %r4, 1
    jlt %r4, %r5, again`,
  "fill": `
    again: stxb [%r2+3], %r9
    add %r2, 1
    add %r4, 1
    jne %r4, %r5, again`,
  "sum": `
    again: ldxh %r6, [%r2+0]
    add32 %r0, %r6
    add %r2, 2
    add32 %r4, 1
    jlt32 %r4, %r5, again`,
  "sum of words, with a condition": `
    again: ldxw %r6, [%r2+0]
    jset %r6, 1, over
    add %r0, %r6
    over: add %r2, 4
    add %r4, 1
    jne %r4, %r5, again`,
  "compare": `
    again: ldxb %r6, [%r2+0]
    ldxb %r7, [%r3+0]
    mov %r0, %r4
    jne %r6, %r7, done
    add %r2, 1
    add %r3, 1
    add %r4, 1
    jne %r4, %r5, again
    mov %r0, -1
    done: mov %r8, 0`,
  "compare of strings": `
    again: ldxb %r6, [%r2+0]
    ldxb %r7, [%r3+0]
    mov %r0, %r4
    jne %r6, %r7, done
    jeq %r6, 0, done
    add %r2, 1
    add %r3, 1
    add %r4, 1
    jlt %r4, %r5, again
    mov %r0, -1
    done: mov %r8, 0`,
  "backwards": `
    again: ldxb %r6, [%r2+0]
    add %r0, %r6
    stxb [%r2+0], %r0
    add %r2, -1
    add %r4, 1
    jne %r4, %r5, again`,
  "address from a counter": `
    again: mov %r6, %r4
    lsh %r6, 3
    add %r6, %r2
    ldxdw %r7, [%r6+0]
    add %r0, %r7
    stxb [%r6+1], %r4
    add %r4, 1
    jne %r4, %r5, again`,
  "bits": `
    again: mov %r6, %r3
    add %r6, -1
    and %r3, %r6
    add %r0, 1
    jne %r3, 0, again`,
};

function programOf(body: string, to: string, from: string, first: number, bound: number): string {
  return `mov %r9, %r1\n${to}\n${from}\nmov %r4, ${first}\nmov %r5, ${bound}\nmov %r0, 0\n${body}\n` +
    "lsh %r0, 8\nxor %r0, %r4\nxor %r0, %r2\nxor %r0, %r3\nexit\n";
}

/** Addresses in and around what is mapped: the context, the null page, the end of memory, far away. */
const PLACES: readonly string[] = [
  "mov %rX, %r9",
  "mov %rX, %r9\nadd %rX, 16",
  `mov32 %rX, ${END - 100}`,
  `mov32 %rX, ${END - 17}`,
  "mov32 %rX, 65500",
  "mov %rX, 0",
  "lddw %rX, 0xfffffffffffffff0",
  "lddw %rX, 0x100000000",
];

for (const [name, body] of Object.entries(LOOPS)) {
  Deno.test(`loops over memory end alike on both engines: ${name}`, () => {
    const context = new Uint8Array(512).map((_, i) => i % 16 * 3 + 1);
    const ends = new Set<string>();
    for (const level of ["sandbox", "strict"] as const) {
      for (const to of PLACES) {
        for (const from of PLACES.slice(0, name.startsWith("co") ? 3 : 1)) {
          for (const [first, bound] of [[0, 40], [3, 100], [9, 5]]) {
            const text = programOf(
              body,
              to.replaceAll("%rX", "%r2"),
              from.replaceAll("%rX", "%r3"),
              first,
              bound,
            );
            const { insns } = assemble(text, { syntax: "mnemonic" });
            const { mismatch, fallback, end } = compareEngines(insns, context, {
              level,
              metering: "loops",
            });
            equal(mismatch, "", `${level}: ${to} ${from} ${first} ${bound}`);
            equal(fallback, null);
            ends.add(end);
          }
        }
      }
    }
    ok(ends.has("return") && (name === "bits" || ends.size > 2), [...ends].join());
  });
}
