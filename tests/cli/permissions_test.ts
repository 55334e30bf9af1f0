/**
 * Every subcommand asks for the permission to read its inputs and to write its outputs, and for nothing else: Deno's
 * own audit log says so.
 *
 * @module
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { ROOT } from "../support.ts";

/** What a subcommand may ask for: files relative to the test's folder. */
interface Case {
  readonly args: readonly string[];
  readonly reads?: readonly string[];
  readonly writes?: readonly string[];
}

const CASES: readonly Case[] = [
  { args: ["--help"] },
  { args: ["version"] },
  { args: ["completions", "bash"] },
  { args: ["asm", "a.s", "-o", "a.bin"], reads: ["a.s"], writes: ["a.bin"] },
  { args: ["info", "a.bin"], reads: ["a.bin"] },
  { args: ["info", "a.bin", "--json"], reads: ["a.bin"] },
  { args: ["dis", "a.bin"], reads: ["a.bin"] },
  { args: ["dis", "a.bin", "-o", "b.s"], reads: ["a.bin"], writes: ["b.s"] },
  { args: ["lift", "a.bin", "-o", "a.epir"], reads: ["a.bin"], writes: ["a.epir"] },
  { args: ["opt", "a.bin", "-o", "b.bin"], reads: ["a.bin"], writes: ["b.bin"] },
  { args: ["opt", "a.bin", "a.s", "--out-dir", "out"], reads: ["a.bin", "a.s"], writes: ["out"] },
  { args: ["run", "a.bin", "--ctx", "ctx"], reads: ["a.bin", "ctx"] },
  {
    args: ["run", "a.bin", "--type", "xdp", "--packet", "ctx", "--out", "packet"],
    reads: ["a.bin", "ctx"],
    writes: ["packet"],
  },
  { args: ["equiv", "a.bin", "a.s"], reads: ["a.bin", "a.s"] },
  { args: ["convert", "a.bin", "--to", "hex", "-o", "a.hex"], reads: ["a.bin"], writes: ["a.hex"] },
];

/** The permissions that a run of the command line asked for. */
async function permissionsAsked(folder: string, { args, reads = [], writes = [] }: Case) {
  const audit = join(folder, "audit.jsonl");
  await Deno.writeTextFile(audit, "");
  const flags = [
    ...(reads.length === 0 ? [] : [`--allow-read=${reads.join(",")}`]),
    ...(writes.length === 0 ? [] : [`--allow-write=${writes.join(",")}`]),
  ];
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", ...flags, join(ROOT, "cli.ts"), ...args],
    cwd: folder,
    env: { DENO_AUDIT_PERMISSIONS: audit, NO_COLOR: "1" },
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  const entries = (await Deno.readTextFile(audit)).split("\n").filter((line) => line !== "");
  return entries.map((line): { permission: string; value: string } => JSON.parse(line));
}

Deno.test("every subcommand asks for its inputs and outputs only", async (t) => {
  const folder = await Deno.realPath(await Deno.makeTempDir({ prefix: "epass-permissions-" }));
  try {
    await Deno.writeTextFile(join(folder, "a.s"), "r0 = *(u8 *)(r1 + 0)\nexit\n");
    await Deno.writeTextFile(join(folder, "ctx"), "*");
    for (const one of CASES) {
      await t.step(one.args.join(" "), async () => {
        const asked = await permissionsAsked(folder, one);
        const { reads = [], writes = [] } = one;
        for (const { permission, value } of asked) {
          const allowed = permission === "read" ? reads : permission === "write" ? writes : [];
          assert.ok(
            allowed.some((name) => `${value}/`.startsWith(`${name}/`)),
            `asked for ${permission} ${value}`,
          );
        }
      });
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a failed run leaves the output as it was", async () => {
  const folder = await Deno.makeTempDir({ prefix: "epass-output-" });
  try {
    await Deno.writeTextFile(join(folder, "bad.s"), "nonsense\n");
    await Deno.writeTextFile(join(folder, "out"), "precious");
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--no-prompt",
        `--allow-read=${folder}/bad.s`,
        `--allow-write=${folder}/out`,
        join(ROOT, "cli.ts"),
        "asm",
        `${folder}/bad.s`,
        "-o",
        `${folder}/out`,
      ],
      env: { NO_COLOR: "1" },
    }).output();
    assert.equal(code, 1);
    const [first] = new TextDecoder().decode(stderr).split("\n");
    assert.match(first, /^epass: .*bad\.s:1/);
    assert.equal(await Deno.readTextFile(join(folder, "out")), "precious");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
