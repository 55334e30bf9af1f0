import assert from "node:assert/strict";
import { UnsupportedError } from "../../lib/errors.ts";
import { Instruction, invalidInstruction } from "../../lib/isa/instruction.ts";
import { findOp } from "../../lib/isa/ops.ts";
import {
  alu,
  atomic,
  branch,
  call,
  callx,
  exit,
  type Extras,
  goto,
  lddw,
  lift,
  load,
  mayGoto,
  mov,
  packet,
  shape,
  store,
} from "./support.ts";

/** Lifts and compares. */
function lifts(insns: readonly Instruction[], expected: readonly string[], extras: Extras = {}) {
  assert.deepEqual(shape(lift(insns, extras)), expected);
}

/** Expects a refusal at a slot. */
function refuses(insns: readonly Instruction[], pc: number, why: RegExp, extras: Extras = {}) {
  assert.throws(
    () => lift(insns, extras),
    (error: unknown) =>
      error instanceof UnsupportedError && error.place.pc === pc &&
      error.place.function === "f0" && why.test(error.message),
  );
}

Deno.test("moves stay: copy, zext, sext", () => {
  lifts([
    mov(0, "r1"),
    mov(0, "r0", 32),
    mov(0, "r0", 64, 8),
    mov(3, -1, 32),
    mov(4, -1),
    exit(),
  ], [
    "b0(r1.0):",
    "r0.1 = copy r1.0",
    "r0.2 = zext r0.1",
    "r0.3 = sext.8.64 r0.2",
    "r3.4 = zext -1",
    "r4.5 = copy -1",
    "return r0.3",
  ]);
});

Deno.test("w0 = w2 truncates; it is no rename", () => {
  lifts([mov(0, "r2", 32), exit()], ["b0(r2.0):", "r0.1 = zext r2.0", "return r0.1"]);
});

Deno.test("values keep their slot, which counts both slots of an lddw", () => {
  const fn = lift([lddw(1, 1, 1), mov(0, "r1"), exit()]);
  assert.deepEqual(fn.entry.insns.map((value) => value.pc), [0, 2]);
  assert.equal(fn.entry.term?.pc, 3);
});

Deno.test("an lddw is a copy of a constant or of a symbol", () => {
  const fn = lift([lddw(1, -1), lddw(2, -1, -1), lddw(3, 5, 7), lddw(0, 9, 0, "map_fd"), exit()]);
  const leaves = fn.entry.insns.map((value) => value.args[0]);
  assert.deepEqual(leaves.slice(0, 3).map((leaf) => leaf.imm), [
    0xffff_ffffn,
    0xffff_ffff_ffff_ffffn,
    0x7_0000_0005n,
  ]);
  assert.deepEqual(leaves[3].ref, {
    kind: "map_fd",
    imm: 9,
    high: 0,
    relocation: null,
    target: -1,
  });
});

Deno.test("equal immediates of different widths share a leaf", () => {
  const fn = lift([mov(0, -7), alu("add", 0, -7), alu("add", 0, -7, 32), exit()]);
  const [a, b, c] = fn.entry.insns.map((value) => value.args[value.args.length - 1]);
  assert.equal(a, b);
  assert.equal(a, c);
});

Deno.test("memory keeps base and displacement", () => {
  lifts([
    store(4, 10, -4, 7),
    store(8, 10, -16, "r1"),
    load(8, 0, 10, -16),
    exit(),
  ], [
    "b0(r1.0):",
    "store.4 [-4] frame, 7",
    "store.8 [-16] frame, r1.0",
    "r0.3 = load.8 [-16] frame",
    "return r0.3",
  ]);
});

Deno.test("a diamond joins only what differs; jset is a condition like the others", () => {
  lifts([
    mov(2, 5),
    mov(0, 1),
    branch("set", 1, 4, 1),
    mov(0, 2),
    alu("add", 0, "r2"),
    exit(),
  ], [
    "b0(r1.0):",
    "r2.1 = copy 5",
    "r0.2 = copy 1",
    "branch.set.64 r1.0, 4, b2(r0.2), b1()",
    "b1():",
    "r0.3 = copy 2",
    "jump b2(r0.3)",
    "b2(r0.4):",
    "r0.5 = alu.add.64 r0.4, r2.1",
    "return r0.5",
  ]);
});

Deno.test("a branch to the next instruction keeps both edges", () => {
  lifts([mov(0, 0), branch("eq", 1, 0, 0), exit()], [
    "b0(r1.0):",
    "r0.1 = copy 0",
    "branch.eq.64 r1.0, 0, b1(), b1()",
    "b1():",
    "return r0.1",
  ]);
});

Deno.test("the first instruction may be a loop header", () => {
  lifts([alu("sub", 1, 1), branch("ne", 1, 0, -2), mov(0, "r2"), exit()], [
    "b0(r1.0, r2.1):",
    "jump b1(r1.0)",
    "b1(r1.2):",
    "r1.3 = alu.sub.64 r1.2, 1",
    "branch.ne.64 r1.3, 0, b1(r1.3), b2()",
    "b2():",
    "r0.4 = copy r2.1",
    "return r0.4",
  ]);
});

Deno.test("a loop that swaps two registers", () => {
  lifts([
    mov(6, 1),
    mov(7, 2),
    mov(3, "r6"),
    mov(6, "r7"),
    mov(7, "r3"),
    alu("sub", 1, 1),
    branch("ne", 1, 0, -5),
    mov(0, "r6"),
    exit(),
  ], [
    "b0(r1.0):",
    "r6.1 = copy 1",
    "r7.2 = copy 2",
    "jump b1(r1.0, r6.1, r7.2)",
    "b1(r1.3, r6.4, r7.5):",
    "r3.6 = copy r6.4",
    "r6.7 = copy r7.5",
    "r7.8 = copy r3.6",
    "r1.9 = alu.sub.64 r1.3, 1",
    "branch.ne.64 r1.9, 0, b1(r1.9, r6.7, r7.8), b2()",
    "b2():",
    "r0.10 = copy r6.7",
    "return r0.10",
  ]);
});

Deno.test("registers that a loop only reads get no parameter, nested loops included", () => {
  const fn = lift([
    mov(6, 9),
    mov(2, 3), // outer header
    alu("sub", 2, "r6"), // inner header
    branch("ne", 2, 0, -2),
    alu("sub", 1, 1),
    branch("ne", 1, 0, -5),
    mov(0, "r6"),
    exit(),
  ]);
  assert.deepEqual(fn.blocks.map((b) => b.params.map((p) => p.hint)), [[1], [1], [2], [], []]);
});

Deno.test("may_goto has the taken edge first", () => {
  lifts([mayGoto(1), goto(-2), mov(0, 0), exit()], [
    "b0():",
    "jump b1()",
    "b1():",
    "may_goto b3(), b2()",
    "b2():",
    "jump b1()",
    "b3():",
    "r0.0 = copy 0",
    "return r0.0",
  ]);
});

Deno.test("unreachable code is dropped, whatever it holds", () => {
  lifts([goto(1), invalidInstruction(0xff, 0, 0, 0, 0), goto(0), mov(0, 0), exit()], [
    "b0():",
    "jump b1()",
    "b1():",
    "jump b2()",
    "b2():",
    "r0.0 = copy 0",
    "return r0.0",
  ]);
});

Deno.test("a register that is not set is undef", () => {
  lifts([exit()], ["b0():", "return undef"]);
  lifts([mov(0, "r6"), exit()], ["b0():", "r0.0 = copy undef", "return r0.0"]);
  lifts([call(7), mov(0, "r1"), exit()], [
    "b0():",
    "r0.0 = call #7",
    "r0.1 = copy undef",
    "return r0.1",
  ]);
});

Deno.test("an unknown helper gets every argument that has a value, on some path at least", () => {
  const insns = [
    mov(1, 1),
    branch("eq", 6, 0, 1),
    mov(3, 3),
    call(195896080),
    call(195896080),
    exit(),
  ];
  lifts(insns, [
    "b0():",
    "r1.0 = copy 1",
    "branch.eq.64 undef, 0, b2(undef), b1()",
    "b1():",
    "r3.1 = copy 3",
    "jump b2(r3.1)",
    "b2(r3.2):",
    "r0.3 = call #195896080 r1.0, undef, r3.2",
    "r0.4 = call #195896080",
    "return r0.4",
  ], { params: [1] });
});

Deno.test("the optional arguments of a helper are parameters unless BTF knows better", () => {
  const insns = [mov(1, 1), mov(2, 2), call(195896080), exit()];
  assert.deepEqual(lift(insns).entry.params.map((p) => p.hint), [3, 4, 5]);
  assert.deepEqual(lift(insns, { params: [3] }).entry.params.map((p) => p.hint), [3]);
  assert.deepEqual(lift(insns, { params: [0] }).entry.params.map((p) => p.hint), []);
});

Deno.test("a helper gets the arguments of its signature; without a kernel any helper is unknown", () => {
  const insns = [call(5), call(6), exit()];
  const calls = (extras: Extras) => lift(insns, extras).entry.insns.map((v) => v.args.length);
  assert.deepEqual(calls({}), [0, 2]);
  assert.deepEqual(calls({ format: "raw" }), [5, 0]);
});

Deno.test("LD_ABS and LD_IND read r6, set r0 and lose r1 to r5", () => {
  lifts([
    mov(6, "r1"),
    mov(2, 1),
    packet("ind", 2, -4, 2),
    packet("abs", 1, 3),
    mov(0, "r2"),
    exit(),
  ], [
    "b0(r1.0):",
    "r6.1 = copy r1.0",
    "r2.2 = copy 1",
    "r0.3 = packet.ind.2 18446744073709551612 r6.1, r2.2",
    "r0.4 = packet.abs.1 3 r6.1",
    "r0.5 = copy undef",
    "return r0.5",
  ]);
});

Deno.test("fetching atomics set src, cmpxchg r0, load_acquire dst", () => {
  lifts([
    mov(0, 0),
    atomic("add", 8, 1, 0, 2),
    atomic("fetch_add", 8, 1, 8, 2),
    atomic("cmpxchg", 4, 1, 0, 2),
    atomic("load_acquire", 8, 3, 0, 1),
    atomic("store_release", 8, 1, 0, 3),
    exit(),
  ], [
    "b0(r1.0, r2.1):",
    "r0.2 = copy 0",
    "atomic.add.8 [0] r1.0, r2.1",
    "r2.4 = atomic.fetch_add.8 [8] r1.0, r2.1",
    "r0.5 = atomic.cmpxchg.4 [0] r1.0, r2.4, r0.2",
    "r3.6 = atomic.load_acquire.8 [0] r1.0",
    "atomic.store_release.8 [0] r1.0, r3.6",
    "return r0.5",
  ]);
});

Deno.test("a local call passes what the callee reads", () => {
  const insns = [
    mov(3, 3),
    mov(2, 2),
    call(2, "local"),
    mov(0, "r0"),
    exit(),
    mov(0, "r2"),
    exit(),
  ];
  lifts(insns, [
    "b0():",
    "r3.0 = copy 3",
    "r2.1 = copy 2",
    "r0.2 = call f1 undef, r2.1",
    "r0.3 = copy r0.2",
    "return r0.3",
  ], { starts: [0, 5] });
  assert.deepEqual(shape(lift(insns, { starts: [0, 5] }, 1)), [
    "b0(r2.0):",
    "r0.1 = copy r2.0",
    "return r0.1",
  ]);
});

Deno.test("arguments are passed through callees, and by BTF", () => {
  const insns = [
    call(1, "local"),
    exit(),
    call(1, "local"),
    exit(),
    mov(0, "r3"),
    exit(),
  ];
  const calls = (params: number[]) =>
    [0, 1].map((i) => lift(insns, { starts: [0, 2, 4], params }, i).entry.insns[0].args.length);
  assert.deepEqual(calls([-1, -1, -1]), [3, 3]);
  assert.deepEqual(calls([-1, -1, 4]), [4, 4]);
  assert.deepEqual(calls([-1, 5, 3]), [5, 3]);
});

Deno.test("recursion is lifted, with any arguments", () => {
  const fn = lift([call(1, "local"), exit(), call(-1, "local"), exit()], { starts: [0, 2] }, 1);
  assert.equal(fn.entry.insns[0].args.length, 5);
});

Deno.test("callx passes the address, then r1 to r5", () => {
  lifts([mov(1, 1), mov(2, 5), callx(2), exit()], [
    "b0():",
    "r1.0 = copy 1",
    "r2.1 = copy 5",
    "r0.2 = call * r2.1, r1.0, r2.1",
    "return r0.2",
  ], { params: [0] });
});

Deno.test("a callback keeps its body: its address names the function", () => {
  const insns = [
    mov(1, 10),
    lddw(2, 6, 0, "func"),
    mov(3, 0),
    mov(4, 0),
    call(181),
    mov(0, 0),
    exit(),
    mov(0, "r1"),
    exit(),
  ];
  const caller = lift(insns, { starts: [0, 7] });
  assert.equal(caller.entry.insns[1].args[0].ref?.target, 1);
  assert.deepEqual(shape(lift(insns, { starts: [0, 7] }, 1)), [
    "b0(r1.0):",
    "r0.1 = copy r1.0",
    "return r0.1",
  ]);
});

Deno.test("CO-RE records stay on values, patched immediates are leaves of their own", () => {
  const record = { typeId: 1, accessOffset: 0, access: "0:1", kind: 0 };
  const core = new Map([0, 1, 2, 3, 4, 5].map((slot) => [slot, record]));
  lifts([
    mov(2, 8),
    mov(3, 8, 32),
    alu("add", 2, 8),
    load(8, 3, 1, 16),
    store(8, 1, 16, 0),
    lddw(0, 8),
    exit(),
  ], [
    "b0(r1.0):",
    "r2.1 = copy core32(8)",
    "r3.2 = zext core32(8)",
    "r2.3 = alu.add.64 r2.1, core32(8)",
    "r3.4 = load.8 [16] core r1.0",
    "store.8 [16] core r1.0, 0",
    "r0.6 = copy core64(8)",
    "return r0.6",
  ], { core });
  refuses([mov(0, "r1"), exit()], 0, /CO-RE record on mov/, { core: new Map([[0, record]]) });
});

Deno.test("relocations are kept on calls and lddw, refused elsewhere", () => {
  const relocation = { type: 10, symbol: 3, name: "bpf_kfunc", addend: null };
  const relocations = new Map([[0, relocation]]);
  const targets = new Map([[0, { kind: "extern", name: "bpf_kfunc", params: 0 } as const]]);
  const fn = lift([call(-1, "local"), exit()], { relocations, targets });
  assert.deepEqual(fn.entry.insns[0].callee, {
    kind: "kfunc",
    name: "bpf_kfunc",
    imm: -1,
    off: 0,
    form: "local",
    relocation,
  });
  refuses([mov(0, 0), exit()], 0, /relocation of type 10 against bpf_kfunc on mov/, {
    relocations,
  });
  refuses([call(1), exit()], 0, /helper call with a relocation/, { relocations });
});

Deno.test("what cannot be lifted is refused with its place", () => {
  refuses([mov(0, 0)], 0, /falls off the end/);
  refuses([mov(0, 0), branch("eq", 0, 0, 5), exit()], 1, /jump out of the function/);
  refuses([mov(0, 0), goto(-3)], 1, /jump out of the function/);
  refuses([goto(1), lddw(0, 0), exit()], 0, /middle of an lddw/);
  refuses([invalidInstruction(0x8f, 0, 0, 0, 0), exit()], 0, /undefined encoding of opcode 0x8f/);
  refuses([mov(10, 0), exit()], 0, /write to r10/);
  refuses([atomic("xchg", 8, 1, 0, 10), exit()], 0, /write to r10/);
  refuses([new Instruction(findOp({ kind: "gotox" }), 1)], 0, /jump through an unknown table/);
  refuses([call(99, "local"), exit()], 0, /no function starts/);
  refuses([lddw(1, 99, 0, "func"), exit()], 0, /no function starts/);
  refuses([exit()], 0, /jumps across/, { entangled: "jumps across" });
});
