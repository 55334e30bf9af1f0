import assert from "node:assert/strict";
import { layerFaults } from "../scripts/check_layers.ts";

Deno.test("imports may go down and sideways", () => {
  const text = `import { a } from "../isa/ops.ts";\nexport * from "./other.ts";\n`;
  assert.deepEqual(layerFaults("lib/object/elf.ts", text), []);
});

Deno.test("an import that goes up is named", () => {
  const cases = [
    `import { a } from "../lift/lift.ts";`,
    `import type {\n  A,\n  B,\n} from "../lift/lift.ts";`,
    `export { a } from "../lift/lift.ts";`,
    `import "../lift/lift.ts";`,
    `const m = await import("../lift/lift.ts");`,
  ];
  for (const text of cases) {
    assert.deepEqual(layerFaults("lib/ir/build.ts", text), [
      "lib/ir/build.ts: imports lib/lift/lift.ts, which is above it",
    ]);
  }
});

Deno.test("only the command line and the kernel layer use the host", () => {
  const text = `import { join } from "node:path";\nDeno.exit(join("1") === "" ? 0 : 1);\n`;
  assert.deepEqual(layerFaults("lib/vm/vm.ts", text), [
    "lib/vm/vm.ts: imports node:path",
    "lib/vm/vm.ts: uses Deno",
  ]);
  assert.deepEqual(layerFaults("lib/cli/files.ts", text), []);
  assert.deepEqual(layerFaults("lib/vm/vm.ts", "// Deno.exit()\n/** import 'node:fs' */"), []);
});

Deno.test("a file outside every layer is a fault", () => {
  assert.deepEqual(layerFaults("lib/utils/x.ts", ""), ["lib/utils/x.ts: is in no layer"]);
});
