import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { loadProgram } from "../../lib/object/load.ts";
import { sourceLineAt } from "../../lib/object/source_line.ts";
import { subsetProgram } from "../../lib/object/subset.ts";
import { ROOT } from "../support.ts";

const FIREWALL = loadProgram(
  new Uint8Array(readFileSync(join(ROOT, "testdata", "objects", "firewall.o"))),
);

const indexOf = (name: string): number => FIREWALL.functions.find((fn) => fn.name === name)!.index;

Deno.test("a part has what its functions call, and nothing else", () => {
  const { program, indices } = subsetProgram(FIREWALL, [indexOf("firewall")]);
  assert.deepEqual(
    program.functions.map(({ name }) => name).sort(),
    ["firewall", "is_blocked", "report", "skip_vlan"],
  );
  assert.equal(indices[indexOf("count_egress")], -1);
  program.functions.forEach(({ name, index }) => assert.equal(indices[indexOf(name)], index));
  const lone = subsetProgram(FIREWALL, [indexOf("is_blocked")]).program;
  assert.deepEqual(lone.functions.map(({ name }) => name), ["is_blocked"]);
});

Deno.test("the instructions of a part are those of the whole, with what is attached to them", () => {
  for (const fn of FIREWALL.functions) {
    const { program, indices, origins } = subsetProgram(FIREWALL, [fn.index]);
    const part = program.functions[indices[fn.index]];
    const { section: whole } = fn, { section } = part;
    assert.deepEqual(
      section.insns.slice(part.first, part.last),
      whole.insns.slice(fn.first, fn.last),
    );
    for (let i = part.first; i < part.last; i++) {
      const slot = section.slots[i], origin = origins.get(section)![slot];
      assert.equal(origin, whole.slots[fn.first + i - part.first]);
      assert.deepEqual(section.relocations.get(slot), whole.relocations.get(origin));
      assert.deepEqual(section.core.get(slot), whole.core.get(origin));
      assert.deepEqual(
        sourceLineAt(program, section, slot),
        sourceLineAt(FIREWALL, whole, origin),
      );
      const target = section.targets.get(slot), wanted = whole.targets.get(origin);
      assert.equal(target?.kind, wanted?.kind);
      if (target?.kind !== "function" || wanted?.kind !== "function") continue;
      assert.equal(
        program.functions[target.index].name,
        FIREWALL.functions[wanted.index].name,
      );
    }
  }
});

Deno.test("functions that share code stay together; what code may reach besides comes along", () => {
  const entangled = loadProgram(
    new Uint8Array(readFileSync(join(ROOT, "testdata", "objects", "entangled.o"))),
  );
  const tied = entangled.functions.find((fn) => fn.entangled !== "")!;
  const { program } = subsetProgram(entangled, [tied.index]);
  const together = entangled.functions.filter(({ section }) => section === tied.section);
  assert.ok(program.functions.length >= together.length);
  const more = subsetProgram(FIREWALL, [indexOf("is_blocked")], () => [indexOf("count_drops")]);
  assert.ok(more.indices[indexOf("count_drops")] >= 0);
});

Deno.test("source lines", () => {
  const fn = FIREWALL.functions[indexOf("report")];
  const line = sourceLineAt(FIREWALL, fn.section, fn.section.slots[fn.first]);
  assert.match(line?.file ?? "", /firewall\.c$/);
  assert.match(line?.text ?? "", /void report\(/);
  assert.equal(sourceLineAt({ ...FIREWALL, elf: null }, fn.section, 0), null);
});
