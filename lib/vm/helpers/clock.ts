/**
 * Helpers that tell the time.
 *
 * @module
 */

import type { HelperBodies } from "./body.ts";

/** Helpers that tell the time. */
export const CLOCK_HELPERS: HelperBodies = {
  ktime_get_ns: ({ clock }) => () => clock.read(),
  ktime_get_boot_ns: ({ clock }) => () => clock.read() + clock.suspended,
  ktime_get_coarse_ns: ({ clock }) => () => clock.readCoarse(),
  ktime_get_tai_ns: ({ clock }) => () => clock.read() + clock.tai,
  jiffies64: ({ clock }) => () => clock.jiffies(),
};
