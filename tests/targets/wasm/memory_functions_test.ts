import { equal, notEqual } from "node:assert/strict";
import { GUEST_BASE as BASE } from "../../../lib/targets/wasm/host.ts";
import { isMemoryFunction, memoryFunction } from "../../../lib/targets/wasm/memory_functions.ts";
import { encodeModule, SignatureTable } from "../../../lib/targets/wasm/module.ts";

const PAGE = 0x1_0000;

/** An intrinsic over one page of memory, by its name. */
function instantiate(name: string, left = 1_000_000, strict = false) {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const table = new WebAssembly.Table({ element: "anyfunc", initial: 0 });
  const fuel = new WebAssembly.Global({ value: "i32", mutable: true }, left);
  const { bytes } = encodeModule("test", [], [memoryFunction(name, strict)], new SignatureTable());
  const [read, write] = [1, 1].map((initial) => new WebAssembly.Memory({ initial }));
  const host = { memory, read_limits: read, write_limits: write, functions: table, fuel };
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { host });
  const call = instance.exports.f0 as (...args: bigint[]) => bigint;
  const limits = { read: new Int32Array(read.buffer), write: new Int32Array(write.buffer) };
  return { bytes: new Uint8Array(memory.buffer), call, fuel, limits };
}

/** Bytes that differ from their neighbours. */
const pattern = (bytes: Uint8Array): void => bytes.forEach((_, i) => bytes[i] = i * 7 + (i >> 8));

Deno.test("memory.copy copies, or refuses and does nothing", () => {
  const { bytes, call } = instantiate("memory.copy");
  pattern(bytes);
  const before = bytes.slice();
  const at = (offset: number) => BigInt(BASE + offset);
  equal(call(at(100), at(5000), 33n), 1n);
  equal(bytes.subarray(100, 133).join(), before.subarray(5000, 5033).join());
  bytes.set(before);
  for (
    const [to, from, size] of [
      [at(0), at(10), 0n],
      [at(PAGE - 4), at(10), 5n],
      [at(10), at(PAGE - 4), 5n],
      [at(-1), at(10), 5n],
      [at(0) + (1n << 32n), at(10), 5n],
      [at(0), at(10), 1n << 32n],
      [at(0), at(10), -1n],
      [at(12), at(10), 5n],
      [at(10), at(10), 5n],
    ]
  ) {
    equal(call(to, from, size), 0n, `${to} ${from} ${size}`);
    equal(bytes.join(), before.join());
  }
  equal(call(at(10), at(12), 5n), 1n, "downwards it reads before it writes");
  equal(call(at(0), at(PAGE - 16), 16n), 1n, "up to the end");
});

Deno.test("memory.fill fills, or refuses", () => {
  const { bytes, call } = instantiate("memory.fill");
  equal(call(BigInt(BASE + 3), 0x1_07n, 9n), 1n);
  equal(bytes.subarray(0, 14).join(), "0,0,0,7,7,7,7,7,7,7,7,7,0,0");
  equal(call(BigInt(BASE + PAGE - 3), 7n, 4n), 0n);
  equal(call(BigInt(BASE - 1), 7n, 4n), 0n);
  equal(call(BigInt(BASE), 7n, 0n), 0n);
  equal(call(BigInt(BASE), 7n, BigInt(PAGE)), 1n);
});

for (const size of [1, 2, 4]) {
  Deno.test(`memory.sum.u${8 * size} sums, or refuses`, () => {
    const { bytes, call } = instantiate(`memory.sum.u${8 * size}`);
    pattern(bytes);
    bytes.fill(255, 3000, 9000);
    const view = new DataView(bytes.buffer);
    const load = (at: number) =>
      size === 1
        ? view.getUint8(at)
        : size === 2
        ? view.getUint16(at, true)
        : view.getUint32(at, true);
    for (const [start, count] of [[0, 1], [1, 3], [64, 15], [7, 375], [3001, 1400], [2, 64]]) {
      let expected = 0;
      for (let i = 0; i < count; i++) expected += load(start + i * size);
      const sum = call(BigInt(BASE + start), BigInt(count * size));
      equal(sum, BigInt(expected), `${count} from ${start}`);
    }
    equal(call(BigInt(BASE + PAGE - size), BigInt(2 * size)), -1n);
    equal(call(BigInt(BASE - 1), BigInt(size)), -1n);
    equal(call(BigInt(BASE), 1n << 20n), -1n);
    equal(call(BigInt(BASE), 0n), -1n);
  });
}

Deno.test("memory.same finds how much is equal, as far as that is cheap", () => {
  for (const string of [false, true]) {
    const { bytes, call, fuel } = instantiate(string ? "memory.same.string" : "memory.same");
    const same = (a: number, b: number, count: bigint) =>
      Number(call(BigInt(BASE + a), BigInt(BASE + b), count));
    for (let i = 0; i < 200; i++) bytes[1000 + i] = bytes[3001 + i] = i + 1;
    equal(same(1000, 3001, 150n), 144);
    equal(same(1000, 3001, 15n), 0);
    equal(same(3001, 1000, 16n), 16);
    equal(same(1000, 3002, 150n), 0);
    bytes[1040] ^= 1;
    equal(same(1000, 3001, 150n), 32);
    equal(same(20_000, 30_000, 100n), string ? 0 : 96, "zeros");
    equal(same(PAGE - 40, 20_000, 1n << 40n), string ? 0 : 32, "up to the end");
    bytes.fill(7, PAGE - 100);
    equal(same(PAGE - 100, PAGE - 50, 1000n), 48);
    equal(same(PAGE, 20_000, 16n), 0);
    equal(same(20_000, -1, 16n), 0);
    fuel.value = 100;
    equal(same(PAGE - 100, PAGE - 50, 1000n), 48);
    equal(fuel.value, 52);
    fuel.value = -1;
    equal(same(PAGE - 100, PAGE - 50, 1000n), 0);
  }
});

Deno.test("ranges are counted by bytes, and refused where the counter is spent", () => {
  for (
    const [name, args, refusal] of [
      ["memory.copy", [BigInt(BASE), BigInt(BASE + 1000), 600n], 0n],
      ["memory.fill", [BigInt(BASE), 0n, 600n], 0n],
      ["memory.sum.u16", [BigInt(BASE), 600n], -1n],
    ] as const
  ) {
    const { call, fuel } = instantiate(name, 1000);
    call(...args);
    equal(fuel.value, 400);
    notEqual(call(...args), refusal);
    equal(fuel.value, -200);
    equal(call(...args), refusal);
    equal(fuel.value, -200);
  }
});

Deno.test("in strict memory the limits of pages count", () => {
  const at = (offset: number) => BigInt(BASE + offset);
  for (
    const [name, args, refusal] of [
      ["memory.copy", [at(4096), at(8192), 64n], 0n],
      ["memory.fill", [at(4096), 1n, 64n], 0n],
      ["memory.sum.u8", [at(8192), 64n], -1n],
      ["memory.same", [at(8192), at(8192), 64n], 0n],
    ] as const
  ) {
    const { call, limits } = instantiate(name, 1000, true);
    equal(call(...args), refusal, name);
    limits.write[1] = 4096 + 64;
    limits.read[2] = 8192 + 64;
    notEqual(call(...args), refusal, name);
    limits.write[1]--;
    limits.read[2]--;
    equal(call(...args), name === "memory.same" ? 48n : refusal, name);
  }
});

Deno.test("there is no other intrinsic", () => {
  equal(isMemoryFunction("toString"), false);
  equal(isMemoryFunction("memory.copy"), true);
});
