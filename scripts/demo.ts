/**
 * `deno task demo`: a real object with several programs and maps is shown, rewritten, and one of its programs is run
 * before and after. It reads testdata/objects and needs nothing else.
 *
 * @module
 */

import assert from "node:assert/strict";
import {
  compileProgram,
  describe,
  findFunction,
  loadProgram,
  printProgram,
  type Program,
  verdictName,
  Vm,
} from "../mod.ts";

const OBJECT = new URL("../testdata/objects/firewall.o", import.meta.url);
const BLOCKED = [10, 0, 0, 1];

/** An Ethernet frame with a VLAN tag and an IPv4 header from an address. */
function frame(source: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(64);
  bytes.set([0x81, 0x00, 0x00, 0x2a, 0x08, 0x00, 0x45, 0x00, 0x00, 0x2e], 12);
  bytes.set([64, 17], 26);
  bytes.set([...source, 192, 168, 0, 1], 30);
  return bytes;
}

/** The firewall in a sandbox with one blocked address: runs it on a frame. */
function firewall(program: Program): (frame: Uint8Array) => string {
  const vm = Vm.loadSync(program, { programs: ["firewall"], metering: "exact" });
  const { blocked } = vm.maps;
  const address = new DataView(Uint8Array.from(BLOCKED).buffer).getUint32(0, true);
  const key = { prefix_length: 32, address };
  blocked.set(key, { packets: 0n, bytes: 0n });
  return (frame) => {
    const { returnValue, instructionCount, fault } = vm.program().run({ packet: frame });
    const { packets } = blocked.get(key) as { packets: bigint };
    const outcome = fault?.message ?? verdictName("xdp", returnValue)?.name;
    return `${outcome} after ${instructionCount} instructions, rule hit ${packets} times`;
  };
}

/** The first and last lines of a text. */
function excerpt(text: string, head: number, tail: number): string {
  const lines = text.trimEnd().split("\n");
  if (lines.length <= head + tail) return lines.join("\n");
  const left = lines.length - head - tail;
  return [...lines.slice(0, head), `  ... ${left} lines ...`, ...lines.slice(-tail)].join("\n");
}

const bytes = Deno.readFileSync(OBJECT);
const before = loadProgram(bytes, { input: "firewall.o" });
const { isa, instructions, programs, subprograms, maps } = describe(before);
console.log(`firewall.o: ${bytes.length} bytes, ISA v${isa}, ${instructions} instructions`);
console.log(`  programs     ${programs.map((fn) => `${fn.name} (${fn.section})`).join(", ")}`);
console.log(`  subprograms  ${subprograms.map((fn) => fn.name).join(", ")}`);
console.log(`  maps         ${maps.map((map) => `${map.name} (${map.type})`).join(", ")}`);

console.log("\nfirewall, disassembled:");
console.log(excerpt(printProgram(before, { function: findFunction(before, "firewall") }), 16, 3));

const start = performance.now();
const compiled = compileProgram(before, { level: 0, check: true });
const milliseconds = (performance.now() - start).toFixed(0);
console.log(`\nrewritten through SSA and back, checked, in ${milliseconds} ms:`);
for (const fn of compiled.functions) {
  assert.ok(fn.lifted, fn.reason);
  console.log(`  ${fn.name.padEnd(13)} ${fn.insnsBefore} -> ${fn.insnsAfter} slots`);
}

const after = loadProgram(compiled.bytes, { input: "firewall.o, rewritten" });
const [old, now] = [firewall(before), firewall(after)];
console.log("\nrun before and after:");
for (const source of [BLOCKED, [10, 0, 0, 2], BLOCKED]) {
  const [expected, actual] = [old(frame(source)), now(frame(source))];
  assert.equal(actual.replace(/\d+ instr/, ""), expected.replace(/\d+ instr/, ""));
  console.log(`  a frame from ${source.join(".")}`);
  console.log(`    before  ${expected}\n    after   ${actual}`);
}
console.log("\nthe same results, before and after");
