/**
 * Intrinsics on ranges of memory: functions of the module, written in the instructions of the text format.
 *
 * They check the whole range first, and refuse (with 0, or with -1 where 0 is an answer) what is not entirely in memory:
 * the code that called them then goes the long way, and faults at the right place. They count an instruction for each
 * byte, which is less than the loop in their place would, and refuse where the counter is spent.
 *
 * @module
 */

import { ByteWriter } from "./byte_writer.ts";
import { GUEST_BASE, LIMITS, PAGE_SHIFT } from "./host.ts";
import type { WasmFunction } from "./module.ts";
import { BULK, TYPE, WASM } from "./opcodes.ts";

/** Vector instructions (WebAssembly 2.0, section 5.4.8), behind a prefix. */
// deno-fmt-ignore
const VECTOR: { readonly [name: string]: number } = {
  "v128.load": 0x00, "v128.const": 0x0c, "i64x2.extract_lane": 0x1d,
  "i8x16.eq": 0x23, "i8x16.ne": 0x24, "v128.and": 0x4e, "i8x16.all_true": 0x63,
  "i16x8.extadd_pairwise_i8x16_u": 0x7d, "i32x4.extadd_pairwise_i16x8_u": 0x7f,
  "i32x4.add": 0xae, "i64x2.extend_low_i32x4_u": 0xc9, "i64x2.extend_high_i32x4_u": 0xca, "i64x2.add": 0xce,
};
const VECTOR_PREFIX = 0xfd;
const V128 = 0x7b;
const TYPES: { readonly [name: string]: number } = { i32: TYPE.i32, i64: TYPE.i64, v128: V128 };
/** The global that counts what is left of the instructions that may run. */
const FUEL = 0;
/** The greatest size in bytes of which a sum stays within 32 bits in each lane. */
const MOST_SUMMED = 0x4_0000n;

/** An instruction with its immediates, separated by blanks. */
type Step = string;

function putImmediates(out: ByteWriter, name: string, immediates: readonly string[]): void {
  const [first] = immediates;
  if (name === "i64.const") return out.signed64(BigInt(first));
  if (name === "i32.const") return out.signed32(Number(first));
  if (name === "v128.const") return out.append(new Uint8Array(16));
  if (name === "block" || name === "loop" || name === "if") {
    return out.byte(first === undefined ? TYPE.empty : TYPES[first]);
  }
  if (name.includes(".load")) {
    // Alignment, with a bit that says that the index of a memory follows; no offset.
    out.byte(first === undefined ? 0 : 0x40);
    if (first !== undefined) out.unsigned(Number(first));
    return out.unsigned(0);
  }
  if (name === "memory.size") return out.byte(0);
  for (const immediate of immediates) out.unsigned(Number(immediate));
}

/** Encodes a body: locals behind the parameters by type, then code. */
function encodeBody(locals: readonly string[], steps: readonly Step[]): Uint8Array {
  const out = new ByteWriter();
  out.unsigned(locals.length);
  for (const type of locals) {
    out.unsigned(1);
    out.byte(TYPES[type]);
  }
  for (const step of steps) {
    const [name, ...immediates] = step.split(" ");
    if (name in VECTOR) {
      out.byte(VECTOR_PREFIX);
      out.unsigned(VECTOR[name]);
    } else if (name in BULK) {
      out.byte(WASM.bulk);
      out.unsigned(BULK[name as keyof typeof BULK]);
      out.append(new Uint8Array(name === "memory.copy" ? 2 : 1));
      continue;
    } else {
      out.byte(name === "memory.size" ? 0x3f : WASM[name as keyof typeof WASM]);
    }
    putImmediates(out, name, immediates);
  }
  out.byte(WASM.end);
  return out.bytes.slice();
}

/** Returns an answer if the number on the stack is not 0. */
const answerIf = (answer: bigint): Step[] => ["if", `i64.const ${answer}`, "return", "end"];

/** How ranges are checked: against the end of memory, or in strict memory against the limits of pages. */
interface Checks {
  readonly strict: boolean;
}

const MEMORY_SIZE: readonly Step[] = [
  "memory.size",
  "i64.extend_i32_u",
  "i64.const 16",
  "i64.shl",
];

/** Pushes the limit of the page of an offset. */
const pageLimit = (offset: number, memory: number): Step[] => [
  ...[`local.get ${offset}`, "i32.wrap_i64", `i32.const ${PAGE_SHIFT}`, "i32.shr_u"],
  ...["i32.const 2", "i32.shl", `i32.load ${memory}`, "i64.extend_i32_u"],
];

/** Refuses where the counter is spent. */
const refuseSpent = (refusal: bigint): Step[] => [
  ...[`global.get ${FUEL}`, "i32.const 0", "i32.lt_s"],
  ...answerIf(refusal),
];

/**
 * Turns the address in a local into an offset, and sets another to the bytes in reach from there on; refuses where there
 * are none.
 */
function reach(
  { strict }: Checks,
  memory: number,
  address: number,
  bytes: number,
  refusal: bigint,
): Step[] {
  return [
    ...[`local.get ${address}`, `i64.const ${GUEST_BASE}`, "i64.sub", `local.tee ${address}`],
    ...[...MEMORY_SIZE, "i64.ge_u", ...answerIf(refusal)],
    ...(strict ? pageLimit(address, memory) : MEMORY_SIZE),
    ...[`local.get ${address}`, "i64.sub", `local.tee ${bytes}`],
    ...["i64.const 0", "i64.le_s", ...answerIf(refusal)],
  ];
}

/** Refuses a size that is 0, or greater than the bytes in reach. */
function refuseBeyond(size: number, bytes: number, refusal: bigint): Step[] {
  return [
    ...[`local.get ${size}`, "i64.eqz", ...answerIf(refusal)],
    ...[`local.get ${size}`, `local.get ${bytes}`, "i64.gt_u", ...answerIf(refusal)],
  ];
}

/** Takes the bytes of a range off the counter. */
const charge = (size: number): Step[] => [
  ...[`global.get ${FUEL}`, ...wrapped(size), "i32.sub", `global.set ${FUEL}`],
];

const wrapped = (...locals: number[]): Step[] =>
  locals.flatMap((local) => [`local.get ${local}`, "i32.wrap_i64"]);

/** `memory.copy(to, from, size)`. */
function copyBody(checks: Checks): Uint8Array {
  return encodeBody(["i64"], [
    ...refuseSpent(0n),
    ...[...reach(checks, LIMITS.write, 0, 3, 0n), ...refuseBeyond(2, 3, 0n)],
    ...[...reach(checks, LIMITS.read, 1, 3, 0n), ...refuseBeyond(2, 3, 0n)],
    // A copy byte by byte would read what it wrote.
    ...["local.get 0", "local.get 1", "i64.sub", "local.get 2", "i64.lt_u", ...answerIf(0n)],
    ...charge(2),
    ...wrapped(0, 1, 2),
    ...["memory.copy", "i64.const 1"],
  ]);
}

/** `memory.fill(to, byte, size)`. */
function fillBody(checks: Checks): Uint8Array {
  return encodeBody(["i64"], [
    ...refuseSpent(0n),
    ...[...reach(checks, LIMITS.write, 0, 3, 0n), ...refuseBeyond(2, 3, 0n)],
    ...charge(2),
    ...wrapped(0, 1, 2),
    ...["memory.fill", "i64.const 1"],
  ]);
}

/** How a vector of unsigned numbers becomes one to add: of four sums of 32 bits, or of two of 64 bits. */
const WIDENING: { readonly [size: number]: readonly Step[] } = {
  1: ["i16x8.extadd_pairwise_i8x16_u", "i32x4.extadd_pairwise_i16x8_u"],
  2: ["i32x4.extadd_pairwise_i16x8_u"],
  4: [
    "local.tee 6",
    "i64x2.extend_low_i32x4_u",
    "local.get 6",
    "i64x2.extend_high_i32x4_u",
    "i64x2.add",
  ],
};

/** A loop that runs while the offset in local 3 is less than that in local 4. */
function loopTo(step: number, body: readonly Step[]): Step[] {
  return [
    ...["block", "local.get 3", "local.get 4", "i32.ge_u", "br_if 0"],
    ...["loop", ...body, "local.get 3", `i32.const ${step}`, "i32.add", "local.tee 3"],
    ...["local.get 4", "i32.lt_u", "br_if 0", "end", "end"],
  ];
}

/** `memory.sum.uN(from, size)`: 16 bytes at a time, then the rest. */
function sumBody(checks: Checks, size: 1 | 2 | 4): Uint8Array {
  const fourSums = [
    "local.get 5",
    "i64x2.extend_low_i32x4_u",
    "local.get 5",
    "i64x2.extend_high_i32x4_u",
    "i64x2.add",
    "local.set 5",
  ];
  const add = size === 4 ? "i64x2.add" : "i32x4.add";
  const load = { 1: "i64.load8_u", 2: "i64.load16_u", 4: "i64.load32_u" }[size];
  // Locals: 2 limit, then sum; 3 offset; 4 its end; 5 sums; 6 a vector.
  return encodeBody(["i64", "i32", "i32", "v128", "v128"], [
    ...refuseSpent(-1n),
    ...[...reach(checks, LIMITS.read, 0, 2, -1n), ...refuseBeyond(1, 2, -1n)],
    ...["local.get 1", `i64.const ${MOST_SUMMED}`, "i64.gt_u", ...answerIf(-1n)],
    ...charge(1),
    ...[
      ...wrapped(0),
      "local.tee 3",
      ...wrapped(1),
      "i32.const -16",
      "i32.and",
      "i32.add",
      "local.set 4",
    ],
    ...loopTo(16, [
      "local.get 5",
      "local.get 3",
      "v128.load",
      ...WIDENING[size],
      add,
      "local.set 5",
    ]),
    ...(size === 4 ? [] : fourSums),
    ...[
      "local.get 5",
      "i64x2.extract_lane 0",
      "local.get 5",
      "i64x2.extract_lane 1",
      "i64.add",
      "local.set 2",
    ],
    ...[...wrapped(0, 1), "i32.add", "local.set 4"],
    ...loopTo(size, ["local.get 2", "local.get 3", load, "i64.add", "local.set 2"]),
    "local.get 2",
  ]);
}

/** Sets local 2 to no more than the bytes in reach from an address. */
function clampTo(checks: Checks, address: number): Step[] {
  return [
    ...reach(checks, LIMITS.read, address, 3, 0n),
    ...["local.get 2", "local.get 3", "i64.gt_u", "if", "local.get 3", "local.set 2", "end"],
  ];
}

/** `memory.same(a, b, count)`, and `memory.same.string`, which ends where both are 0: multiples of 16. */
function sameBody(checks: Checks, string: boolean): Uint8Array {
  const nonzero = ["local.get 6", "v128.const", "i8x16.ne", "v128.and"];
  // Locals: 3 bytes in reach; 4 offset of a; 5 its end; 6 a vector.
  return encodeBody(["i64", "i32", "i32", "v128"], [
    ...refuseSpent(0n),
    ...[...clampTo(checks, 0), ...clampTo(checks, 1)],
    // The offset of b is kept as its distance from that of a.
    ...[...wrapped(0), "local.tee 4", ...wrapped(2), "i32.const -16", "i32.and", "i32.add"],
    ...["local.set 5", "local.get 1", "local.get 0", "i64.sub", "local.set 1"],
    ...["block", "loop", "local.get 4", "local.get 5", "i32.ge_u", "br_if 1"],
    ...["local.get 4", "v128.load", "local.tee 6"],
    ...["local.get 4", ...wrapped(1), "i32.add", "v128.load", "i8x16.eq"],
    ...(string ? nonzero : []),
    ...["i8x16.all_true", "i32.eqz", "br_if 1"],
    ...["local.get 4", "i32.const 16", "i32.add", "local.set 4", "br 0", "end", "end"],
    ...["local.get 4", ...wrapped(0), "i32.sub", "local.tee 4"],
    ...["i64.extend_i32_u", `global.get ${FUEL}`, "local.get 4", "i32.sub", `global.set ${FUEL}`],
  ]);
}

/** Parameters and body by name. */
const BODIES: {
  readonly [name: string]: {
    readonly params: number;
    readonly body: (checks: Checks) => Uint8Array;
  };
} = {
  "memory.copy": { params: 3, body: copyBody },
  "memory.fill": { params: 3, body: fillBody },
  "memory.same": { params: 3, body: (checks) => sameBody(checks, false) },
  "memory.same.string": { params: 3, body: (checks) => sameBody(checks, true) },
  "memory.sum.u8": { params: 2, body: (checks) => sumBody(checks, 1) },
  "memory.sum.u16": { params: 2, body: (checks) => sumBody(checks, 2) },
  "memory.sum.u32": { params: 2, body: (checks) => sumBody(checks, 4) },
};

/**
 * Whether an intrinsic is a function of the module.
 *
 * @param name Its name.
 * @returns Whether {@link memoryFunction} makes it.
 */
export function isMemoryFunction(name: string): boolean {
  return Object.hasOwn(BODIES, name);
}

/**
 * The function that an intrinsic is.
 *
 * @param name Its name, one that {@link isMemoryFunction} knows.
 * @param strict Whether pages have limits, in memories of their own.
 * @returns The function, of as many i64 as it has arguments, to an i64.
 */
export function memoryFunction(name: string, strict: boolean): WasmFunction {
  const { params, body } = BODIES[name];
  const signature = { params: new Array<"i64">(params).fill("i64"), result: "i64" } as const;
  return { name, signature, body: body({ strict }) };
}
