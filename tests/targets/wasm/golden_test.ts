import { equal } from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { IrFunction } from "../../../lib/ir/function.ts";
import { parseModule } from "../../../lib/ir/parse.ts";
import { lowerToWasm } from "../../../lib/targets/wasm/lower.ts";
import { makeReducible } from "../../../lib/targets/wasm/reducible.ts";
import { printSteps, structure } from "../../../lib/targets/wasm/structure.ts";
import { WasmUnit } from "../../../lib/targets/wasm/unit.ts";
import { ROOT } from "../../support.ts";
import { disassembleWasm } from "./disassemble.ts";

/** Cases: a line `== name`, the body in `.epir`, `--`, and what it becomes. */
const FOLDER = join(ROOT, "testdata", "targets", "wasm");

function parsed(body: string): IrFunction {
  return parseModule(`epir 1\nfunction f\n${body}`).functions[0].body as IrFunction;
}

function structured(body: string): string {
  const fn = parsed(body);
  return printSteps(structure(fn, makeReducible(fn)));
}

/** Words in the name of a case choose how: `exact`, `strict`, `big`, `pointer`. */
function lowered(body: string, name: string): string {
  const fn = parsed(body);
  const has = (word: string) => name.split(/\W+/).includes(word);
  const exact = has("exact");
  const slots = exact
    ? fn.blocks.map(({ insns, term }) =>
      [...insns, term!].map(({ pc }) => pc).filter((pc) => pc >= 0)
    )
    : [];
  const source = { index: 0, fn, slots, pointer: has("pointer") };
  const unit = new WasmUnit({
    name: "golden",
    order: has("big") ? "big" : "little",
    metering: exact ? "exact" : "loops",
    strict: has("strict"),
    lastFrame: 0xf000,
    kernelHelpers: true,
  }, [source]);
  return disassembleWasm(lowerToWasm(unit, source).body);
}

async function check(
  t: Deno.TestContext,
  file: string,
  convert: (body: string, name: string) => string,
): Promise<void> {
  const path = join(FOLDER, file);
  let text = "";
  for (const one of readFileSync(path, "utf8").split(/^== /m).slice(1)) {
    const [name] = one.split("\n", 1);
    const [body, expected] = one.slice(name.length + 1).split(/^--\n/m);
    const output = convert(body, name);
    text += `== ${name}\n${body.trimEnd()}\n--\n${output.trimEnd()}\n\n`;
    if (Deno.env.get("EPASS_UPDATE") === "1") continue;
    await t.step(name, () => equal(output.trimEnd(), (expected ?? "").trimEnd()));
  }
  if (Deno.env.get("EPASS_UPDATE") === "1") writeFileSync(path, text.trimEnd() + "\n");
}

Deno.test("graphs are structured as beside them (EPASS_UPDATE=1 rewrites it)", (t) =>
  check(t, "structure.txt", structured));

Deno.test("functions lower to the code beside them (EPASS_UPDATE=1 rewrites it)", (t) =>
  check(t, "lowering.txt", lowered));
