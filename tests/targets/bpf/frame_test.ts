import assert from "node:assert/strict";
import { compileProgram } from "../../../lib/compile.ts";
import type { IrFunction } from "../../../lib/ir/function.ts";
import { parseModule } from "../../../lib/ir/parse.ts";
import { assemble } from "../../../lib/isa/assemble.ts";
import { encode } from "../../../lib/isa/codec.ts";
import { loadProgram } from "../../../lib/object/load.ts";
import type { Program } from "../../../lib/object/program.ts";
import { frameExtent } from "../../../lib/targets/bpf/frame.ts";
import { compileToBpf } from "../../../lib/targets/bpf/target.ts";
import { Vm } from "../../../lib/vm/vm.ts";

const parse = (body: string): IrFunction =>
  parseModule(`epir 1\nfunction f\n${body}`).functions[0].body as IrFunction;

const extent = (body: string): number => frameExtent(parse(body));

/** Bodies of one block with a parameter, and the bytes of stack that are theirs; 512 is "may be all". */
const CASES: readonly (readonly [string, number, string])[] = [
  ["no stack", 0, "v1 = load.u64 v0 - 100"],
  ["a store", 8, "store.u64 fp - 8, 1"],
  ["a store of a byte", 8, "store.u8 fp - 1, 1"],
  ["bytes of the ninth below", 16, "store.u8 fp - 9, 1"],
  ["an atomic", 24, "atomic.u64.add fp - 24, v0"],
  ["a derived pointer", 40, "v1 = add.64 fp, -32\n v2 = load.u64 v1 - 8"],
  ["only derived", 32, "v1 = add.64 fp, -32"],
  ["by subtraction", 48, "v1 = sub.64 fp, 48\n store.u32 v1, 7"],
  ["the constant first", 16, "v1 = add.64 -16, fp\n v2 = load.u8 v1"],
  ["a copy of a copy", 64, "v1 = copy fp\n v2 = copy v1\n v3 = load.u64 v2 - 64"],
  ["up again", 64, "v1 = add.64 fp, -64\n v2 = add.64 v1, 56\n store.u8 v2, 0"],
  ["a masked index", 64, "v1 = and.64 v0, 31\n v2 = add.64 fp, v1\n v3 = load.u8 v2 - 64"],
  ["a 32-bit index", 72, "v1 = zext v0\n v2 = add.64 v1, fp\n v3 = load.u8 v2 - 72"],
  ["a loaded byte as index", 64, "v1 = load.u8 v0\n v2 = add.64 fp, v1\n v3 = load.u8 v2 - 64"],
  ["a signed index", 512, "v1 = load.s8 v0\n v2 = add.64 fp, v1\n v3 = load.u8 v2 - 64"],
  ["a negative mask", 512, "v1 = and.64 v0, -8\n v2 = add.64 fp, v1\n v3 = load.u8 v2"],
  ["any index", 512, "v1 = add.64 fp, v0\n v2 = load.u8 v1"],
  ["minus an index", 512, "v1 = sub.64 fp, v0\n v2 = load.u8 v1"],
  ["32-bit arithmetic", 512, "v1 = add.32 fp, -8\n v2 = load.u8 v1"],
  ["an argument of a helper", 16, "v1 = add.64 fp, -16\n v2 = call map_lookup_elem(v0, v1)"],
  ["an argument of a function", 512, "v1 = add.64 fp, -16\n v2 = call @f(v1)"],
  ["an argument beside a callback", 512, "v1 = call loop(9, func(@f), fp, 0)"],
  ["the address called", 512, "v1 = callx v0(fp)"],
  ["stored", 512, "store.u64 v0, fp"],
  ["stored on the stack", 512, "v1 = add.64 fp, -8\n store.u64 fp - 16, v1"],
  ["exchanged", 512, "v1 = atomic.u64.xchg v0, fp"],
  ["negated", 512, "v1 = neg.64 fp"],
];

Deno.test("the extent of the program's own stack", async (t) => {
  for (const [name, bytes, body] of CASES) {
    await t.step(name, () => assert.equal(extent(`b0(v0):\n ${body}\n return v0`), bytes));
  }
});

Deno.test("pointers that meet take the lowest offset", () => {
  const diamond = extent(`b0(v0):
  v1 = add.64 fp, -16
  branch.64.eq v0, 0, b1(v1), b2
b1(v3):
  store.u8 v3 - 8, 1
  return v0
b2:
  v2 = add.64 fp, -100
  jump b1(v2)`);
  assert.equal(diamond, 112);
});

const walk = (step: number): number =>
  extent(`b0(v0):
  v1 = add.64 fp, -256
  jump b1(v1)
b1(v2):
  store.u64 v2, 0
  v3 = add.64 v2, ${step}
  branch.64.ne v3, fp, b1(v3), b2
b2:
  return v0`);

Deno.test("a loop that walks up stays above its start, one that walks down may reach anything", () => {
  assert.equal(walk(8), 256);
  assert.equal(walk(-8), 512);
});

Deno.test("the order of the blocks does not matter, nor does their number", () => {
  const count = 20_000;
  let body = "b0(v0):\n jump b1\n";
  for (let i = count; i >= 1; i--) {
    const from = i === 1 ? "fp" : `v${i - 1}`;
    body += `b${i}:\n v${i} = add.64 ${from}, ${i === 1 ? -40 : 0}\n`;
    body += i === count ? ` v${count + 1} = load.u64 v${i} - 8\n return v0\n` : ` jump b${i + 1}\n`;
  }
  const fn = parse(body);
  const start = performance.now();
  assert.equal(frameExtent(fn), 48);
  assert.ok(performance.now() - start < 2000, `${performance.now() - start} ms`);
});

/** A function that keeps a number of values alive over a call, beside stack of its own. */
function crowded(values: number, stack: string, bytes: number): Program {
  let text = "";
  for (let at = 8; at <= bytes; at += 8) text += `*(u64 *)(r10 - ${at}) = ${1000 + at}\n`;
  const live = ["r6", "r7", "r8", "r9"].slice(0, values);
  live.forEach((r, i) => text += `${r} = *(u64 *)(r1 + ${8 * i})\n`);
  text += `${stack}\ncall 5\n`;
  for (const r of live) text += `r0 += ${r}\n`;
  for (let at = 8; at <= bytes; at += 8) text += `r1 = *(u64 *)(r10 - ${at})\nr0 *= 3\nr0 += r1\n`;
  return loadProgram(encode(assemble(text + "exit\n").insns), { from: "raw" });
}

function result(program: Program): bigint {
  const vm = Vm.loadSync(program, { engine: "interpreter" });
  vm.registerHelper(5, (_context, r1) => r1);
  const { fault, returnValue } = vm.run({
    context: Uint8Array.from({ length: 64 }, (_, i) => i * 7),
  });
  assert.equal(fault, null);
  return returnValue;
}

const MASKED = "r2 = *(u64 *)(r1 + 40)\nr2 &= 7\nr3 = r10\nr3 += r2\nr3 += -64\n" +
  "*(u8 *)(r3 + 0) = 9\nr1 = 3";
const POINTER = "r1 = r10\nr1 += -16";

Deno.test("spill slots lie below what the program keeps on its stack", () => {
  for (const stack of ["r1 = 3", MASKED, POINTER]) {
    for (const bytes of [8, 64, 200, 480]) {
      const program = crowded(4, stack, Math.max(bytes, 64));
      // A call leaves r0 to r5 to none of the values.
      const { bytes: code, functions } = compileProgram(program, { registers: 0b111, check: true });
      assert.ok(functions[0].lifted, functions[0].reason);
      const rewritten = loadProgram(code, { from: "raw" });
      assert.ok(functions[0].insnsAfter > functions[0].insnsBefore, "nothing was spilled");
      if (stack !== POINTER) assert.equal(result(rewritten), result(program));
    }
  }
});

Deno.test("a function whose spills do not fit is carried verbatim, with the reason", () => {
  for (const [stack, bytes] of [["r1 = 3", 504], ["*(u64 *)(r1 + 0) = r10", 8]] as const) {
    const program = crowded(4, stack, bytes);
    const { bytes: code, functions } = compileProgram(program, { registers: 0b111 });
    assert.equal(functions[0].lifted, false);
    assert.match(functions[0].reason ?? "", /spill slots do not fit beside the stack in use/);
    assert.deepEqual(code, program.bytes);
    assert.ok(compileProgram(program).functions[0].lifted);
  }
});

Deno.test("more values than registers and a frame hold are refused soon", () => {
  const count = 3000;
  const list = (item: (i: number) => string) => Array.from({ length: count }, (_, i) => item(i));
  const stores = list((i) => ` store.u64 v0, v${i + 1}\n`).join("");
  const params = parse(`b0(v0):
  jump b1(${list(() => "v0")})
b1(${list((i) => `v${i + 1}`)}):
${stores} branch.64.eq v0, 1, b1(${list((i) => `v${count - i}`)}), b2
b2:
  return v0`);
  const loads = list((i) => ` v${i + 1} = load.u64 v0 + ${i}\n`).join("");
  const values = parse(`b0(v0):\n${loads}${stores} return v0`);
  const start = performance.now();
  for (const fn of [params, values]) {
    assert.throws(
      () => compileToBpf(fn, { cpu: 4, order: "little" }),
      /cannot allocate registers: .*(3000 parameters|\d+ spill slots)/,
    );
  }
  assert.ok(performance.now() - start < 2000, `${performance.now() - start} ms`);
});
