import assert from "node:assert/strict";
import { EpassError } from "../../lib/errors.ts";
import {
  BPF_ALTERNATIVES,
  BPF_PIPELINES,
  orderViolations,
  PASSES,
  VM_PIPELINE,
} from "../../lib/passes/pipeline.ts";
import { optionOf, parsePass, parsePasses, printPass } from "../../lib/passes/selection.ts";

Deno.test("passes are read with their options, and printed", () => {
  const text = "copy-propagation, dead-code( loads = 0 ) dead-code";
  const uses = parsePasses(text, PASSES);
  assert.deepEqual(uses.map(printPass), ["copy-propagation", "dead-code(loads=0)", "dead-code"]);
  assert.deepEqual(uses.slice(1).map((use) => optionOf(use, "loads")), [0, 1]);
});

Deno.test("what is no pass or option is refused with what there is", () => {
  const failures = [
    ["copy", /cannot find pass copy/],
    ["dead-code(x=1)", /cannot set x of pass dead-code: its options are loads/],
    ["dead-code(loads)", /expected loads=NUMBER/],
    ["dead-code(loads=y)", /expected loads=NUMBER/],
    ["dead-code)", /cannot read pass/],
    ["dead-code(", /cannot read pass/],
  ] as const;
  for (const [text, message] of failures) {
    assert.throws(() => parsePasses(text, PASSES), (error: unknown) => {
      assert(error instanceof EpassError);
      return message.test(error.message);
    }, text);
  }
});

Deno.test("every pipeline keeps the order that passes need", () => {
  for (const uses of [...Object.values(BPF_PIPELINES), ...BPF_ALTERNATIVES, VM_PIPELINE]) {
    assert.deepEqual(orderViolations(uses), []);
  }
  const wrong = ["dead-code", "copy-propagation"].map((name) => parsePass(name, PASSES));
  assert.match(orderViolations(wrong)[0], /^copy-propagation must come before dead-code: /);
});

Deno.test("names are unique and in kebab case, summaries are one line", () => {
  const names = PASSES.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  for (const { name, summary } of PASSES) {
    assert.match(name, /^[a-z0-9]+(-[a-z0-9]+)*$/);
    assert(!summary.includes("\n") && summary.length <= 90, name);
  }
});
