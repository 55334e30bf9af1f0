/**
 * Helpers on checksums of plain memory.
 *
 * @module
 */

import { foldSum, subtractSums, sumBytes } from "../checksum.ts";
import { failure, type HelperBodies, u32 } from "./body.ts";

/** Helpers on checksums of plain memory. */
export const CHECKSUM_HELPERS: HelperBodies = {
  csum_diff: () => ({ memory }, r1, r2, r3, r4, r5) => {
    const fromSize = u32(r2), toSize = u32(r4), seed = u32(r5);
    const { order } = memory;
    const from = fromSize === 0 ? 0 : memory.slice(r1, fromSize, false);
    const to = toSize === 0 ? 0 : memory.slice(r3, toSize, false);
    let sum = seed;
    if (from !== 0 && to !== 0) {
      sum = subtractSums(sumBytes(to, seed, order), sumBytes(from, 0, order));
    } else if (to !== 0) sum = sumBytes(to, seed, order);
    else if (from !== 0) sum = ~sumBytes(from, ~seed, order) >>> 0;
    return BigInt(foldSum(sum));
  },
  // The sum over the whole packet is never known here (CHECKSUM_COMPLETE).
  csum_update: () => () => failure("ENOTSUPP"),
};
