import assert from "node:assert/strict";
import { ENGINES } from "../../lib/vm/engine.ts";
import { Vm } from "../../lib/vm/vm.ts";

const SOURCE = new TextEncoder().encode(
  "call 0x8\nmov %r6, %r0\nlsh %r6, 8\ncall 0x2a\nor %r6, %r0\nmov %r0, %r6\nexit\n",
);

for (const engine of ENGINES) {
  Deno.test(`the current CPU, known beforehand or not: ${engine}`, () => {
    const run = (cpus: number, cpu: number) =>
      Vm.loadSync(SOURCE, { engine, cpus, cpu }).run().returnValue;
    assert.equal(run(1, 0), 0n);
    assert.equal(run(1, 5), 0n);
    assert.equal(run(4, 2), 0x200n);
    assert.equal(run(4, 9), 0x300n);
  });
}
