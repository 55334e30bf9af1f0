/**
 * Maps against those of the running kernel from the side of programs: a program that does one operation, told by the value of
 * an array, in the kernel and in the sandbox; every result and the contents at the end compared.
 *
 * @module
 */

import assert from "node:assert/strict";
import { helperByName } from "../../../lib/isa/helpers.ts";
import { Kernel } from "../../../lib/kernel/kernel.ts";
import { buffer } from "../../../lib/kernel/native.ts";
import { loadProgram } from "../../../lib/object/load.ts";
import { type MapFile, parseMapFile } from "../../../lib/object/map_file.ts";
import type { Program } from "../../../lib/object/program.ts";
import { Vm } from "../../../lib/vm/vm.ts";
import { testWith } from "../../support.ts";
import { Dice } from "./support.ts";

/** Bytes of the value that tells what to do and takes what came of it. */
const DESK = 512;
/** Offsets in it. */
const AT = { operation: 0, flags: 8, result: 16, key: 64, value: 128, found: 256 } as const;
const KEY_SIZE = 16, VALUE_SIZE = 24;
const RUNS = 250;

/** Operations on a map, as text: r6 is the address of the desk. */
type Operations = readonly string[];

const call = (name: string): string => `call 0x${helperByName(name)!.id.toString(16)}`;
const address = (register: number, at: number): string =>
  `mov %r${register}, %r6\nadd %r${register}, ${at}`;
const MAP = "lddw %r1, map_fd 0x4";

/** Copies the value that r0 points to, and counts in its first byte that it was found. */
const COPY_FOUND = [
  "jeq %r0, 0, +11",
  ...[0, 8, 16].flatMap((at) => [
    `ldxdw %r1, [%r0+${at}]`,
    `stxdw [%r6+${AT.found + at}], %r1`,
  ]),
  "ldxb %r1, [%r0+0]",
  "add %r1, 1",
  "stxb [%r0+0], %r1",
  "mov %r0, 1",
  "ja +0",
].join("\n");

const LOOKUP = [MAP, address(2, AT.key), call("map_lookup_elem"), COPY_FOUND].join("\n");
const UPDATE = [
  MAP,
  address(2, AT.key),
  address(3, AT.value),
  `ldxdw %r4, [%r6+${AT.flags}]`,
  call("map_update_elem"),
].join("\n");
const DELETE = [MAP, address(2, AT.key), call("map_delete_elem")].join("\n");
const PUSH = [
  MAP,
  address(2, AT.value),
  `ldxdw %r3, [%r6+${AT.flags}]`,
  call("map_push_elem"),
].join("\n");
const POP = [MAP, address(2, AT.found), call("map_pop_elem")].join("\n");
const PEEK = [MAP, address(2, AT.found), call("map_peek_elem")].join("\n");
const OUTPUT = [
  MAP,
  address(2, AT.value),
  `mov %r3, ${VALUE_SIZE}`,
  `ldxdw %r4, [%r6+${AT.flags}]`,
  call("ringbuf_output"),
].join("\n");
const RESERVE = (finish: string): string =>
  [
    MAP,
    "mov %r2, 40",
    "mov %r3, 0",
    call("ringbuf_reserve"),
    "jeq %r0, 0, +6",
    "mov %r1, %r0",
    "mov %r2, 1",
    "stxdw [%r1+0], %r2",
    "mov %r2, 0",
    call(finish),
    "mov %r0, 1",
  ].join("\n");
const QUERY = [MAP, `ldxdw %r2, [%r6+${AT.flags}]`, call("ringbuf_query")].join("\n");

/** A program that does the operation with the number in the desk. */
function programOf(operations: Operations): Program {
  const lines = ["mov %r6, %r1", "lddw %r6, map_value 0x3 + 0x0", `ldxdw %r7, [%r6+0]`];
  const slots = (text: string): number =>
    text.split("\n").reduce((sum, line) => sum + (line.startsWith("lddw") ? 2 : 1), 0);
  for (const [i, text] of operations.entries()) {
    const body = [text, `stxdw [%r6+${AT.result}], %r0`, "mov %r0, 0", "exit"].join("\n");
    lines.push(`jne %r7, ${i}, +${slots(body)}`, body);
  }
  lines.push("mov %r0, 0", "exit", "");
  return loadProgram(new TextEncoder().encode(lines.join("\n")), { from: "asm" });
}

function fileOf(type: string, sizes: Readonly<Record<string, unknown>>): MapFile {
  return parseMapFile(JSON.stringify({
    program: { type: "sched_cls", license: "GPL" },
    maps: {
      3: { type: "array", key: 4, value: DESK, entries: 1 },
      4: { type, key: KEY_SIZE, value: VALUE_SIZE, ...sizes },
    },
  }));
}

/** Where programs run: what is told to one and what it answers. */
interface Place {
  run(desk: Uint8Array<ArrayBuffer>): Uint8Array;
}

function sandbox(program: Program, file: MapFile): Place {
  const vm = Vm.loadSync(program, { file, openEvents: false });
  const desk = vm.map("map_3").map;
  return {
    run(bytes) {
      desk.write(new Uint8Array(4), bytes);
      const { fault } = vm.program().run({ packet: new Uint8Array(64) });
      assert.equal(fault, null);
      return desk.read(new Uint8Array(4)) as Uint8Array;
    },
  };
}

function withKernel(program: Program, file: MapFile, step: (place: Place) => void): void {
  const kernel = new Kernel();
  try {
    const { verdict, loaded } = kernel.load(program, program.functions[0], { file });
    assert.ok(loaded !== null, `${verdict.reason}\n${verdict.log.slice(-1500)}`);
    const desk = loaded.maps.find(({ valueSize }) => valueSize === DESK)!;
    const { maps, programs } = kernel.bpf;
    kernel.native.onOneProcessor(() =>
      step({
        run(bytes) {
          assert.equal(maps.update(desk.fd, buffer(4), bytes), 0);
          const request = { data: buffer(64), context: null, repeat: 1, outputSize: 256 };
          assert.ok(typeof programs.testRun(loaded.fd, request) !== "number");
          const answer = buffer(DESK);
          assert.equal(maps.lookup(desk.fd, buffer(4), answer), 0);
          return answer;
        },
      })
    );
    loaded.close();
  } finally {
    kernel.close();
  }
}

function randomDesk(operations: Operations, flags: readonly number[], spread: number, dice: Dice) {
  const desk = buffer(DESK);
  const view = new DataView(desk.buffer, desk.byteOffset);
  view.setBigUint64(AT.operation, BigInt(dice.below(operations.length)), true);
  view.setBigUint64(AT.flags, BigInt(dice.pick(flags)), true);
  view.setUint32(AT.key, dice.below(spread), true);
  desk.set(dice.bytes(VALUE_SIZE), AT.value);
  return desk;
}

/** A map, its operations, the flags to try, how many different keys. */
type Case = readonly [
  type: string,
  sizes: Readonly<Record<string, unknown>>,
  operations: Operations,
  flags: readonly number[],
  spread: number,
];

const FLAGS = [0, 0, 0, 1, 2, 3, 4, 5, 8, 2 ** 40] as const;
const ELEMENTS: Operations = [LOOKUP, UPDATE, UPDATE, DELETE];

const CASES: readonly Case[] = [
  ["array", { key: 4, entries: 5 }, [LOOKUP, UPDATE, DELETE], FLAGS, 8],
  ["percpu_array", { key: 4, entries: 5 }, [LOOKUP, UPDATE, DELETE], FLAGS, 8],
  ["hash", { entries: 20 }, ELEMENTS, FLAGS, 40],
  ["hash", { entries: 20, flags: ["no_prealloc"] }, ELEMENTS, FLAGS, 40],
  ["percpu_hash", { entries: 20 }, ELEMENTS, FLAGS, 40],
  ["lru_hash", { entries: 2000 }, ELEMENTS, FLAGS, 40],
  ["lpm_trie", { key: 8, entries: 20, flags: ["no_prealloc"] }, ELEMENTS, FLAGS, 34],
  ["queue", { key: 0, entries: 6 }, [PUSH, PUSH, POP, PEEK], FLAGS, 1],
  ["stack", { key: 0, entries: 6 }, [PUSH, PUSH, POP, PEEK], FLAGS, 1],
  [
    "ringbuf",
    { key: 0, value: 0, entries: 4096 },
    [OUTPUT, RESERVE("ringbuf_submit"), RESERVE("ringbuf_discard"), QUERY],
    [0, 1, 2, 3, 4],
    1,
  ],
];

for (const [type, sizes, operations, flags, spread] of CASES) {
  testWith("kernel", `programs see maps as in the kernel: ${type} ${JSON.stringify(sizes)}`, () => {
    const program = programOf(operations), file = fileOf(type, sizes);
    for (const seed of [1, 2]) {
      withKernel(program, file, (kernel) => {
        const own = sandbox(program, file);
        const dice = new Dice(seed);
        for (let i = 0; i < RUNS; i++) {
          const desk = randomDesk(operations, flags, spread, dice);
          const [wanted, got] = [kernel, own].map((place) => place.run(desk).toHex());
          assert.equal(
            got,
            wanted,
            `seed ${seed}, run ${i}: operation ${desk[0]}, flags ${desk[8]}`,
          );
        }
      });
    }
  });
}
