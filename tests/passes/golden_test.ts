import { deepEqual, equal } from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkFunction } from "../../lib/ir/check.ts";
import type { IrFunction } from "../../lib/ir/function.ts";
import { parseModule } from "../../lib/ir/parse.ts";
import { printFunction } from "../../lib/ir/print.ts";
import { PASSES } from "../../lib/passes/pipeline.ts";
import { runPasses } from "../../lib/passes/run.ts";
import { parsePasses } from "../../lib/passes/selection.ts";
import type { Version } from "../../lib/isa/ops.ts";
import { ROOT } from "../support.ts";

/**
 * A file for each pass. Cases: a line `== what`, which may end in `[passes]` to be run instead and in `cpu N`; the body
 * before, `--`, and the body after. EPASS_UPDATE=1 rewrites the latter.
 */
const FOLDER = join(ROOT, "testdata", "passes");

function passed(body: string, passes: string, cpu: Version): string {
  const fn = parseModule(`epir 1\nfunction f\n${body}`).functions[0].body as IrFunction;
  deepEqual(checkFunction(fn), [], "the case itself");
  const environment = { target: "bpf", cpu, order: "little", kernelHelpers: true } as const;
  runPasses(fn, parsePasses(passes, PASSES), environment, { check: true });
  const text = printFunction(fn);
  return text.slice(text.indexOf("\n") + 1).trimEnd();
}

for (const file of readdirSync(FOLDER).filter((name) => name.endsWith(".epir")).sort()) {
  const pass = file.replace(/\.epir$/, "");
  Deno.test(`${pass}: goldens`, async (t) => {
    const path = join(FOLDER, file);
    const [head, ...cases] = readFileSync(path, "utf8").split(/^== /m);
    let text = head;
    for (const one of cases) {
      const [name] = one.split("\n", 1);
      const [body, expected] = one.slice(name.length + 1).split(/^--\n/m);
      const passes = /\[(.*)\]/.exec(name)?.[1] ?? pass;
      const after = passed(body, passes, Number(/ cpu (\d)$/.exec(name)?.[1] ?? 4) as Version);
      text += `== ${name}\n${body.trimEnd()}\n--\n${after}\n\n`;
      if (Deno.env.get("EPASS_UPDATE") === "1") continue;
      await t.step(name, () => equal(after, (expected ?? "").trimEnd()));
    }
    if (Deno.env.get("EPASS_UPDATE") === "1") writeFileSync(path, text.trimEnd() + "\n");
  });
}

Deno.test("every pass has goldens", () => {
  const files = new Set(readdirSync(FOLDER));
  deepEqual(PASSES.map(({ name }) => name).filter((name) => !files.has(`${name}.epir`)), []);
});
