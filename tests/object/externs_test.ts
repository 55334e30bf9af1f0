/**
 * Externs in a kernel and its modules: which instructions they become.
 *
 * @module
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { UnsupportedError } from "../../lib/errors.ts";
import { printInstruction } from "../../lib/isa/disassemble.ts";
import { Btf } from "../../lib/object/btf.ts";
import { SplitBtf } from "../../lib/object/btf_split.ts";
import { CoreRelocator } from "../../lib/object/core_relocate.ts";
import { CoreTypes, essentialName } from "../../lib/object/core_types.ts";
import { linkLoadable, type Loadable } from "../../lib/object/loadable.ts";
import { loadProgram } from "../../lib/object/load.ts";
import type { Program } from "../../lib/object/program.ts";
import { findFunction } from "../../lib/object/select.ts";
import type { KernelSymbol, TargetKernel } from "../../lib/object/target_kernel.ts";
import { ROOT } from "../support.ts";
import { moduleOf } from "./module_btf.ts";

const object = (name: string): Program =>
  loadProgram(new Uint8Array(readFileSync(join(ROOT, "testdata", "objects", name))));

const program = object("externs.o");

/** A kernel with the types of `core_target.c`, and these functions and variables, by the id of their module. */
function kernelWith(functions: Readonly<Record<string, number>>): TargetKernel {
  const base = object("core_target.o").elf!.btf!;
  const split = new SplitBtf(
    base,
    moduleOf(base, (module) => {
      const proto = module.proto();
      for (const name of Object.keys(functions)) module.func(name, proto);
    }),
  );
  const types = new CoreTypes(split.joined);
  return {
    types,
    modulesWith: () => [],
    find: (kind, name): KernelSymbol | null => {
      const id = split.find(kind, name);
      return id === 0 ? null : { types, id, module: functions[name] };
    },
    address: () => null,
    config: () => null,
  };
}

function calls({ insns }: Loadable): string[] {
  return insns.filter(({ op, imm }) => op.kind === "call" && (op.fn === "kfunc" || imm > 2e9))
    .map((insn) => printInstruction(insn, 0).replace(/0x[0-9a-f]{4,}/, "ID"));
}

const link = (name: string, kernel: TargetKernel): Loadable =>
  linkLoadable(program, findFunction(program, name), null, kernel);

Deno.test("kfuncs are called by id, a weak one that is missing is poison", () => {
  const linked = link("on_second", kernelWith({ bpf_rcu_read_lock: 0, bpf_rcu_read_unlock: 0 }));
  assert.deepEqual(linked.modules, []);
  assert.equal(calls(linked).filter((call) => /^call kfunc 0x[0-9a-f]+$/.test(call)).length, 2);
  assert.ok(linked.insns.some(({ op, imm }) => op.fn === "helper" && imm > 2_002_000_000));
});

Deno.test("kfuncs of modules name the types of their module by index", () => {
  const linked = link("on_second", kernelWith({ bpf_rcu_read_lock: 31, bpf_rcu_read_unlock: 40 }));
  assert.deepEqual(linked.modules, [31, 40]);
  const indices = linked.insns.filter(({ op }) => op.fn === "kfunc").map(({ off }) => off);
  assert.deepEqual(indices, [1, 2]);
});

Deno.test("what the kernel does not have is named", () => {
  assert.throws(
    () => link("on_second", kernelWith({ bpf_rcu_read_lock: 0 })),
    (error: unknown) =>
      error instanceof UnsupportedError &&
      /cannot link bpf_rcu_read_unlock: this kernel has no function of that name/
        .test(error.message),
  );
});

Deno.test("CO-RE looks into modules for what the kernel does not have", () => {
  const core = object("core.o");
  const local = core.elf!.btf!;
  const target = object("core_target.o").elf!.btf!;
  // The same struct in a module alone: with an empty kernel in front, its fields are found there.
  const empty = new Btf(
    moduleOf({ strings: { bytes: [] }, count: 1 } as unknown as Btf, () => {}),
    "little",
  );
  const records = core.sections.flatMap((section) => [...section.core.values()]);
  const record = records.find(({ typeId }) => essentialName(local.type(typeId).name) === "task")!;
  const asked: string[] = [];
  const relocator = new CoreRelocator(local, new CoreTypes(empty), (type) => {
    asked.push(type.name);
    return [new CoreTypes(target)];
  });
  const direct = new CoreRelocator(local, new CoreTypes(target));
  assert.deepEqual(relocator.resolve(record), direct.resolve(record));
  assert.deepEqual(asked, [local.type(record.typeId).name]);
});
