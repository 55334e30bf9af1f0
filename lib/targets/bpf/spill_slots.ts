/**
 * Where spill slots are in the frame: in holes of what the program keeps there, then below it.
 *
 * A hole is 8 aligned bytes that no instruction and no call touches. Holes are known only where every frame pointer can
 * be followed (passes/analysis/frame.ts). What a helper reads without being told its size, such as the key of a map, the
 * program wrote itself, so that such a pointer takes no more than its first bytes; what a helper writes without being
 * told its size reaches up to the end of the frame.
 *
 * @module
 */

import type { IrFunction, Value } from "../../ir/function.ts";
import { FRAME_BYTES, FramePointers } from "../../passes/analysis/frame.ts";
import type { PassEnvironment } from "../../passes/pass.ts";
import { FRAME_SIZE, frameExtent } from "./frame.ts";

/** Bytes that a pointer to something of unknown size surely covers. */
const LEAST_READ = 8;

/** Marks the bytes of the frame that the program may touch; null if that may be any. */
function touchedBytes(fn: IrFunction, environment: PassEnvironment): Uint8Array | null {
  const frames = new FramePointers(fn, environment);
  if (frames.escaped) return null;
  const touched = new Uint8Array(FRAME_BYTES);
  const mark = (start: number, end: number): void => {
    for (let at = Math.max(start, -FRAME_BYTES); at < Math.min(end, 0); at++) {
      touched[at + FRAME_BYTES] = 1;
    }
  };
  const access = ({ args: [base], off, size }: Value): boolean => {
    if (!frames.isFrame(base)) return true;
    const at = frames.offset(base);
    mark(at + off, at + off + size);
    return !Number.isNaN(at);
  };
  for (const { insns } of fn.blocks) {
    for (const value of insns) {
      const { op } = value;
      if (op === "load" || op === "store" || op === "atomic") {
        if (!access(value)) return null;
      } else if (op === "call") {
        for (const { start, end, written } of frames.touchedBy(value)) {
          mark(start, written || end < 0 ? end : start + LEAST_READ);
        }
      }
    }
  }
  return touched;
}

/**
 * Slots below a frame.
 *
 * @param own Bytes of the frame in use, a multiple of 8.
 * @param count How many slots.
 * @returns Their offsets from the frame pointer.
 */
export function slotsBelow(own: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => -(own + 8 * (i + 1)));
}

/**
 * Chooses the places of spill slots.
 *
 * @param fn The function.
 * @param count How many slots it needs.
 * @param environment What is known of the program; null if its frame is to be left alone.
 * @returns Their offsets from the frame pointer; fewer than wanted if the frame has no room for them.
 */
export function spillSlots(
  fn: IrFunction,
  count: number,
  environment: PassEnvironment | null,
): number[] {
  if (count === 0) return [];
  const own = frameExtent(fn);
  const below = slotsBelow(own, Math.min(count, (FRAME_SIZE - own) / 8));
  if (below.length === count || environment === null) return below;
  const touched = touchedBytes(fn, environment);
  if (touched === null) return below;
  const slots: number[] = [];
  for (let at = -8; at >= -FRAME_SIZE && slots.length < count; at -= 8) {
    const bytes = touched.subarray(at + FRAME_SIZE, at + FRAME_SIZE + 8);
    if (!bytes.includes(1)) slots.push(at);
  }
  return slots;
}
