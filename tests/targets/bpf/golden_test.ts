import { equal } from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { IrFunction } from "../../../lib/ir/function.ts";
import { parseModule } from "../../../lib/ir/parse.ts";
import { disassemble } from "../../../lib/isa/disassemble.ts";
import type { Version } from "../../../lib/isa/ops.ts";
import { compileToBpf } from "../../../lib/targets/bpf/target.ts";
import { ROOT } from "../../support.ts";

/** Cases: a line `== name`, which may end in `cpu N`, the body in `.epir`, `--`, and the assembly. */
const GOLDEN = join(ROOT, "testdata", "targets", "bpf", "lowering.txt");

function compiled(body: string, cpu: Version): string {
  const fn = parseModule(`epir 1\nfunction f\n${body}`).functions[0].body as IrFunction;
  return disassemble(compileToBpf(fn, { cpu, order: "little", check: true }).insns);
}

Deno.test("functions lower to the assembly beside them (EPASS_UPDATE=1 rewrites it)", async (t) => {
  const cases = readFileSync(GOLDEN, "utf8").split(/^== /m).slice(1);
  let text = "";
  for (const one of cases) {
    const [name] = one.split("\n", 1);
    const [body, expected] = one.slice(name.length + 1).split(/^--\n/m);
    const assembly = compiled(body, Number(/ cpu (\d)$/.exec(name)?.[1] ?? 4) as Version);
    text += `== ${name}\n${body.trimEnd()}\n--\n${assembly.trimEnd()}\n\n`;
    if (Deno.env.get("EPASS_UPDATE") === "1") continue;
    await t.step(name, () => equal(assembly.trimEnd(), (expected ?? "").trimEnd()));
  }
  if (Deno.env.get("EPASS_UPDATE") === "1") writeFileSync(GOLDEN, text.trimEnd() + "\n");
});
