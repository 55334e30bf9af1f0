import assert from "node:assert/strict";
import { join } from "node:path";
import { parseCase, readSuite, rewriteRaw, runSuite } from "../../scripts/conformance_suite.ts";
import { runPlugin } from "../../scripts/conformance_plugin.ts";
import { EpassError } from "../../lib/errors.ts";
import { ROOT, SHARED, testWith } from "../support.ts";

const OURS = join(ROOT, "testdata", "conformance");

testWith("shared", "the conformance suite passes on the interpreter", () => {
  const { total, failures } = runSuite(readSuite(join(SHARED, "conformance")));
  assert.deepEqual(failures, []);
  assert.equal(total, 313);
});

Deno.test("our own conformance programs pass on the interpreter", () => {
  const { total, failures } = runSuite(readSuite(OURS), null, { level: "strict" });
  assert.deepEqual(failures, []);
  assert.ok(total >= 50);
});

testWith("shared", "the conformance suite passes on WebAssembly", () => {
  const cases = readSuite(join(SHARED, "conformance"));
  for (const rewrite of [null, rewriteRaw]) {
    const { total, failures } = runSuite(cases, rewrite, { engine: "wasm" });
    assert.deepEqual(failures, []);
    assert.equal(total, 313);
  }
});

testWith("shared", "the conformance suite passes after lift and emit", () => {
  const { total, failures } = runSuite(readSuite(join(SHARED, "conformance")), rewriteRaw);
  assert.deepEqual(failures, []);
  assert.equal(total, 313);
});

Deno.test("our own conformance programs pass after lift and emit", () => {
  assert.deepEqual(runSuite(readSuite(OURS), rewriteRaw, { level: "strict" }).failures, []);
});

Deno.test("a suite reports what differs", () => {
  const of = (name: string, text: string) => parseCase(name, text);
  const { failures } = runSuite([
    of("value", "-- asm\nmov %r0, 1\nexit\n-- result\n0x2\n"),
    of("fault", "-- asm\nmov %r0, 1\n-- result\n0x1\n"),
    of("no-fault", "-- asm\nmov %r0, 1\nexit\n-- error\nnull\n"),
    of("other-fault", "-- raw\n0x61\n0x95\n-- error\nlimit\n"),
  ]);
  assert.deepEqual(failures.map((line) => line.split(":").slice(0, 2).join(":")), [
    "value: returned 0x1 instead of 0x2",
    "fault: end-of-code at 1",
    "no-fault: returned 0x1 instead of null",
    "other-fault: null instead of limit",
  ]);
});

Deno.test("a suite judges rewritten code", () => {
  const cases = [parseCase("two", "-- asm\nmov %r0, 1\nexit\n-- result\n0x1\n")];
  assert.deepEqual(runSuite(cases, (insns) => [...insns]).failures, []);
  assert.equal(runSuite(cases, (insns) => insns.slice(1)).failures.length, 1);
});

const MOV_5_EXIT = "b7 00 00 00 05 00 00 00 95 00 00 00 00 00 00 00\n";
// r0 = the second byte of the context, times its size
const SECOND_BYTE = "71 10 01 00 00 00 00 00 2f 20 00 00 00 00 00 00 95 00 00 00 00 00 00 00";

Deno.test("the plugin runs hex programs on hex contexts", () => {
  assert.equal(runPlugin([], MOV_5_EXIT), "5");
  assert.equal(runPlugin([""], MOV_5_EXIT), "5");
  assert.equal(runPlugin(["0011 22"], SECOND_BYTE.replaceAll(" ", "")), "33");
  assert.equal(runPlugin(["00", "ff", "--debug", "-x"], SECOND_BYTE), "1fe");
  const callHelper5 = "b7 01 00 00 2a 00 00 00 85 00 00 00 05 00 00 00 95 00 00 00 00 00 00 00";
  assert.equal(runPlugin([], callHelper5), "2a");
});

testWith("clang", "the plugin runs an ELF file", async () => {
  const command = new Deno.Command("clang-19", {
    args: ["-O2", "-target", "bpf", "-c", "-x", "c", "-", "-o", "-"],
    stdin: "piped",
    stdout: "piped",
  });
  const child = command.spawn();
  const source = "int first(unsigned char *bytes, unsigned long size) { return bytes[0] + size; }";
  await new Blob([source]).stream().pipeTo(child.stdin);
  const { stdout } = await child.output();
  const hex = Array.from(stdout, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  assert.equal(runPlugin(["05 00 00", "--elf"], hex), "8");
});

Deno.test("the plugin refuses what does not load or faults", () => {
  const message = (args: string[], input: string): string => {
    try {
      return runPlugin(args, input);
    } catch (error) {
      assert.ok(error instanceof EpassError);
      return error.message;
    }
  };
  assert.match(message([], SECOND_BYTE), /^cannot run the program: null at 0: cannot load 1 bytes/);
  assert.match(message(["xyz"], MOV_5_EXIT), /^cannot parse bytes/);
  assert.match(message([], "b7 00 00"), /^cannot decode instructions/);
  assert.match(message(["--elf"], MOV_5_EXIT), /^cannot /);
});

Deno.test("the plugin speaks the protocol of the runner", async () => {
  const plugin = join(ROOT, "scripts", "conformance_plugin.ts");
  const run = async (input: string) => {
    const command = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-check", plugin, "00 07", "--debug"],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    });
    const child = command.spawn();
    await new Blob([input]).stream().pipeTo(child.stdin);
    const { code, stdout, stderr } = await child.output();
    const text = new TextDecoder();
    return { code, out: text.decode(stdout), error: text.decode(stderr) };
  };
  assert.deepEqual(await run(SECOND_BYTE), { code: 0, out: "e\n", error: "" });
  const { code, out, error } = await run(SECOND_BYTE.slice(0, 23));
  assert.equal(code, 1);
  assert.equal(out, "");
  assert.match(error, /^cannot run the program: end-of-code/);
});
