/**
 * What keeps the kernel's verifier happy: each rule as a program that it accepts, the same program broken, and what it says
 * of that. Streams of assembly; maps 1 (array), 2 (hash) and 3 (perf events) are described beside the test, kfuncs are
 * named where their BTF ids go.
 *
 * @module
 */

/** A rule that code generation and every pass keep. */
export interface VerifierRule {
  /** The rule. */
  readonly rule: string;
  /** What breaks it, or what it means. */
  readonly about: string;
  /** A program that keeps it. */
  readonly kept: string;
  /** The same, but for the rule. */
  readonly broken: string;
  /** What the verifier says. */
  readonly says: RegExp;
}

/** The rules. */
export const VERIFIER_RULES: readonly VerifierRule[] = [
  {
    rule: "packet ranges come from 64-bit compares",
    about: "a 32-bit compare of packet pointers proves nothing",
    kept: `
        r2 = *(u32 *)(r1 + 4)
        r1 = *(u32 *)(r1 + 0)
        r3 = r1
        r3 += 14
        r0 = 1
        if r3 > r2 goto out
        r0 = *(u8 *)(r1 + 13)
      out:
        exit
    `,
    broken: `
        r2 = *(u32 *)(r1 + 4)
        r1 = *(u32 *)(r1 + 0)
        r3 = r1
        r3 += 14
        r0 = 1
        if w3 > w2 goto out
        r0 = *(u8 *)(r1 + 13)
      out:
        exit
    `,
    says: /invalid access to packet/,
  },
  {
    rule: "packet ranges come from compares of pointers",
    about: "the sign of a difference proves nothing",
    kept: `
        r2 = *(u32 *)(r1 + 4)
        r1 = *(u32 *)(r1 + 0)
        r3 = r1
        r3 += 14
        r0 = 1
        if r3 > r2 goto out
        r0 = *(u8 *)(r1 + 13)
      out:
        exit
    `,
    broken: `
        r2 = *(u32 *)(r1 + 4)
        r1 = *(u32 *)(r1 + 0)
        r3 = r1
        r3 += 14
        r0 = 1
        r3 -= r2
        if r3 s> 0 goto out
        r0 = *(u8 *)(r1 + 13)
      out:
        exit
    `,
    says: /invalid access to packet/,
  },
  {
    rule: "the end of the packet stays as it is",
    about: "constants move to the side of the data pointer only",
    kept: `
        r2 = *(u32 *)(r1 + 4)
        r1 = *(u32 *)(r1 + 0)
        r3 = r1
        r3 += 14
        r0 = 1
        if r3 > r2 goto out
        r0 = *(u8 *)(r1 + 13)
      out:
        exit
    `,
    broken: `
        r2 = *(u32 *)(r1 + 4)
        r1 = *(u32 *)(r1 + 0)
        r0 = 1
        r2 += -14
        if r1 > r2 goto out
        r0 = *(u8 *)(r1 + 13)
      out:
        exit
    `,
    says: /pointer arithmetic on pkt_end prohibited/,
  },
  {
    rule: "the packet pointer that was compared is the one that is used",
    about: "a pointer loaded again is another one",
    kept: `
        r6 = r1
        r2 = *(u32 *)(r6 + 4)
        r1 = *(u32 *)(r6 + 0)
        r3 = r1
        r3 += 14
        r0 = 1
        if r3 > r2 goto out
        r0 = *(u8 *)(r1 + 13)
      out:
        exit
    `,
    broken: `
        r6 = r1
        r2 = *(u32 *)(r6 + 4)
        r1 = *(u32 *)(r6 + 0)
        r3 = r1
        r3 += 14
        r0 = 1
        if r3 > r2 goto out
        r1 = *(u32 *)(r6 + 0)
        r0 = *(u8 *)(r1 + 13)
      out:
        exit
    `,
    says: /invalid access to packet/,
  },
  {
    rule: "packet accesses stay within what was compared",
    about: "loads are not merged into one that reaches further",
    kept: `
        r2 = *(u32 *)(r1 + 4)
        r1 = *(u32 *)(r1 + 0)
        r3 = r1
        r3 += 3
        r0 = 1
        if r3 > r2 goto out
        r0 = *(u16 *)(r1 + 0)
        r4 = *(u8 *)(r1 + 2)
        r0 = 1
      out:
        exit
    `,
    broken: `
        r2 = *(u32 *)(r1 + 4)
        r1 = *(u32 *)(r1 + 0)
        r3 = r1
        r3 += 3
        r0 = 1
        if r3 > r2 goto out
        r0 = *(u32 *)(r1 + 0)
        r0 = 1
      out:
        exit
    `,
    says: /invalid access to packet, off=0 size=4/,
  },
  {
    rule: "packet pointers do not outlive a helper that moves the packet",
    about: "loads of them are not shared across its call",
    kept: `
        r6 = r1
        r7 = *(u32 *)(r6 + 0)
        r8 = *(u32 *)(r6 + 4)
        r2 = 0
        call 44
        r7 = *(u32 *)(r6 + 0)
        r8 = *(u32 *)(r6 + 4)
        r3 = r7
        r3 += 14
        r0 = 1
        if r3 > r8 goto out
        r0 = *(u8 *)(r7 + 13)
      out:
        exit
    `,
    broken: `
        r6 = r1
        r7 = *(u32 *)(r6 + 0)
        r8 = *(u32 *)(r6 + 4)
        r2 = 0
        call 44
        r3 = r7
        r3 += 14
        r0 = 1
        if r3 > r8 goto out
        r0 = *(u8 *)(r7 + 13)
      out:
        exit
    `,
    says: /R7 invalid mem access 'scalar'/,
  },
  {
    rule: "no access before its range check",
    about: "loads are not hoisted above the compare",
    kept: `
        r2 = *(u32 *)(r1 + 4)
        r1 = *(u32 *)(r1 + 0)
        r3 = r1
        r3 += 14
        r0 = 1
        if r3 > r2 goto out
        r0 = *(u8 *)(r1 + 13)
      out:
        exit
    `,
    broken: `
        r2 = *(u32 *)(r1 + 4)
        r1 = *(u32 *)(r1 + 0)
        r3 = r1
        r3 += 14
        r0 = 1
        r0 = *(u8 *)(r1 + 13)
        if r3 > r2 goto out
        r0 = 2
      out:
        exit
    `,
    says: /invalid access to packet/,
  },
  {
    rule: "no access before its null check",
    about: "loads are not hoisted above the compare",
    kept: `
        *(u32 *)(r10 - 4) = 0
        r1 = map_fd 2 ll
        r2 = r10
        r2 += -4
        call 1
        if r0 == 0 goto out
        r1 = *(u64 *)(r0 + 0)
        r0 = 0
      out:
        exit
    `,
    broken: `
        *(u32 *)(r10 - 4) = 0
        r1 = map_fd 2 ll
        r2 = r10
        r2 += -4
        call 1
        r1 = *(u64 *)(r0 + 0)
        if r0 == 0 goto out
        r0 = 0
      out:
        exit
    `,
    says: /R0 invalid mem access 'map_value_or_null'/,
  },
  {
    rule: "no address is computed before its null check",
    about: "a pointer that may be null takes no arithmetic",
    kept: `
        *(u32 *)(r10 - 4) = 0
        r1 = map_fd 2 ll
        r2 = r10
        r2 += -4
        call 1
        if r0 == 0 goto out
        r0 += 8
        r0 = *(u64 *)(r0 + 0)
      out:
        r0 = 0
        exit
    `,
    broken: `
        *(u32 *)(r10 - 4) = 0
        r1 = map_fd 2 ll
        r2 = r10
        r2 += -4
        call 1
        r1 = r0
        r1 += 8
        if r0 == 0 goto out
        r0 = *(u64 *)(r1 + 0)
      out:
        r0 = 0
        exit
    `,
    says: /R1 pointer arithmetic on map_value_or_null prohibited, null-check it first/,
  },
  {
    rule: "a mask that looks redundant bounds what the verifier does not know",
    about: "it derives nothing from a remainder",
    kept: `
        *(u32 *)(r10 - 4) = 0
        r1 = map_fd 1 ll
        r2 = r10
        r2 += -4
        call 1
        if r0 == 0 goto out
        r2 = *(u64 *)(r0 + 0)
        r2 %= 8
        r2 &= 7
        r0 += r2
        r0 = *(u8 *)(r0 + 0)
      out:
        r0 = 1
        exit
    `,
    broken: `
        *(u32 *)(r10 - 4) = 0
        r1 = map_fd 1 ll
        r2 = r10
        r2 += -4
        call 1
        if r0 == 0 goto out
        r2 = *(u64 *)(r0 + 0)
        r2 %= 8
        r0 += r2
        r0 = *(u8 *)(r0 + 0)
      out:
        r0 = 1
        exit
    `,
    says: /unbounded min value is not allowed/,
  },
  {
    rule: "the compare of an index has the width of its use",
    about: "64 bits of it are added to the pointer",
    kept: `
        *(u32 *)(r10 - 4) = 0
        r1 = map_fd 1 ll
        r2 = r10
        r2 += -4
        call 1
        if r0 == 0 goto out
        r2 = *(u64 *)(r0 + 0)
        if r2 > 7 goto out
        r0 += r2
        r0 = *(u8 *)(r0 + 0)
      out:
        r0 = 1
        exit
    `,
    broken: `
        *(u32 *)(r10 - 4) = 0
        r1 = map_fd 1 ll
        r2 = r10
        r2 += -4
        call 1
        if r0 == 0 goto out
        r2 = *(u64 *)(r0 + 0)
        if w2 > 7 goto out
        r0 += r2
        r0 = *(u8 *)(r0 + 0)
      out:
        r0 = 1
        exit
    `,
    says: /unbounded min value is not allowed/,
  },
  {
    rule: "the compare of an index is unsigned",
    about: "a signed one leaves it negative",
    kept: `
        *(u32 *)(r10 - 4) = 0
        r1 = map_fd 1 ll
        r2 = r10
        r2 += -4
        call 1
        if r0 == 0 goto out
        r2 = *(u64 *)(r0 + 0)
        if r2 > 7 goto out
        r0 += r2
        r0 = *(u8 *)(r0 + 0)
      out:
        r0 = 1
        exit
    `,
    broken: `
        *(u32 *)(r10 - 4) = 0
        r1 = map_fd 1 ll
        r2 = r10
        r2 += -4
        call 1
        if r0 == 0 goto out
        r2 = *(u64 *)(r0 + 0)
        if r2 s> 7 goto out
        r0 += r2
        r0 = *(u8 *)(r0 + 0)
      out:
        r0 = 1
        exit
    `,
    says: /unbounded min value is not allowed/,
  },
  {
    rule: "the index that was compared is the one that is used",
    about: "a value loaded again is another one",
    kept: `
        *(u32 *)(r10 - 4) = 0
        r1 = map_fd 1 ll
        r2 = r10
        r2 += -4
        call 1
        if r0 == 0 goto out
        r2 = *(u64 *)(r0 + 0)
        if r2 > 7 goto out
        r0 += r2
        r0 = *(u8 *)(r0 + 0)
      out:
        r0 = 1
        exit
    `,
    broken: `
        *(u32 *)(r10 - 4) = 0
        r1 = map_fd 1 ll
        r2 = r10
        r2 += -4
        call 1
        if r0 == 0 goto out
        r2 = *(u64 *)(r0 + 0)
        r3 = *(u64 *)(r0 + 0)
        if r3 > 7 goto out
        r0 += r2
        r0 = *(u8 *)(r0 + 0)
      out:
        r0 = 1
        exit
    `,
    says: /unbounded min value is not allowed/,
  },
  {
    rule: "what is computed from an index is computed behind its compare",
    about: "a bound does not reach back: no speculation, no sharing with code above the compare",
    kept: `
        *(u32 *)(r10 - 4) = 0
        r1 = map_fd 1 ll
        r2 = r10
        r2 += -4
        call 1
        if r0 == 0 goto out
        r2 = *(u64 *)(r0 + 0)
        if r2 > 3 goto out
        r2 <<= 3
        r0 += r2
        r0 = *(u64 *)(r0 + 0)
      out:
        r0 = 1
        exit
    `,
    broken: `
        *(u32 *)(r10 - 4) = 0
        r1 = map_fd 1 ll
        r2 = r10
        r2 += -4
        call 1
        if r0 == 0 goto out
        r2 = *(u64 *)(r0 + 0)
        r3 = r2
        r3 <<= 3
        if r2 > 3 goto out
        r0 += r3
        r0 = *(u64 *)(r0 + 0)
      out:
        r0 = 1
        exit
    `,
    says: /unbounded min value is not allowed/,
  },
  {
    rule: "sizes for helpers are bounded",
    about: "the same holds for what a helper may read",
    kept: `
        r6 = r1
        *(u32 *)(r10 - 4) = 0
        r1 = map_fd 1 ll
        r2 = r10
        r2 += -4
        call 1
        if r0 == 0 goto out
        r5 = *(u64 *)(r0 + 0)
        r5 &= 31
        r1 = r6
        r2 = map_fd 3 ll
        r3 = 0
        r4 = r0
        call 25
      out:
        r0 = 1
        exit
    `,
    broken: `
        r6 = r1
        *(u32 *)(r10 - 4) = 0
        r1 = map_fd 1 ll
        r2 = r10
        r2 += -4
        call 1
        if r0 == 0 goto out
        r5 = *(u64 *)(r0 + 0)
        r5 |= 0
        r1 = r6
        r2 = map_fd 3 ll
        r3 = 0
        r4 = r0
        call 25
      out:
        r0 = 1
        exit
    `,
    says: /R5 min value is negative, either use unsigned or 'var &= const'/,
  },
  {
    rule: "context fields are accessed by displacement",
    about: "the constant is not added to the pointer first",
    kept: `
        r0 = *(u32 *)(r1 + 12)
        exit
    `,
    broken: `
        r1 += 12
        r0 = *(u32 *)(r1 + 0)
        exit
    `,
    says: /dereference of modified ctx ptr R1 off=12 disallowed/,
  },
  {
    rule: "derived context pointers do not merge",
    about: "accesses of different fields are not merged into one",
    kept: `
        r2 = *(u32 *)(r1 + 12)
        if r2 == 0 goto b
        r0 = *(u32 *)(r1 + 12)
        exit
      b:
        r0 = *(u32 *)(r1 + 16)
        exit
    `,
    broken: `
        r2 = *(u32 *)(r1 + 12)
        if r2 == 0 goto b
        r1 += 12
        goto c
      b:
        r1 += 16
      c:
        r0 = *(u32 *)(r1 + 0)
        exit
    `,
    says: /dereference of modified ctx ptr R1 off=12 disallowed/,
  },
  {
    rule: "context fields are not indexed",
    about: "a choice of fields is not made arithmetic",
    kept: `
        r0 = *(u32 *)(r1 + 12)
        exit
    `,
    broken: `
        r2 = *(u32 *)(r1 + 12)
        r2 &= 4
        r1 += r2
        r0 = *(u32 *)(r1 + 8)
        exit
    `,
    says: /variable ctx access var_off=/,
  },
  {
    rule: "context fields keep their size",
    about: "neighbours are not loaded at once",
    kept: `
        r0 = *(u32 *)(r1 + 0)
        r0 = 1
        exit
    `,
    broken: `
        r0 = *(u64 *)(r1 + 0)
        r0 = 1
        exit
    `,
    says: /invalid bpf_context access off=0 size=8/,
  },
  {
    rule: "an access has one kind of pointer",
    about: "accesses of different memory are not merged into one",
    kept: `
        r2 = *(u32 *)(r1 + 12)
        *(u64 *)(r10 - 8) = 0
        if r2 == 0 goto b
        r0 = *(u32 *)(r1 + 12)
        exit
      b:
        r0 = *(u32 *)(r10 - 8)
        exit
    `,
    broken: `
        r2 = *(u32 *)(r1 + 12)
        *(u64 *)(r10 - 24) = 0
        *(u64 *)(r10 - 8) = 0
        if r2 == 0 goto b
        r3 = r1
        goto m
      b:
        r3 = r10
        r3 += -24
      m:
        r0 = *(u32 *)(r3 + 12)
        exit
    `,
    says: /same insn cannot be used with different pointers/,
  },
  {
    rule: "pointers take no bit operations",
    about: "cycles of moves are not broken by them, and no sum becomes one",
    kept: `
        r3 = r1
        r2 = r10
        r1 = r2
        r2 = r3
        r0 = *(u32 *)(r2 + 12)
        exit
    `,
    broken: `
        r2 = r10
        r1 ^= r2
        r2 ^= r1
        r1 ^= r2
        r0 = *(u32 *)(r2 + 12)
        exit
    `,
    says: /R1 pointer \^= pointer prohibited/,
  },
  {
    rule: "pointers take constants by addition",
    about: "a sum of bits that are free is not an or",
    kept: `
        r2 = r10
        r2 += -8
        *(u64 *)(r2 + 0) = 0
        r0 = 0
        exit
    `,
    broken: `
        r2 = r10
        r2 += -16
        r2 |= 8
        *(u64 *)(r2 + 0) = 0
        r0 = 0
        exit
    `,
    says: /R2 bitwise operator \|= on pointer prohibited/,
  },
  {
    rule: "pointers are not subtracted from numbers",
    about: "sums are not rearranged so",
    kept: `
        r2 = r10
        r2 += -8
        *(u64 *)(r2 + 0) = 0
        r0 = 0
        exit
    `,
    broken: `
        r2 = 8
        r2 -= r10
        r2 = -r2
        *(u64 *)(r2 + 0) = 0
        r0 = 0
        exit
    `,
    says: /tried to subtract pointer from scalar/,
  },
  {
    rule: "pointers move as 64 bits",
    about: "a 32-bit move makes a number of them",
    kept: `
        r2 = r1
        r0 = *(u32 *)(r2 + 12)
        exit
    `,
    broken: `
        w2 = w1
        r0 = *(u32 *)(r2 + 12)
        exit
    `,
    says: /R2 invalid mem access 'scalar'/,
  },
  {
    rule: "pointers spill to aligned slots",
    about: "a slot is 8 bytes",
    kept: `
        *(u64 *)(r10 - 8) = r1
        r1 = *(u64 *)(r10 - 8)
        r0 = *(u32 *)(r1 + 12)
        exit
    `,
    broken: `
        *(u64 *)(r10 - 12) = r1
        r1 = *(u64 *)(r10 - 12)
        r0 = *(u32 *)(r1 + 12)
        exit
    `,
    says: /misaligned stack access off 0.0.-12 size 8/,
  },
  {
    rule: "pointers spill whole",
    about: "a slot is written at once",
    kept: `
        *(u64 *)(r10 - 8) = r1
        r1 = *(u64 *)(r10 - 8)
        r0 = *(u32 *)(r1 + 12)
        exit
    `,
    broken: `
        *(u32 *)(r10 - 8) = r1
        r1 = *(u64 *)(r10 - 8)
        r0 = *(u32 *)(r1 + 12)
        exit
    `,
    says: /invalid size of register spill/,
  },
  {
    rule: "slots of pointers are not shared",
    about: "a write of a part makes numbers of them",
    kept: `
        *(u64 *)(r10 - 8) = r1
        *(u32 *)(r10 - 12) = 0
        r1 = *(u64 *)(r10 - 8)
        r0 = *(u32 *)(r1 + 12)
        exit
    `,
    broken: `
        *(u64 *)(r10 - 8) = r1
        *(u32 *)(r10 - 4) = 0
        r1 = *(u64 *)(r10 - 8)
        r0 = *(u32 *)(r1 + 12)
        exit
    `,
    says: /R1 invalid mem access 'scalar'/,
  },
  {
    rule: "stack accesses keep their alignment",
    about: "neighbours are not stored at once",
    kept: `
        *(u32 *)(r10 - 12) = 0
        *(u32 *)(r10 - 8) = 0
        r0 = 0
        exit
    `,
    broken: `
        *(u64 *)(r10 - 12) = 0
        r0 = 0
        exit
    `,
    says: /misaligned stack access off 0.0.-12 size 8/,
  },
  {
    rule: "a frame has 512 bytes",
    about: "spills included",
    kept: `
        *(u64 *)(r10 - 512) = 0
        r0 = 0
        exit
    `,
    broken: `
        *(u64 *)(r10 - 520) = 0
        r0 = 0
        exit
    `,
    says: /invalid write to stack R10 off=-520 size=8/,
  },
  {
    rule: "the frames of a chain of calls have 512 bytes together",
    about: "each rounded up to 32",
    kept: `
        *(u64 *)(r10 - 256) = 0
        call f
        exit
      f:
        *(u64 *)(r10 - 256) = 0
        r0 = 0
        exit
    `,
    broken: `
        *(u64 *)(r10 - 264) = 0
        call f
        exit
      f:
        *(u64 *)(r10 - 264) = 0
        r0 = 0
        exit
    `,
    says: /combined stack size of 2 calls is 544. Too large/,
  },
  {
    rule: "a loop counts in a register",
    about: "not in memory that the verifier does not follow",
    kept: `
        *(u32 *)(r10 - 4) = 0
        r1 = map_fd 1 ll
        r2 = r10
        r2 += -4
        call 1
        if r0 == 0 goto out
        r1 = 0
      a:
        *(u64 *)(r0 + 0) = r1
        r1 += 1
        if r1 < 100 goto a
      out:
        r0 = 0
        exit
    `,
    broken: `
        *(u32 *)(r10 - 4) = 0
        r1 = map_fd 1 ll
        r2 = r10
        r2 += -4
        call 1
        if r0 == 0 goto out
        *(u64 *)(r0 + 0) = 0
      a:
        r1 = *(u64 *)(r0 + 0)
        r1 += 1
        *(u64 *)(r0 + 0) = r1
        if r1 < 100 goto a
      out:
        r0 = 0
        exit
    `,
    says: /infinite loop detected at insn/,
  },
  {
    rule: "a loop ends by its counter",
    about: "a value computed from it is not compared in its place",
    kept: `
        r1 = 0
      a:
        r1 += 1
        if r1 < 100 goto a
        r0 = 0
        exit
    `,
    broken: `
        r1 = 0
      a:
        r1 += 1
        r2 = r1
        r2 *= 3
        r2 %= 1000
        if r2 != 300 goto a
        r0 = 0
        exit
    `,
    says: /BPF program is too large. Processed 1000001 insn/,
  },
  {
    rule: "what is acquired is released",
    about: "on every path, in the order of the input",
    kept: `
        *(u64 *)(r10 - 16) = 0
        *(u64 *)(r10 - 8) = 0
        r2 = r10
        r2 += -16
        r3 = 12
        r4 = -1
        r5 = 0
        call 84
        if r0 == 0 goto out
        r1 = r0
        call 86
      out:
        r0 = 0
        exit
    `,
    broken: `
        *(u64 *)(r10 - 16) = 0
        *(u64 *)(r10 - 8) = 0
        r2 = r10
        r2 += -16
        r3 = 12
        r4 = -1
        r5 = 0
        call 84
        if r0 == 0 goto out
      out:
        r0 = 0
        exit
    `,
    says: /Unreleased reference/,
  },
  {
    rule: "no access moves below the release",
    about: "nor a release above an access",
    kept: `
        *(u64 *)(r10 - 16) = 0
        *(u64 *)(r10 - 8) = 0
        r2 = r10
        r2 += -16
        r3 = 12
        r4 = -1
        r5 = 0
        call 84
        if r0 == 0 goto out
        r6 = *(u32 *)(r0 + 4)
        r1 = r0
        call 86
      out:
        r0 = 0
        exit
    `,
    broken: `
        *(u64 *)(r10 - 16) = 0
        *(u64 *)(r10 - 8) = 0
        r2 = r10
        r2 += -16
        r3 = 12
        r4 = -1
        r5 = 0
        call 84
        if r0 == 0 goto out
        r6 = r0
        r1 = r0
        call 86
        r6 = *(u32 *)(r6 + 4)
      out:
        r0 = 0
        exit
    `,
    says: /R6 invalid mem access 'scalar'/,
  },
  {
    rule: "critical sections stay in pairs",
    about: "on every path",
    kept: `
        call kfunc bpf_rcu_read_lock
        call kfunc bpf_rcu_read_unlock
        r0 = 0
        exit
    `,
    broken: `
        call kfunc bpf_rcu_read_lock
        r0 = 0
        exit
    `,
    says: /BPF_EXIT instruction in main prog cannot be used inside bpf_rcu_read_lock-ed region/,
  },
  {
    rule: "calls clobber r1 to r5",
    about: "what lives longer is in r6 to r9 or on the stack",
    kept: `
        r6 = r1
        call 5
        r0 = *(u32 *)(r6 + 12)
        exit
    `,
    broken: `
        call 5
        r0 = *(u32 *)(r1 + 12)
        exit
    `,
    says: /R1 !read_ok/,
  },
  {
    rule: "no code is unreachable",
    about: "blocks that nothing reaches are not emitted",
    kept: `
        r0 = 0
        exit
    `,
    broken: `
        r0 = 0
        exit
        r0 = 1
        exit
    `,
    says: /unreachable insn 2/,
  },
  {
    rule: "a function ends with an exit or a jump",
    about: "the order of blocks keeps one at the end",
    kept: `
        r0 = 0
        exit
    `,
    broken: `
        goto a
      b:
        exit
      a:
        r0 = 0
        if r0 == 0 goto b
    `,
    says: /last insn is not an exit or jmp/,
  },
];
