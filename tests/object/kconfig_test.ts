import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { kconfigLayout } from "../../lib/object/kconfig.ts";
import { loadProgram } from "../../lib/object/load.ts";
import { Vm } from "../../lib/vm/vm.ts";
import { ROOT, SHARED, testWith } from "../support.ts";

const object = (name: string) =>
  new Uint8Array(readFileSync(join(ROOT, "testdata", "objects", name)));

Deno.test("an object without values of the configuration has an empty layout", () => {
  assert.deepEqual(kconfigLayout(loadProgram(object("firewall.o")).elf!.btf!), {
    section: 0,
    values: [],
    size: 0,
  });
});

testWith("shared", "values lie where libbpf puts them, and programs find what is given", () => {
  const path = join(SHARED, "corpus/objects/cilium-ebpf/testdata__kconfig-el.elf.o");
  const bytes = new Uint8Array(readFileSync(path));
  const layout = kconfigLayout(loadProgram(bytes).elf!.btf!);
  assert.deepEqual(layout.values.map(({ name, offset, size }) => `${name} ${offset} ${size}`), [
    "CONFIG_BPF_SYSCALL 0 4",
    "CONFIG_HZ 4 4",
    "LINUX_KERNEL_VERSION 8 4",
    "CONFIG_DEFAULT_HOSTNAME 12 1",
    "LINUX_HAS_SYSCALL_WRAPPER 13 1",
  ]);
  assert.throws(() => Vm.loadSync(bytes), /CONFIG_BPF_SYSCALL/);
  const run = (wrapper: bigint) =>
    Vm.loadSync(bytes, {
      kconfig: {
        CONFIG_BPF_SYSCALL: "y",
        CONFIG_DEFAULT_HOSTNAME: "host",
        LINUX_HAS_SYSCALL_WRAPPER: wrapper,
      },
    }).program("kconfig").run({ packet: new Uint8Array(64) }).returnValue;
  assert.equal(run(0n), 19n);
  // The name has room for the NUL only.
  assert.equal(run(1n), 28n);
});
