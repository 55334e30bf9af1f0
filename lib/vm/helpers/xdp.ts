/**
 * Helpers of XDP programs on their frame.
 *
 * @module
 */

import { failure, type HelperBodies, result, s32, u32 } from "./body.ts";
import { xdpOf } from "./contexts.ts";

/** Most bytes that an offset or a size may be. */
const MAX_OFFSET = 0xffff;

/** Helpers of XDP programs on their frame. */
export const XDP_HELPERS: HelperBodies = {
  xdp_adjust_head: (env) => (_, r1, r2) => result(xdpOf(env, r1).adjustHead(s32(r2))),
  xdp_adjust_meta: (env) => (_, r1, r2) => result(xdpOf(env, r1).adjustMeta(s32(r2))),
  xdp_adjust_tail: (env) => (_, r1, r2) => result(xdpOf(env, r1).adjustTail(s32(r2))),
  xdp_get_buff_len: (env) => (_, r1) => BigInt(xdpOf(env, r1).packet.length),
  xdp_load_bytes: (env) => ({ memory }, r1, r2, r3, r4) => {
    const { packet } = xdpOf(env, r1);
    const offset = u32(r2), size = u32(r4);
    if (offset > MAX_OFFSET || size > MAX_OFFSET) return failure("EFAULT");
    const bytes = packet.read(offset, size);
    if (bytes === null) return failure("EINVAL");
    memory.slice(r3, size, true).set(bytes);
    return 0n;
  },
  xdp_store_bytes: (env) => ({ memory }, r1, r2, r3, r4) => {
    const { packet } = xdpOf(env, r1);
    const offset = u32(r2), size = u32(r4);
    if (offset > MAX_OFFSET || size > MAX_OFFSET) return failure("EFAULT");
    if (offset + size > packet.length) return failure("EINVAL");
    packet.write(offset, memory.slice(r3, size, false));
    return 0n;
  },
};
