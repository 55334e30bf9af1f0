import assert from "node:assert/strict";
import { UnsupportedError } from "../../lib/errors.ts";
import { Instruction } from "../../lib/isa/instruction.ts";
import { findOp, type Size } from "../../lib/isa/ops.ts";
import { GuestFault } from "../../lib/vm/fault.ts";
import { GUEST_BASE, GuestMemory } from "../../lib/vm/memory.ts";
import { Vm } from "../../lib/vm/vm.ts";
import { Random } from "../support/random.ts";
import { programOf } from "./support.ts";

const kindOf = (access: () => unknown): string => {
  try {
    access();
    return "";
  } catch (error) {
    assert.ok(error instanceof GuestFault);
    return error.kind;
  }
};

Deno.test("regions are exact", () => {
  const memory = new GuestMemory("little", { level: "strict" });
  const first = memory.allocate("first", 10);
  const second = memory.allocate("second", 4096);
  const at = BigInt(first.address);
  assert.equal(kindOf(() => memory.store(at + 2n, 8, 1n)), "");
  assert.equal(kindOf(() => memory.store(at + 3n, 8, 1n)), "out-of-bounds");
  assert.equal(kindOf(() => memory.load(at - 1n, 1)), "out-of-bounds");
  assert.equal(kindOf(() => memory.load(BigInt(second.address) + 4095n, 1)), "");
  assert.equal(kindOf(() => memory.load(BigInt(second.address) + 4095n, 2)), "out-of-bounds");
  assert.equal(kindOf(() => memory.load(BigInt(second.address) + 4096n, 1)), "out-of-bounds");
});

Deno.test("addresses do not alias", () => {
  const memory = new GuestMemory("little");
  const at = BigInt(memory.allocate("region", 64).address);
  for (const high of [1n << 32n, 1n << 63n, 0xffff_ffffn << 32n]) {
    assert.equal(kindOf(() => memory.load(at + high, 1)), "out-of-bounds");
  }
  assert.equal(kindOf(() => memory.load(0n, 1)), "null");
  assert.equal(kindOf(() => memory.load(BigInt(GUEST_BASE) - 1n, 1)), "null");
  assert.equal(kindOf(() => memory.load(-1n, 1)), "out-of-bounds");
});

Deno.test("read-only and unmapped regions fault", () => {
  const memory = new GuestMemory("big", { level: "strict" });
  const region = memory.allocate(".rodata", 16, false);
  const at = BigInt(region.address);
  memory.contents(region).set([1, 2]);
  assert.equal(memory.load(at, 2), 0x102n);
  assert.equal(kindOf(() => memory.store(at, 1, 0n)), "read-only");
  assert.throws(
    () => memory.store(at, 1, 0n),
    /cannot store 1 bytes at 0x[0-9a-f]+: .rodata is read-only/,
  );
  memory.unmap(region);
  assert.equal(kindOf(() => memory.load(at, 1)), "out-of-bounds");
  memory.resize(region, 4);
  assert.equal(kindOf(() => memory.load(at, 4)), "");
  assert.equal(kindOf(() => memory.load(at, 8)), "out-of-bounds");
});

Deno.test("memory grows and keeps its content; absurd sizes are refused", () => {
  const memory = new GuestMemory("little", { maximum: 1 << 24 });
  const first = memory.allocate("first", 8);
  memory.store(BigInt(first.address), 8, 0x1234n);
  const big = memory.allocate("big", 1 << 20);
  assert.equal(memory.load(BigInt(first.address), 8), 0x1234n);
  assert.equal(memory.load(BigInt(big.address + big.size - 8), 8), 0n);
  for (const size of [1 << 24, 2 ** 40, -1, NaN, Infinity]) {
    assert.throws(() => memory.allocate("absurd", size), UnsupportedError);
  }
  memory.storage.grow = () => {
    throw new RangeError("no memory");
  };
  assert.throws(() => memory.allocate("much", 1 << 22), /the host refuses/);
});

Deno.test("in a sandbox every access to the storage is allowed, and none beside it", () => {
  const memory = new GuestMemory("little");
  const region = memory.allocate("region", 16, false);
  const end = BigInt(GUEST_BASE + memory.bytes.length);
  assert.equal(kindOf(() => memory.store(BigInt(region.address) + 16n, 8, 1n)), "");
  memory.unmap(region);
  assert.equal(kindOf(() => memory.load(BigInt(region.address), 8)), "");
  assert.equal(kindOf(() => memory.load(BigInt(GUEST_BASE), 8)), "");
  assert.equal(kindOf(() => memory.load(BigInt(GUEST_BASE) - 1n, 8)), "null");
  assert.equal(kindOf(() => memory.load(end - 8n, 8)), "");
  assert.equal(kindOf(() => memory.load(end - 7n, 8)), "out-of-bounds");
  memory.allocate("more", 1 << 17);
  assert.equal(kindOf(() => memory.load(end - 7n, 8)), "");
  assert.equal(kindOf(() => memory.load(end + (1n << 32n) - 7n, 8)), "out-of-bounds");
});

Deno.test("slices of no bytes are always allowed", () => {
  const memory = new GuestMemory("little");
  assert.equal(memory.slice(0n, 0, true).length, 0);
  assert.equal(kindOf(() => memory.slice(0n, 1, true)), "null");
});

Deno.test("random accesses agree with a model that knows each byte", () => {
  const seed = Number(Deno.env.get("EPASS_SEED") ?? 7);
  const random = new Random(seed);
  for (let round = 0; round < 20; round++) {
    const memory = new GuestMemory(random.chance(0.5) ? "little" : "big", { level: "strict" });
    const model = new Map<number, { value: number; writable: boolean }>();
    for (let i = 0; i < 6; i++) {
      const region = memory.allocate(`r${i}`, random.below(9000), random.chance(0.7));
      if (random.chance(0.3)) memory.resize(region, random.below(region.capacity + 1));
      if (random.chance(0.2)) memory.unmap(region);
      else {
        for (let at = 0; at < region.size; at++) {
          model.set(region.address + at, { value: 0, writable: region.writable });
        }
      }
    }
    const edges = memory.regions.flatMap(({ address, size }) => [address, address + size]);
    for (let i = 0; i < 500; i++) {
      const size = random.pick<Size>([1, 2, 4, 8]);
      const at = random.pick(edges) + random.below(24) - 12;
      const bytes = Array.from({ length: size }, (_, j) => model.get(at + j));
      const write = random.chance(0.5);
      const allowed = bytes.every((byte) => byte !== undefined && (byte.writable || !write));
      const value = random.pattern();
      const little = memory.order === "little";
      const order = little ? bytes : [...bytes].reverse();
      if (write) {
        assert.equal(
          kindOf(() => memory.store(BigInt(at), size, value)) === "",
          allowed,
          `seed ${seed}`,
        );
        if (allowed) {
          order.forEach((byte, j) => byte!.value = Number(value >> BigInt(8 * j) & 0xffn));
        }
      } else if (allowed) {
        const expected = order.reduce(
          (sum, byte, j) => sum | BigInt(byte!.value) << BigInt(8 * j),
          0n,
        );
        assert.equal(memory.load(BigInt(at), size), expected, `seed ${seed}`);
      } else {
        assert.notEqual(kindOf(() => memory.load(BigInt(at), size)), "", `seed ${seed}`);
      }
    }
  }
});

Deno.test("the interpreter and the memory agree on every access", () => {
  const seed = Number(Deno.env.get("EPASS_SEED") ?? 7);
  const random = new Random(seed);
  const load = findOp({ kind: "load", size: 8 });
  const exit = new Instruction(findOp({ kind: "exit" }));
  for (const kind of ["load", "store"] as const) {
    for (const size of [1, 2, 4, 8] as const) {
      const op = findOp({ kind, size, form: kind === "store" ? "imm" : "" });
      const off = random.below(65536) - 32768;
      const access = kind === "load"
        ? new Instruction(op, 0, 2, off)
        : new Instruction(op, 2, 0, off, 1);
      const vm = Vm.loadSync(programOf([new Instruction(load, 2, 1), access, exit]), {
        level: "strict",
      });
      vm.memory.allocate("read-only", 100, false);
      vm.run({ context: new Uint8Array(64) });
      const places = [
        ...vm.memory.regions.flatMap((region) => [region.address, region.address + region.size]),
        ...[0, GUEST_BASE, 0x8000_0000, 2 ** 32],
      ];
      for (let i = 0; i < 300; i++) {
        const high = random.chance(0.2) ? random.pattern() << 32n : 0n;
        const target = BigInt(random.pick(places) + random.below(20) - 10) + high;
        const context = new Uint8Array(64);
        new DataView(context.buffer).setBigUint64(0, target - BigInt(off), true);
        const { fault } = vm.run({ context });
        const frame = vm.memory.regions[0];
        vm.memory.map(frame);
        const base = BigInt.asUintN(64, target - BigInt(off));
        const expected = kindOf(() => vm.memory.place(base, off, size, kind === "store"));
        assert.equal(fault?.kind ?? "", expected, `${kind} ${size} at ${target} (seed ${seed})`);
      }
    }
  }
});
