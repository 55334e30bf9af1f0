/**
 * What is read from logs of the verifier, and from capture files.
 *
 * @module
 */

import assert from "node:assert/strict";
import { parseFailure, parseStatistics } from "../../lib/kernel/verifier_log.ts";

const STATISTICS = `func#0 @0
verification time 332 usec
stack depth 32+0+16
processed 160 insns (limit 1000000) max_states_per_insn 1 total_states 15 peak_states 12 mark_read 4
`;

const REFUSAL = `func#0 @0
0: R1=ctx() R10=fp0
; int f(struct xdp_md *ctx) @ a.c:3
0: (b7) r0 = 0                        ; R0_w=0
1: (18) r6 = 0xffff9a1c05f0a400       ; R6_w=map_ptr(ks=4,vs=8)
3: (61) r2 = *(u32 *)(r1 +0)          ; R1=ctx() R2_w=pkt(r=0)
4: (15) if r2 == 0x0 goto pc+3        ; R2_w=pkt(r=0)
; return *(long *)data; @ a.c:7
from 4 to 8: R0_w=0 R1=ctx() R10=fp0
8: (79) r0 = *(u64 *)(r2 +0)
invalid access to packet, off=0 size=8, R2(id=0,off=0,r=0)
R2 offset is outside of the packet
processed 5 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`;

Deno.test("statistics of a log", () => {
  assert.deepEqual(parseStatistics(STATISTICS), {
    processed: 160,
    totalStates: 15,
    peakStates: 12,
    time: 332,
    stack: [32, 0, 16],
  });
  assert.equal(parseStatistics("").processed, 0);
});

Deno.test("a refusal: instruction, source line, reason, path", () => {
  assert.deepEqual(parseFailure(REFUSAL), {
    pc: 8,
    instruction: "r0 = *(u64 *)(r2 +0)",
    source: "return *(long *)data;",
    location: "a.c:7",
    reason:
      "invalid access to packet, off=0 size=8, R2(id=0,off=0,r=0); R2 offset is outside of the packet",
    path: [{ first: 0, last: 4 }, { first: 8, last: 8 }],
  });
});

Deno.test("a refusal without instructions", () => {
  const failure = parseFailure("unreachable insn 2\nprocessed 0 insns (limit 1000000)\n");
  assert.equal(failure.pc, -1);
  assert.equal(failure.reason, "unreachable insn 2");
});

Deno.test("a loop that does not end is found at its jump, without the states", () => {
  const failure = parseFailure(`0: R1=ctx() R10=fp0
0: (bc) w7 = (s8)w3
1: (36) if w7 >= 0x2 goto pc-2 0: R1=ctx() R7=scalar(smin=0) R10=fp0
0: (bc) w7 = (s8)w3
infinite loop detected at insn 1
cur state: R1=ctx() R10=fp0
old state: R1=ctx() R10=fp0
`);
  assert.equal(failure.reason, "infinite loop detected at insn 1");
  assert.deepEqual([failure.pc, failure.instruction], [1, "if w7 >= 0x2 goto pc-2"]);
  assert.deepEqual(failure.path, [{ first: 0, last: 1 }, { first: 0, last: 0 }]);
});

Deno.test("a program that is too large, in the line of its last instruction", () => {
  const failure = parseFailure(
    "5: (55) if r2 != 0x12c goto pc-5 BPF program is too large. Processed 1000001 insn\n",
  );
  assert.equal(failure.instruction, "if r2 != 0x12c goto pc-5");
  assert.equal(failure.reason, "BPF program is too large. Processed 1000001 insn");
});

Deno.test("what libbpf could not relocate is the failing instruction", () => {
  const failure = parseFailure(`2: (b7) r1 = 0 ; R1=0
; field_exists(a);\t @ a.c:2
3: <invalid CO-RE relocation>
failed to resolve CO-RE relocation <byte_off> [8] struct s._1 (0:0 @ offset 0)
`);
  assert.deepEqual([failure.pc, failure.instruction], [3, "<invalid CO-RE relocation>"]);
  assert.deepEqual([failure.source, failure.location], ["field_exists(a);", "a.c:2"]);
  assert.match(failure.reason, /^failed to resolve CO-RE relocation/);
});
