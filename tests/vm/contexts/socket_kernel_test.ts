/**
 * The socket of a packet against that of the kernel's test run.
 *
 * @module
 */

import assert from "node:assert/strict";
import { buffer } from "../../../lib/kernel/native.ts";
import { loadProgram } from "../../../lib/object/load.ts";
import { parseMapFile } from "../../../lib/object/map_file.ts";
import { Random, randomFrame } from "../../../lib/random_input.ts";
import { SK_BUFF, SOCK } from "../../../lib/vm/contexts/structs.ts";
import { Vm } from "../../../lib/vm/vm.ts";
import { testWith } from "../../support.ts";
import { withKernel } from "../helpers/support.ts";

const VALUE_SIZE = 128;

/** Copies the socket of the packet to the value of a map, but for the port, of which the verifier allows no word. */
function program(): string {
  const port = SOCK.byName.get("dst_port")!.offset;
  const words = Array.from({ length: SOCK.size / 4 }, (_, i) => 4 * i).filter((at) => at !== port);
  return `
    lddw %r8, map_value 0x3 + 0x0
    ldxdw %r1, [%r1+${SK_BUFF.byName.get("sk")!.offset}]
    jeq %r1, 0, none
    call 0x5f
    jeq %r0, 0, none
    ${words.map((at) => `ldxw %r2, [%r0+${at}]\nstxw [%r8+${at}], %r2`).join("\n")}
  none:
    mov %r0, 0
    exit
  `;
}

testWith("kernel", "the socket of a packet is that of the kernel's test run", () => {
  withKernel((kernel) => {
    const file = parseMapFile(JSON.stringify({
      program: { type: "sched_cls", license: "GPL" },
      maps: { 3: { type: "array", key: 4, value: VALUE_SIZE, entries: 1 } },
    }));
    const source = loadProgram(new TextEncoder().encode(program()), { from: "asm" });
    const { loaded } = kernel.load(source, source.functions[0], { file });
    assert.ok(loaded !== null);
    const vm = Vm.loadSync(source, { file, type: "sched_cls" });
    const [{ map }] = Object.values(vm.maps);
    const random = new Random(3);
    let runs = 0;
    try {
      for (let i = 0; i < 50; i++) {
        const data = randomFrame(random);
        const request = { data, context: null, repeat: 1, outputSize: 4096 };
        if (typeof kernel.bpf.programs.testRun(loaded.fd, request) === "number") continue;
        runs++;
        const expected = buffer(VALUE_SIZE);
        kernel.bpf.maps.lookup(loaded.maps[0].fd, buffer(4), expected);
        vm.program().run({ packet: data });
        assert.deepEqual(map.read(buffer(4)), expected);
      }
    } finally {
      loaded.close();
    }
    assert.ok(runs > 30);
  });
});
