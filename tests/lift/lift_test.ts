import { deepEqual, equal, throws } from "node:assert/strict";
import { UnsupportedError } from "../../lib/errors.ts";
import { printFunction } from "../../lib/ir/print.ts";
import { type Extras, lift } from "./support.ts";

/** Lines without indentation. */
const lines = (text: string): string[] => text.trim().split("\n").map((line) => line.trim());

/** Lifts a function and compares it with the expected text. */
function lifts(code: string, expected: string, extras: Extras = {}, index = 0): void {
  const text = printFunction(lift(code, extras, index));
  deepEqual(lines(text).slice(1), lines(expected));
}

/** Registers of the parameters of each block. */
const params = (code: string, extras: Extras = {}): number[][] =>
  lift(code, extras).blocks.map((block) => block.params.map((param) => param.hint));

/** Expects a refusal at a slot. */
function refuses(code: string, pc: number, why: RegExp, extras: Extras = {}): void {
  throws(
    () => lift(code, extras),
    (error: unknown) =>
      error instanceof UnsupportedError && error.place.pc === pc &&
      error.place.function === "f0" && why.test(error.message),
  );
}

Deno.test("moves stay: copy, zext, sext", () => {
  lifts(
    `
      r0 = r1
      w0 = w0
      r0 = (s8)r0
      w3 = -0x1
      r4 = -0x1
      exit
    `,
    `
    b0(v1:r1):
      v2:r0 = copy v1 !0
      v3:r0 = zext v2 !1
      v4:r0 = sext.64.8 v3 !2
      v6:r3 = zext -1 !3
      v7:r4 = copy -1 !4
      return v4 !5
    `,
  );
});

Deno.test("w0 = w2 truncates; it is no rename", () => {
  lifts(
    `
      w0 = w2
      exit
    `,
    `
    b0(v1:r2):
      v2:r0 = zext v1 !0
      return v2 !1
    `,
  );
});

Deno.test("values keep their slot, which counts both slots of an lddw", () => {
  const fn = lift("r1 = 0x100000001 ll \n r0 = r1 \n exit");
  deepEqual(fn.entry.insns.map((value) => value.pc), [0, 2]);
  equal(fn.entry.term?.pc, 3);
});

Deno.test("an lddw is a copy of a constant or of a symbol", () => {
  const fn = lift(`
    r1 = 0xffffffff ll
    r2 = 0xffffffffffffffff ll
    r3 = 0x700000005 ll
    r0 = map_fd 9 ll
    exit
  `);
  const leaves = fn.entry.insns.map((value) => value.args[0]);
  deepEqual(leaves.slice(0, 3).map((leaf) => leaf.imm), [
    0xffff_ffffn,
    0xffff_ffff_ffff_ffffn,
    0x7_0000_0005n,
  ]);
  deepEqual(leaves[3].ref, {
    kind: "map_fd",
    imm: 9,
    high: 0,
    relocation: null,
    target: -1,
  });
});

Deno.test("equal immediates of different widths share a leaf", () => {
  const fn = lift("r0 = -7 \n r0 += -7 \n w0 += -7 \n exit");
  const [a, b, c] = fn.entry.insns.map((value) => value.args[value.args.length - 1]);
  equal(a, b);
  equal(a, c);
});

Deno.test("memory keeps base and displacement", () => {
  lifts(
    `
      *(u32 *)(r10 - 0x4) = 0x7
      *(u64 *)(r10 - 0x10) = r1
      r0 = *(u64 *)(r10 - 0x10)
      exit
    `,
    `
    b0(v1:r1):
      store.u32 fp - 4, 7 !0
      store.u64 fp - 16, v1 !1
      v6:r0 = load.u64 fp - 16 !2
      return v6 !3
    `,
  );
});

Deno.test("a diamond joins only what differs; jset is a condition like the others", () => {
  lifts(
    `
      r2 = 0x5
      r0 = 0x1
      if r1 & 0x4 goto L4
      r0 = 0x2
    L4:
      r0 += r2
      exit
    `,
    `
    b0(v1:r1):
      v3:r2 = copy 5 !0
      v5:r0 = copy 1 !1
      branch.64.set v1, 4, b2(v5), b1 !2
    b1:
      v8:r0 = copy 2 !3
      jump b2(v8)
    b2(v9:r0):
      v10:r0 = add.64 v9, v3 !4
      return v10 !5
    `,
  );
});

Deno.test("a branch to the next instruction keeps both edges", () => {
  lifts(
    `
      r0 = 0x0
      if r1 == 0x0 goto L2
    L2:
      exit
    `,
    `
    b0(v1:r1):
      v3:r0 = copy 0 !0
      branch.64.eq v1, 0, b1, b1 !1
    b1:
      return v3 !2
    `,
  );
});

Deno.test("the first instruction may be a loop header", () => {
  lifts(
    `
    L0:
      r1 -= 0x1
      if r1 != 0x0 goto L0
      r0 = r2
      exit
    `,
    `
    b0(v1:r1, v2:r2):
      jump b1(v1)
    b1(v3:r1):
      v5:r1 = sub.64 v3, 1 !0
      branch.64.ne v5, 0, b1(v5), b2 !1
    b2:
      v7:r0 = copy v2 !2
      return v7 !3
    `,
  );
});

Deno.test("a loop that swaps two registers", () => {
  lifts(
    `
      r6 = 0x1
      r7 = 0x2
    L2:
      r3 = r6
      r6 = r7
      r7 = r3
      r1 -= 0x1
      if r1 != 0x0 goto L2
      r0 = r6
      exit
    `,
    `
    b0(v1:r1):
      v3:r6 = copy 1 !0
      v5:r7 = copy 2 !1
      jump b1(v1, v3, v5)
    b1(v6:r1, v7:r6, v8:r7):
      v9:r3 = copy v7 !2
      v10:r6 = copy v8 !3
      v11:r7 = copy v9 !4
      v12:r1 = sub.64 v6, 1 !5
      branch.64.ne v12, 0, b1(v12, v10, v11), b2 !6
    b2:
      v14:r0 = copy v10 !7
      return v14 !8
    `,
  );
});

Deno.test("registers that a loop only reads get no parameter, nested loops included", () => {
  const code = `
      r6 = 9
    outer:
      r2 = 3
    inner:
      r2 -= r6
      if r2 != 0 goto inner
      r1 -= 1
      if r1 != 0 goto outer
      r0 = r6
      exit
  `;
  deepEqual(params(code), [[1], [1], [2], [], []]);
});

Deno.test("may_goto has the taken edge first", () => {
  lifts(
    `
    L0:
      may_goto L2
      goto L0
    L2:
      r0 = 0x0
      exit
    `,
    `
    b0:
      jump b1
    b1:
      may_goto b3, b2 !0
    b2:
      jump b1 !1
    b3:
      v2:r0 = copy 0 !2
      return v2 !3
    `,
  );
});

Deno.test("unreachable code is dropped, whatever it holds", () => {
  lifts(
    `
      goto L2
      .insn 0xff, 0, 0, 0x0, 0x0
    L2:
      goto L3
    L3:
      r0 = 0x0
      exit
    `,
    `
    b0:
      jump b1 !0
    b1:
      jump b2 !2
    b2:
      v2:r0 = copy 0 !3
      return v2 !4
    `,
  );
});

Deno.test("a register that is not set is undef", () => {
  lifts(
    `
      exit
    `,
    `
    b0:
      return undef !0
    `,
  );
  lifts(
    `
      r0 = r6
      exit
    `,
    `
    b0:
      v1:r0 = copy undef !0
      return v1 !1
    `,
  );
  lifts(
    `
      call 0x7
      r0 = r1
      exit
    `,
    `
    b0:
      v1:r0 = call get_prandom_u32() !0
      v2:r0 = copy undef !1
      return v2 !2
    `,
  );
});

Deno.test("an unknown helper gets every argument that has a value, on some path at least", () => {
  lifts(
    `
      r1 = 0x1
      if r6 == 0x0 goto L3
      r3 = 0x3
    L3:
      call 0xbad2310
      call 0xbad2310
      exit
    `,
    `
    b0:
      v2:r1 = copy 1 !0
      branch.64.eq undef, 0, b2(undef), b1 !1
    b1:
      v5:r3 = copy 3 !2
      jump b2(v5)
    b2(v6:r3):
      v7:r0 = call 195896080(v2, undef, v6) !3
      v8:r0 = call 195896080() !4
      return v8 !5
    `,
    { params: [1] },
  );
});

Deno.test("the optional arguments of a helper are parameters unless BTF knows better", () => {
  const code = "r1 = 1 \n r2 = 2 \n call 0xbad2310 \n exit";
  deepEqual(params(code), [[3, 4, 5]]);
  deepEqual(params(code, { params: [3] }), [[3]]);
  deepEqual(params(code, { params: [0] }), [[]]);
});

Deno.test("a helper gets the arguments of its signature; without a kernel any helper is unknown", () => {
  const code = "call 5 \n call 6 \n exit";
  const calls = (extras: Extras) => lift(code, extras).entry.insns.map((v) => v.args.length);
  deepEqual(calls({}), [0, 2]);
  deepEqual(calls({ format: "raw" }), [5, 0]);
});

Deno.test("LD_ABS and LD_IND read r6, set r0 and lose r1 to r5", () => {
  lifts(
    `
      r6 = r1
      r2 = 0x1
      r0 = *(u16 *)skb[r2 - 0x4]
      r0 = *(u8 *)skb[0x3]
      r0 = r2
      exit
    `,
    `
    b0(v1:r1):
      v2:r6 = copy v1 !0
      v4:r2 = copy 1 !1
      v5:r0 = packet.u16.ind v2, v4, -4 !2
      v6:r0 = packet.u8.abs v2, 3 !3
      v7:r0 = copy undef !4
      return v7 !5
    `,
  );
});

Deno.test("fetching atomics set src, cmpxchg r0, load_acquire dst", () => {
  lifts(
    `
      r0 = 0x0
      lock *(u64 *)(r1 + 0x0) += r2
      r2 = atomic_fetch_add((u64 *)(r1 + 0x8), r2)
      w0 = cmpxchg32_32(r1 + 0x0, w0, w2)
      r3 = load_acquire((u64 *)(r1 + 0x0))
      store_release((u64 *)(r1 + 0x0), r3)
      exit
    `,
    `
    b0(v1:r1, v2:r2):
      v4:r0 = copy 0 !0
      atomic.u64.add v1, v2 !1
      v6:r2 = atomic.u64.fetch_add v1 + 8, v2 !2
      v7:r0 = atomic.u32.cmpxchg v1, v6, v4 !3
      v8:r3 = atomic.u64.load_acquire v1 !4
      atomic.u64.store_release v1, v8 !5
      return v7 !6
    `,
  );
});

Deno.test("a local call passes what the callee reads", () => {
  const code = `
      r3 = 0x3
      r2 = 0x2
      call L5
      r0 = r0
      exit
    L5:
      r0 = r2
      exit
  `;
  lifts(
    code,
    `
    b0:
      v2:r3 = copy 3 !0
      v4:r2 = copy 2 !1
      v5:r0 = call @1 "f1"(undef, v4) !2
      v6:r0 = copy v5 !3
      return v6 !4
    `,
    { starts: [0, 5] },
  );
  lifts(
    code,
    `
    b0(v1:r2):
      v2:r0 = copy v1 !5
      return v2 !6
    `,
    { starts: [0, 5] },
    1,
  );
});

Deno.test("arguments are passed through callees, and by BTF", () => {
  const code = `
      call second
      exit
    second:
      call third
      exit
    third:
      r0 = r3
      exit
  `;
  const calls = (params: number[]) =>
    [0, 1].map((i) => lift(code, { starts: [0, 2, 4], params }, i).entry.insns[0].args.length);
  deepEqual(calls([-1, -1, -1]), [3, 3]);
  deepEqual(calls([-1, -1, 4]), [4, 4]);
  deepEqual(calls([-1, 5, 3]), [5, 3]);
});

Deno.test("recursion is lifted, with any arguments", () => {
  const fn = lift("call f \n exit \n f: \n call f \n exit", { starts: [0, 2] }, 1);
  equal(fn.entry.insns[0].args.length, 5);
});

Deno.test("callx passes the address, then r1 to r5", () => {
  lifts(
    `
      r1 = 0x1
      r2 = 0x5
      callx r2
      exit
    `,
    `
    b0:
      v2:r1 = copy 1 !0
      v4:r2 = copy 5 !1
      v5:r0 = callx v4(v2, v4) !2
      return v5 !3
    `,
    { params: [0] },
  );
});

Deno.test("a callback keeps its body: its address names the function", () => {
  const code = `
      r1 = 10
      r2 = func callback ll
      r3 = 0
      r4 = 0
      call 181
      r0 = 0
      exit
    callback:
      r0 = r1
      exit
  `;
  const caller = lift(code, { starts: [0, 7] });
  equal(caller.entry.insns[1].args[0].ref?.target, 1);
  lifts(
    code,
    `
    b0(v1:r1):
      v2:r0 = copy v1 !8
      return v2 !9
    `,
    { starts: [0, 7] },
    1,
  );
});

Deno.test("CO-RE records stay on values, patched immediates are leaves of their own", () => {
  const record = { typeId: 1, accessOffset: 0, access: "0:1", kind: 0 };
  const core = new Map([0, 1, 2, 3, 4, 5].map((slot) => [slot, record]));
  lifts(
    `
      r2 = 0x8
      w3 = 0x8
      r2 += 0x8
      r3 = *(u64 *)(r1 + 0x10)
      *(u64 *)(r1 + 0x10) = 0x0
      r0 = 0x8 ll
      exit
    `,
    `
      v2 = core.32 8 core(1, 0, "0:1", 0)
      v4 = core.32 8 core(1, 0, "0:1", 0)
      v6 = core.32 8 core(1, 0, "0:1", 0)
      v11 = core.64 8 core(1, 0, "0:1", 0)
    b0(v1:r1):
      v3:r2 = copy v2 !0
      v5:r3 = zext v4 !1
      v7:r2 = add.64 v3, v6 !2
      v8:r3 = load.u64 v1 + 16 core(1, 0, "0:1", 0) !3
      store.u64 v1 + 16, 0 core(1, 0, "0:1", 0) !4
      v12:r0 = copy v11 !5
      return v12 !7
    `,
    { core },
  );
  const first = new Map([[0, record]]);
  refuses("r0 = r1 \n exit", 0, /CO-RE record on mov/, { core: first });
  refuses("if r1 == 0 goto +0 \n exit", 0, /CO-RE record on branch/, { core: first });
});

Deno.test("relocations are kept on calls and lddw, refused elsewhere", () => {
  const relocation = { type: 10, symbol: 3, name: "bpf_kfunc", addend: null };
  const relocations = new Map([[0, relocation]]);
  const targets = new Map([[0, { kind: "extern", name: "bpf_kfunc", params: 0 } as const]]);
  const fn = lift("call pc-1 \n exit", { relocations, targets });
  deepEqual(fn.entry.insns[0].callee, {
    kind: "kfunc",
    name: "bpf_kfunc",
    imm: -1,
    off: 0,
    form: "local",
    relocation,
  });
  refuses("r0 = 0 \n exit", 0, /relocation of type 10 against bpf_kfunc on mov/, {
    relocations,
  });
  refuses("exit", 0, /relocation of type 10 against bpf_kfunc on exit/, { relocations });
  const second = new Map([[1, relocation]]);
  refuses("r0 = 0 ll \n exit", 0, /inside an lddw/, { relocations: second });
  refuses("call 1 \n exit", 0, /helper call with a relocation/, { relocations });
});

Deno.test("what cannot be lifted is refused with its place", () => {
  refuses("r0 = 0", 0, /falls off the end/);
  refuses("r0 = 0 \n if r0 == 0 goto +5 \n exit", 1, /jump out of the function/);
  refuses("r0 = 0 \n goto -3", 1, /jump out of the function/);
  refuses("goto +1 \n r0 = 0 ll \n exit", 0, /middle of an lddw/);
  refuses(".insn 0x8f, 0, 0, 0, 0 \n exit", 0, /undefined encoding of opcode 0x8f/);
  refuses("r10 = 0 \n exit", 0, /write to r10/);
  refuses("r10 = xchg_64(r1 + 0, r10) \n exit", 0, /write to r10/);
  refuses("gotox r1", 0, /jump through an unknown table/);
  refuses("call pc+99 \n exit", 0, /no function starts/);
  refuses("r1 = func +99 ll \n exit", 0, /no function starts/);
  refuses("exit", 0, /jumps across/, { entangled: "jumps across" });
});
