/**
 * Programs that the kernel accepts, in which an optimiser is tempted to break a rule of the verifier; results are used, so
 * that nothing is dead. Maps as for verifier_rules.ts.
 *
 * @module
 */

/** Looks up the value of map 1; r0 points to it. */
const LOOKUP = `
      r6 = 0
      *(u32 *)(r10 - 4) = 0
      r1 = map_fd 1 ll
      r2 = r10
      r2 += -4
      call 1
      if r0 == 0 goto out
  `;

/** Returns what was loaded into r0. */
const RETURN = `
      r6 = r0
    out:
      r0 = r6
      r0 &= 1
      exit
  `;

/** A program between {@link LOOKUP} and {@link RETURN}. */
const withValue = (text: string): string => LOOKUP + text + RETURN;

/** The programs, by what they do. */
export const OPTIMISER_TRAPS: { readonly [about: string]: string } = {
  "a computation above a compare is not that behind it": withValue(`
      r2 = *(u64 *)(r0 + 0)
      r3 = r2
      r3 <<= 3
      *(u64 *)(r0 + 8) = r3
      if r2 > 3 goto out
      r4 = r2
      r4 <<= 3
      r0 += r4
      r0 = *(u64 *)(r0 + 0)
  `),
  "a mask after a compare of a part": withValue(`
      r2 = *(u64 *)(r0 + 0)
      r3 = r2
      r3 &= 0xff
      *(u64 *)(r0 + 8) = r3
      if r3 > 15 goto out
      r2 &= 15
      r0 += r2
      r0 = *(u8 *)(r0 + 0)
  `),
  "a half that is compared and added": withValue(`
      r2 = *(u64 *)(r0 + 0)
      w3 = w2
      if w3 > 7 goto out
      r0 += r3
      r0 = *(u8 *)(r0 + 0)
  `),
  "a half by shifts": withValue(`
      r2 = *(u64 *)(r0 + 0)
      r2 <<= 32
      r2 >>= 32
      if r2 > 7 goto out
      r0 += r2
      r0 = *(u8 *)(r0 + 0)
  `),
  "a signed half by shifts": withValue(`
      r2 = *(u64 *)(r0 + 0)
      r2 <<= 32
      r2 s>>= 32
      if r2 s< 0 goto out
      if r2 s> 7 goto out
      r0 += r2
      r0 = *(u8 *)(r0 + 0)
  `),
  "a mask after a remainder": withValue(`
      r2 = *(u64 *)(r0 + 0)
      r2 %= 8
      r2 &= 7
      r0 += r2
      r0 = *(u8 *)(r0 + 0)
  `),
  "a compare after a remainder": withValue(`
      r2 = *(u64 *)(r0 + 0)
      r2 %= 8
      if r2 > 7 goto out
      r0 += r2
      r0 = *(u8 *)(r0 + 0)
  `),
  "a compare after a product": withValue(`
      r2 = *(u8 *)(r0 + 0)
      r2 *= r2
      r2 >>= 13
      if r2 > 8 goto out
      r0 += r2
      r0 = *(u64 *)(r0 + 0)
  `),
  "a value loaded again behind its compare": withValue(`
      r2 = *(u64 *)(r0 + 0)
      if r2 > 7 goto out
      r3 = *(u64 *)(r0 + 0)
      if r3 > 7 goto out
      r0 += r3
      r0 = *(u8 *)(r0 + 0)
  `),
  "a value stored and loaded": withValue(`
      r2 = *(u64 *)(r0 + 0)
      *(u64 *)(r0 + 8) = r2
      r3 = *(u64 *)(r0 + 8)
      if r3 > 7 goto out
      r0 += r3
      r0 = *(u8 *)(r0 + 0)
  `),
  "a byte stored and loaded, with a mask": withValue(`
      r2 = *(u64 *)(r0 + 0)
      *(u8 *)(r10 - 8) = r2
      r3 = *(u8 *)(r10 - 8)
      r3 &= 7
      r0 += r3
      r0 = *(u8 *)(r0 + 0)
  `),
  "a byte stored and loaded, with a compare": withValue(`
      r2 = *(u64 *)(r0 + 0)
      r2 &= 7
      *(u8 *)(r10 - 8) = r2
      r3 = *(u8 *)(r10 - 8)
      if r3 > 7 goto out
      r0 += r3
      r0 = *(u8 *)(r0 + 0)
  `),
  "an index that is equal to a constant": withValue(`
      r2 = *(u64 *)(r0 + 0)
      if r2 != 5 goto out
      r0 += r2
      r0 = *(u8 *)(r0 + 0)
  `),
  "an index by exclusive or and difference": withValue(`
      r2 = *(u64 *)(r0 + 0)
      r2 &= 7
      r2 ^= 7
      r3 = 7
      r3 -= r2
      if r3 s< 0 goto out
      r0 += r3
      r0 = *(u8 *)(r0 + 0)
  `),
  "a range that does not begin at 0": withValue(`
      r2 = *(u64 *)(r0 + 0)
      r2 += -1
      if r2 > 6 goto out
      r0 += r2
      r0 = *(u8 *)(r0 + 1)
  `),
  "packet pointers loaded twice": `
      r6 = r1
      r2 = *(u32 *)(r6 + 0)
      r3 = *(u32 *)(r6 + 4)
      r4 = r2
      r4 += 34
      if r4 > r3 goto o
      r5 = *(u8 *)(r2 + 23)
      r0 = *(u16 *)(r2 + 12)
      r4 = *(u32 *)(r6 + 0)
      r7 = *(u32 *)(r6 + 4)
      r8 = r4
      r8 += 14
      if r8 > r7 goto o
      r0 = *(u8 *)(r4 + 13)
      r0 += r5
      exit
    o:
      r0 = 1
      exit
  `,
  "numbers of bytes, a variable header": `
      r2 = *(u32 *)(r1 + 4)
      r1 = *(u32 *)(r1 + 0)
      r3 = r1
      r3 += 20
      r0 = 1
      if r3 > r2 goto o
      r4 = *(u8 *)(r1 + 13)
      r5 = *(u8 *)(r1 + 12)
      r5 <<= 8
      r5 |= r4
      if r5 != 0x800 goto o
      r4 = *(u8 *)(r1 + 14)
      r4 &= 15
      r4 <<= 2
      r1 += r4
      r3 = r1
      r3 += 8
      if r3 > r2 goto o
      r0 = *(u32 *)(r1 + 0)
      r5 = *(u32 *)(r1 + 4)
      r5 <<= 32
      r0 |= r5
    o:
      exit
  `,
};
