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
  globalData,
  GuestMemory,
  loadProgram,
  printProgram,
  type Program,
  Vm,
} from "../mod.ts";

const OBJECT = new URL("../testdata/objects/firewall.o", import.meta.url);
const XDP = ["XDP_ABORTED", "XDP_DROP", "XDP_PASS", "XDP_TX", "XDP_REDIRECT"];
const BLOCKED = [10, 0, 0, 1];

/** An Ethernet frame with a VLAN tag and an IPv4 header from an address. */
function frame(source: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(64);
  bytes.set([0x81, 0x00, 0x00, 0x2a, 0x08, 0x00, 0x45, 0x00, 0x00, 0x2e], 12);
  bytes.set([64, 17], 26);
  bytes.set([...source, 192, 168, 0, 1], 30);
  return bytes;
}

/** A machine with the object's variables, one blocked network, and the helpers that the firewall calls. */
function machine(program: Program): { run(frame: Uint8Array): string } {
  const memory = new GuestMemory(program.order);
  const packet = memory.allocate("the packet", 2048);
  const rule = memory.allocate("a map value", 16);
  const variables = globalData(program, memory);
  const vm = Vm.loadSync(program, { memory, resolve: (request) => variables(request) ?? 0n });
  // bpf_map_lookup_elem: one value, for the blocked address.
  vm.registerHelper(1, (_, _map, key) => {
    const address = memory.slice(key + 4n, 4, false);
    return BLOCKED.every((byte, i) => byte === address[i]) ? BigInt(rule.address) : 0n;
  });
  // bpf_ktime_get_ns; bpf_ringbuf_reserve, with no space left; bpf_loop.
  vm.registerHelper(5, () => 0n);
  vm.registerHelper(131, () => 0n);
  vm.registerHelper(181, (context, rounds, callback, argument) => {
    for (let i = 0n; i < rounds; i++) {
      if (context.call(callback, [i, argument]) !== 0n) return i + 1n;
    }
    return rounds;
  });
  return {
    run(bytes) {
      memory.resize(packet, bytes.length);
      memory.contents(packet).set(bytes);
      const context = new Uint8Array(24);
      new Uint32Array(context.buffer).set([packet.address, packet.address + bytes.length]);
      const { returnValue, instructionCount, fault } = vm.run({ function: "firewall", context });
      const value = memory.contents(rule);
      const packets = new DataView(value.buffer, value.byteOffset).getBigUint64(0, true);
      const outcome = fault === null ? XDP[Number(returnValue)] : fault.message;
      return `${outcome} after ${instructionCount} instructions, rule hit ${packets} times`;
    },
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
const [old, now] = [machine(before), machine(after)];
console.log("\nrun before and after:");
for (const source of [BLOCKED, [10, 0, 0, 2], BLOCKED]) {
  const [expected, actual] = [old.run(frame(source)), now.run(frame(source))];
  assert.equal(actual.replace(/\d+ instr/, ""), expected.replace(/\d+ instr/, ""));
  console.log(`  a frame from ${source.join(".")}`);
  console.log(`    before  ${expected}\n    after   ${actual}`);
}
console.log("\nthe same results, before and after");
