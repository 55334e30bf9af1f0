/**
 * Helpers of spin locks and timers in map values. A sandbox runs one program at a time: a lock that is held already would never
 * be released, which is a fault.
 *
 * @module
 */

import { GuestFault } from "../fault.ts";
import { failure, type HelperBodies, type HelperFactory, result, u32, u64 } from "./body.ts";

const acquire = (helper: string): HelperFactory => ({ memory }) => (_context, r1) => {
  if (memory.load(r1, 4) !== 0n) {
    const hex = u64(r1).toString(16);
    throw new GuestFault("helper", `cannot call ${helper}: the lock at 0x${hex} is held`);
  }
  memory.store(r1, 4, 1n);
  return 0n;
};

const release: HelperFactory = ({ memory }) => (_context, r1) => {
  memory.store(r1, 4, 0n);
  return 0n;
};

/** A lock that notices a deadlock. */
const acquireChecked: HelperFactory = ({ memory }) => (_context, r1) => {
  if (memory.load(r1, 4) !== 0n) return failure("EDEADLK");
  memory.store(r1, 4, 1n);
  return 0n;
};

const initTimer: HelperFactory = ({ maps, memory }) => (_context, r1, r2, r3) => {
  const map = maps.argument(r2, "timer_init");
  memory.check(r1, 16, true);
  return result(maps.timers.init(u32(r1), map.handle, Number(u64(r3))));
};

const setTimerCallback: HelperFactory = ({ maps }) => (_context, r1, r2) =>
  result(maps.timers.setCallback(u32(r1), u32(r2)));

const startTimer: HelperFactory = ({ maps, clock }) => (_context, r1, r2, r3) =>
  result(maps.timers.start(u32(r1), u64(r2), Number(u64(r3)), clock.now));

const cancelTimer: HelperFactory = ({ maps }) => (_context, r1) =>
  result(maps.timers.cancel(u32(r1)));

/** Helpers of locks and timers. */
export const LOCK_HELPERS: HelperBodies = {
  spin_lock: acquire("spin_lock"),
  spin_unlock: release,
  timer_init: initTimer,
  timer_set_callback: setTimerCallback,
  timer_start: startTimer,
  timer_cancel: cancelTimer,
};

/** Kfuncs of locks. */
export const LOCK_KFUNCS: HelperBodies = {
  bpf_res_spin_lock: acquireChecked,
  bpf_res_spin_unlock: release,
  bpf_res_spin_lock_irqsave: acquireChecked,
  bpf_res_spin_unlock_irqrestore: release,
};
