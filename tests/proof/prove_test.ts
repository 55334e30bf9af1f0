import assert from "node:assert/strict";
import { join } from "node:path";
import { compileProgram, liftProgram } from "../../lib/compile.ts";
import { type Callee, IrFunction, type Value } from "../../lib/ir/function.ts";
import { parseModule } from "../../lib/ir/parse.ts";
import { encode } from "../../lib/isa/codec.ts";
import { Instruction } from "../../lib/isa/instruction.ts";
import { OPS } from "../../lib/isa/ops.ts";
import { loadProgram } from "../../lib/object/load.ts";
import type { Program } from "../../lib/object/program.ts";
import { type Proof, type ProofContext, proveEqual } from "../../lib/proof/prove.ts";
import type { RunResult } from "../../lib/vm/run_result.ts";
import { Vm } from "../../lib/vm/vm.ts";
import { ROOT } from "../support.ts";
import { Random } from "../support/random.ts";
import { randomProgram } from "../support/random_program.ts";

const CONTEXT: ProofContext = {
  order: "little",
  maps: () => ({ keySize: 4, valueSize: 8 }),
  calleeName: (callee: Callee) => JSON.stringify({ ...callee, relocation: null }),
  symbolName: ({ ref }: Value) =>
    ref!.target >= 0 ? `function ${ref!.target}` : `${ref!.imm} ${ref!.relocation?.name}`,
};

function fromText(body: string): IrFunction {
  const { functions } = parseModule(`epir 1\n\nfunction f\n${body}\n`);
  assert.ok(functions[0].body instanceof IrFunction);
  return functions[0].body;
}

const proof = (a: string, b: string): Proof => proveEqual(fromText(a), fromText(b), CONTEXT);

const SAME: Record<string, readonly [string, string]> = {
  "a loop that counts with a wider register": [
    `b0(v1):
  jump b1(0, v1)
b1(v2, v3):
  store.u8 v3 + 4, v2
  v4 = add.64 v2, 1
  v5 = lsh.64 v4, 32
  v6 = rsh.64 v5, 32
  branch.64.lt v6, 10, b1(v4, v3), b2
b2:
  return 0`,
    `b0(v1):
  jump b1(0)
b1(v2):
  store.u8 v1 + 4, v2
  v4 = add.64 v2, 1
  branch.32.le v4, 9, b1(v4), b2
b2:
  return 0`,
  ],
  "a stack slot that becomes a value": [
    `b0(v1):
  v2 = load.u32 v1
  store.u64 fp - 8, v2
  v3 = call get_prandom_u32()
  v4 = load.u64 fp - 8
  v5 = add.64 v3, v4
  return v5`,
    `b0(v1):
  v2 = load.u32 v1
  v3 = call get_prandom_u32()
  v5 = add.64 v2, v3
  return v5`,
  ],
  "bytes that become a word": [
    `b0(v1):
  v2 = load.u8 v1 + 1
  v3 = lsh.64 v2, 8
  v4 = load.u8 v1
  v5 = or.64 v3, v4
  return v5`,
    `b0(v1):
  v2 = load.u16 v1
  return v2`,
  ],
  "a branch that always goes one way": [
    `b0(v1):
  v2 = load.s8 v1
  branch.64.sgt v2, 127, b1, b2
b1:
  return 1
b2:
  return 2`,
    `b0(v1):
  return 2`,
  ],
};

const DIFFERENT: Record<string, readonly [string, string]> = {
  "a loop that ends one earlier": [
    SAME["a loop that counts with a wider register"][0],
    SAME["a loop that counts with a wider register"][1].replace("9,", "8,"),
  ],
  "stores in another order to addresses that may overlap": [
    `b0(v1, v2):
  store.u8 v1, 1
  store.u8 v2, 2
  return 0`,
    `b0(v1, v2):
  store.u8 v2, 2
  store.u8 v1, 1
  return 0`,
  ],
  "a load moved across a call": [
    `b0(v1):
  v2 = load.u32 v1
  v3 = call get_prandom_u32()
  return v2`,
    `b0(v1):
  v3 = call get_prandom_u32()
  v2 = load.u32 v1
  return v2`,
  ],
  "a sign that is lost": [
    `b0(v1):
  v2 = load.s8 v1
  return v2`,
    `b0(v1):
  v2 = load.u8 v1
  return v2`,
  ],
  "one call fewer": [
    `b0(v1):
  v2 = call get_prandom_u32()
  v3 = call get_prandom_u32()
  return v3`,
    `b0(v1):
  v2 = call get_prandom_u32()
  return v2`,
  ],
};

for (const [name, [a, b]] of Object.entries(SAME)) {
  Deno.test(`proved: ${name}`, () => assert.deepEqual(proof(a, b), { proved: true, reason: "" }));
}

for (const [name, [a, b]] of Object.entries(DIFFERENT)) {
  Deno.test(`not proved: ${name}`, () => assert.equal(proof(a, b).proved, false));
}

/** Proofs for all functions of two programs; null where they have none in common. */
function proofs(a: Program, b: Program): Proof[] | null {
  const [before, after] = [liftProgram(a), liftProgram(b)].map(({ functions }) => functions);
  if (before.length !== after.length) return null;
  return before.map(({ body }, i) => {
    const other = after[i].body;
    return body instanceof IrFunction && other instanceof IrFunction
      ? proveEqual(body, other, CONTEXT)
      : { proved: false, reason: "not lifted" };
  });
}

Deno.test("our own objects are proved to be what they were after a rewrite", () => {
  for (const name of ["firewall", "core", "legacy"]) {
    const bytes = Deno.readFileSync(join(ROOT, `testdata/objects/${name}.o`));
    const program = loadProgram(bytes);
    const rewritten = loadProgram(compileProgram(program).bytes);
    for (const { proved, reason } of proofs(program, rewritten)!) assert.ok(proved, reason);
  }
});

const raw = (insns: readonly Instruction[]) =>
  loadProgram(encode(insns as Instruction[]), { from: "raw" });

function run(program: Program, context: Uint8Array): RunResult {
  const vm = Vm.loadSync(program);
  vm.registerHelper(5, (_context, r1) => r1);
  return vm.run({ context, limit: 100_000 });
}

/** A copy with one operation, immediate or source register changed; null if that one must stay. */
function mutant(insns: readonly Instruction[], random: Random): Instruction[] | null {
  const at = random.below(insns.length);
  const { op, dst, src, off, imm, high } = insns[at];
  if (["goto", "call", "lddw", "load", "store", "atomic"].includes(op.kind)) return null;
  const alike = OPS.filter((o) =>
    o.kind === op.kind && o.form === op.form && o.fields === op.fields
  );
  const copy = insns.slice();
  const other = random.below(2) === 0 ? alike[random.below(alike.length)] : op;
  copy[at] = other === op && op.form === "imm"
    ? new Instruction(op, dst, src, off, imm ^ 1 << random.below(8), high)
    : new Instruction(other, dst, src, off, imm, high);
  return copy;
}

Deno.test("what runs show to be different is never proved", () => {
  const first = 1, count = 60;
  console.log(`seeds ${first} to ${first + count - 1}`);
  let different = 0;
  for (let seed = first; seed < first + count; seed++) {
    const { insns, context } = randomProgram(seed, { faults: 0 });
    const random = new Random(seed), original = raw(insns), before = run(original, context);
    for (let i = 0; i < 6; i++) {
      const copy = mutant(insns, random);
      if (copy === null) continue;
      const changed = raw(copy), after = run(changed, context);
      if (before.fault !== null || after.fault !== null) continue;
      const same = before.returnValue === after.returnValue &&
        before.context.every((byte, at) => byte === after.context[at]);
      if (same) continue;
      different++;
      const all = proofs(original, changed);
      const proved = all !== null && all.every((one) => one.proved);
      assert.ok(!proved, `seed ${seed}, mutant ${i}`);
    }
  }
  assert.ok(different > 20, `${different} mutants differ`);
});
