/**
 * The dispatch loop of the interpreter: one dense switch over {@link OPCODES}. The case labels are literals, for only
 * those become a jump table; a test compares them with the names beside them.
 *
 * @module
 */

import { executeAtomic } from "./atomic.ts";
import { STRIDE } from "./code.ts";
import {
  arsh64,
  div64,
  divU32,
  lsh64,
  mod64,
  modU32,
  mul64,
  rsh64,
  sdiv64,
  smod64,
  swap32,
} from "./int64.ts";
import type { Machine } from "./machine.ts";
import { PAGE_SHIFT } from "./memory.ts";

/**
 * Runs a machine until its slice is used up, the frame that the host entered returns, or it faults.
 *
 * @param m The machine; its pc, left, registers and fault are up to date on return.
 * @returns False if only the slice is used up.
 */
export function dispatch(m: Machine): boolean {
  const { registers: r, words: w } = m;
  const little = m.memory.order === "little";
  const lowHalf = little ? 0 : 4;
  let { pc, left } = m;
  let { view, readLimits, writeLimits } = m.memory;
  for (;;) {
    if (left === 0) return !m.save(pc, left);
    left--;
    const word = w[pc], d = word >>> 8, s = w[pc + 1];
    pc += STRIDE;
    switch (word & 255) {
      case 0: { // add.64
        const a = r[d], sum = a + r[s] | 0;
        r[d + 1] = (r[d + 1] + r[s + 1] | 0) + (sum >>> 0 < a >>> 0 ? 1 : 0);
        r[d] = sum;
        continue;
      }
      case 1: { // sub.64
        const a = r[d], b = r[s];
        r[d + 1] = (r[d + 1] - r[s + 1] | 0) - (a >>> 0 < b >>> 0 ? 1 : 0);
        r[d] = a - b;
        continue;
      }
      case 2: { // mul.64
        mul64(r, d, s);
        continue;
      }
      case 3: { // div.64
        div64(r, d, s);
        continue;
      }
      case 4: { // sdiv.64
        sdiv64(r, d, s);
        continue;
      }
      case 5: { // mod.64
        mod64(r, d, s);
        continue;
      }
      case 6: { // smod.64
        smod64(r, d, s);
        continue;
      }
      case 7: { // or.64
        r[d] = r[d] | r[s];
        r[d + 1] = r[d + 1] | r[s + 1];
        continue;
      }
      case 8: { // and.64
        r[d] = r[d] & r[s];
        r[d + 1] = r[d + 1] & r[s + 1];
        continue;
      }
      case 9: { // xor.64
        r[d] = r[d] ^ r[s];
        r[d + 1] = r[d + 1] ^ r[s + 1];
        continue;
      }
      case 10: { // lsh.64
        lsh64(r, d, s);
        continue;
      }
      case 11: { // rsh.64
        rsh64(r, d, s);
        continue;
      }
      case 12: { // arsh.64
        arsh64(r, d, s);
        continue;
      }
      case 13: { // add.32
        r[d] = r[d] + r[s];
        r[d + 1] = 0;
        continue;
      }
      case 14: { // sub.32
        r[d] = r[d] - r[s];
        r[d + 1] = 0;
        continue;
      }
      case 15: { // mul.32
        r[d] = Math.imul(r[d], r[s]);
        r[d + 1] = 0;
        continue;
      }
      case 16: { // div.32
        r[d] = divU32(r[d], r[s]);
        r[d + 1] = 0;
        continue;
      }
      case 17: { // sdiv.32
        r[d] = r[s] === 0 ? 0 : r[d] / r[s] | 0;
        r[d + 1] = 0;
        continue;
      }
      case 18: { // mod.32
        r[d] = modU32(r[d], r[s]);
        r[d + 1] = 0;
        continue;
      }
      case 19: { // smod.32
        r[d] = r[s] === 0 ? r[d] : r[d] % r[s] | 0;
        r[d + 1] = 0;
        continue;
      }
      case 20: { // or.32
        r[d] = r[d] | r[s];
        r[d + 1] = 0;
        continue;
      }
      case 21: { // and.32
        r[d] = r[d] & r[s];
        r[d + 1] = 0;
        continue;
      }
      case 22: { // xor.32
        r[d] = r[d] ^ r[s];
        r[d + 1] = 0;
        continue;
      }
      case 23: { // lsh.32
        r[d] = r[d] << r[s];
        r[d + 1] = 0;
        continue;
      }
      case 24: { // rsh.32
        r[d] = r[d] >>> r[s];
        r[d + 1] = 0;
        continue;
      }
      case 25: { // arsh.32
        r[d] = r[d] >> r[s];
        r[d + 1] = 0;
        continue;
      }
      case 26: { // neg.64
        const a = r[d];
        r[d + 1] = -r[d + 1] - (a === 0 ? 0 : 1);
        r[d] = -a;
        continue;
      }
      case 27: { // neg.32
        r[d] = -r[d];
        r[d + 1] = 0;
        continue;
      }
      case 28: { // mov.64
        r[d + 1] = r[s + 1];
        r[d] = r[s];
        continue;
      }
      case 29: { // mov.32
        r[d] = r[s];
        r[d + 1] = 0;
        continue;
      }
      case 30: { // movs8.64
        const a = r[s] << 24 >> 24;
        r[d] = a;
        r[d + 1] = a >> 31;
        continue;
      }
      case 31: { // movs16.64
        const a = r[s] << 16 >> 16;
        r[d] = a;
        r[d + 1] = a >> 31;
        continue;
      }
      case 32: { // movs32.64
        const a = r[s];
        r[d] = a;
        r[d + 1] = a >> 31;
        continue;
      }
      case 33: { // movs8.32
        r[d] = r[s] << 24 >> 24;
        r[d + 1] = 0;
        continue;
      }
      case 34: { // movs16.32
        r[d] = r[s] << 16 >> 16;
        r[d + 1] = 0;
        continue;
      }
      case 35: { // swap16
        r[d] = swap32(r[d]) >>> 16;
        r[d + 1] = 0;
        continue;
      }
      case 36: { // swap32
        r[d] = swap32(r[d]);
        r[d + 1] = 0;
        continue;
      }
      case 37: { // swap64
        const a = r[d];
        r[d] = swap32(r[d + 1]);
        r[d + 1] = swap32(a);
        continue;
      }
      case 38: { // zext16
        r[d] = r[d] & 0xffff;
        r[d + 1] = 0;
        continue;
      }
      case 39: // nop
        continue;
      case 40: { // lddw
        r[d + 1] = r[s + 1];
        r[d] = r[s];
        pc += STRIDE;
        continue;
      }
      case 41: { // load.u8
        const at = r[s] + w[pc - 2] | 0, page = at >>> PAGE_SHIFT;
        if (r[s + 1] !== 0 || page >= readLimits.length || at + 1 > readLimits[page]) {
          return !m.save(pc, left).badAccess(s, w[pc - 2], 1, false);
        }
        r[d] = view.getUint8(at);
        r[d + 1] = 0;
        continue;
      }
      case 42: { // load.u16
        const at = r[s] + w[pc - 2] | 0, page = at >>> PAGE_SHIFT;
        if (r[s + 1] !== 0 || page >= readLimits.length || at + 2 > readLimits[page]) {
          return !m.save(pc, left).badAccess(s, w[pc - 2], 2, false);
        }
        r[d] = view.getUint16(at, little);
        r[d + 1] = 0;
        continue;
      }
      case 43: { // load.u32
        const at = r[s] + w[pc - 2] | 0, page = at >>> PAGE_SHIFT;
        if (r[s + 1] !== 0 || page >= readLimits.length || at + 4 > readLimits[page]) {
          return !m.save(pc, left).badAccess(s, w[pc - 2], 4, false);
        }
        r[d] = view.getInt32(at, little);
        r[d + 1] = 0;
        continue;
      }
      case 44: { // load.u64
        const at = r[s] + w[pc - 2] | 0, page = at >>> PAGE_SHIFT;
        if (r[s + 1] !== 0 || page >= readLimits.length || at + 8 > readLimits[page]) {
          return !m.save(pc, left).badAccess(s, w[pc - 2], 8, false);
        }
        r[d] = view.getInt32(at + lowHalf, little);
        r[d + 1] = view.getInt32(at + 4 - lowHalf, little);
        continue;
      }
      case 45: { // load.s8
        const at = r[s] + w[pc - 2] | 0, page = at >>> PAGE_SHIFT;
        if (r[s + 1] !== 0 || page >= readLimits.length || at + 1 > readLimits[page]) {
          return !m.save(pc, left).badAccess(s, w[pc - 2], 1, false);
        }
        const a = view.getInt8(at);
        r[d] = a;
        r[d + 1] = a >> 31;
        continue;
      }
      case 46: { // load.s16
        const at = r[s] + w[pc - 2] | 0, page = at >>> PAGE_SHIFT;
        if (r[s + 1] !== 0 || page >= readLimits.length || at + 2 > readLimits[page]) {
          return !m.save(pc, left).badAccess(s, w[pc - 2], 2, false);
        }
        const a = view.getInt16(at, little);
        r[d] = a;
        r[d + 1] = a >> 31;
        continue;
      }
      case 47: { // load.s32
        const at = r[s] + w[pc - 2] | 0, page = at >>> PAGE_SHIFT;
        if (r[s + 1] !== 0 || page >= readLimits.length || at + 4 > readLimits[page]) {
          return !m.save(pc, left).badAccess(s, w[pc - 2], 4, false);
        }
        const a = view.getInt32(at, little);
        r[d] = a;
        r[d + 1] = a >> 31;
        continue;
      }
      case 48: { // store.8
        const at = r[d] + w[pc - 2] | 0, page = at >>> PAGE_SHIFT;
        if (r[d + 1] !== 0 || page >= writeLimits.length || at + 1 > writeLimits[page]) {
          return !m.save(pc, left).badAccess(d, w[pc - 2], 1, true);
        }
        view.setInt8(at, r[s]);
        continue;
      }
      case 49: { // store.16
        const at = r[d] + w[pc - 2] | 0, page = at >>> PAGE_SHIFT;
        if (r[d + 1] !== 0 || page >= writeLimits.length || at + 2 > writeLimits[page]) {
          return !m.save(pc, left).badAccess(d, w[pc - 2], 2, true);
        }
        view.setInt16(at, r[s], little);
        continue;
      }
      case 50: { // store.32
        const at = r[d] + w[pc - 2] | 0, page = at >>> PAGE_SHIFT;
        if (r[d + 1] !== 0 || page >= writeLimits.length || at + 4 > writeLimits[page]) {
          return !m.save(pc, left).badAccess(d, w[pc - 2], 4, true);
        }
        view.setInt32(at, r[s], little);
        continue;
      }
      case 51: { // store.64
        const at = r[d] + w[pc - 2] | 0, page = at >>> PAGE_SHIFT;
        if (r[d + 1] !== 0 || page >= writeLimits.length || at + 8 > writeLimits[page]) {
          return !m.save(pc, left).badAccess(d, w[pc - 2], 8, true);
        }
        view.setInt32(at + lowHalf, r[s], little);
        view.setInt32(at + 4 - lowHalf, r[s + 1], little);
        continue;
      }
      case 52: { // atomic
        if (!executeAtomic(m.save(pc, left), d, s, w[pc - 2], w[pc - 1])) return true;
        continue;
      }
      case 53: { // packet
        m.save(pc, left);
        if (!m.loadPacket(r[s] + w[pc - 2] | 0, w[pc - 1])) {
          if (!m.leave()) return true;
          pc = m.pc;
        }
        continue;
      }
      case 54: { // goto
        pc = w[pc - 2];
        continue;
      }
      case 55: { // eq.64
        if (r[d] === r[s] && r[d + 1] === r[s + 1]) pc = w[pc - 2];
        continue;
      }
      case 56: { // ne.64
        if (r[d] !== r[s] || r[d + 1] !== r[s + 1]) pc = w[pc - 2];
        continue;
      }
      case 57: { // set.64
        if ((r[d] & r[s] | r[d + 1] & r[s + 1]) !== 0) pc = w[pc - 2];
        continue;
      }
      case 58: { // gt.64
        const a = r[d + 1] >>> 0, b = r[s + 1] >>> 0;
        if (a === b ? r[d] >>> 0 > r[s] >>> 0 : a > b) pc = w[pc - 2];
        continue;
      }
      case 59: { // ge.64
        const a = r[d + 1] >>> 0, b = r[s + 1] >>> 0;
        if (a === b ? r[d] >>> 0 >= r[s] >>> 0 : a > b) pc = w[pc - 2];
        continue;
      }
      case 60: { // lt.64
        const a = r[d + 1] >>> 0, b = r[s + 1] >>> 0;
        if (a === b ? r[d] >>> 0 < r[s] >>> 0 : a < b) pc = w[pc - 2];
        continue;
      }
      case 61: { // le.64
        const a = r[d + 1] >>> 0, b = r[s + 1] >>> 0;
        if (a === b ? r[d] >>> 0 <= r[s] >>> 0 : a < b) pc = w[pc - 2];
        continue;
      }
      case 62: { // sgt.64
        const a = r[d + 1], b = r[s + 1];
        if (a === b ? r[d] >>> 0 > r[s] >>> 0 : a > b) pc = w[pc - 2];
        continue;
      }
      case 63: { // sge.64
        const a = r[d + 1], b = r[s + 1];
        if (a === b ? r[d] >>> 0 >= r[s] >>> 0 : a > b) pc = w[pc - 2];
        continue;
      }
      case 64: { // slt.64
        const a = r[d + 1], b = r[s + 1];
        if (a === b ? r[d] >>> 0 < r[s] >>> 0 : a < b) pc = w[pc - 2];
        continue;
      }
      case 65: { // sle.64
        const a = r[d + 1], b = r[s + 1];
        if (a === b ? r[d] >>> 0 <= r[s] >>> 0 : a < b) pc = w[pc - 2];
        continue;
      }
      case 66: { // eq.32
        if (r[d] === r[s]) pc = w[pc - 2];
        continue;
      }
      case 67: { // ne.32
        if (r[d] !== r[s]) pc = w[pc - 2];
        continue;
      }
      case 68: { // set.32
        if ((r[d] & r[s]) !== 0) pc = w[pc - 2];
        continue;
      }
      case 69: { // gt.32
        if (r[d] >>> 0 > r[s] >>> 0) pc = w[pc - 2];
        continue;
      }
      case 70: { // ge.32
        if (r[d] >>> 0 >= r[s] >>> 0) pc = w[pc - 2];
        continue;
      }
      case 71: { // lt.32
        if (r[d] >>> 0 < r[s] >>> 0) pc = w[pc - 2];
        continue;
      }
      case 72: { // le.32
        if (r[d] >>> 0 <= r[s] >>> 0) pc = w[pc - 2];
        continue;
      }
      case 73: { // sgt.32
        if (r[d] > r[s]) pc = w[pc - 2];
        continue;
      }
      case 74: { // sge.32
        if (r[d] >= r[s]) pc = w[pc - 2];
        continue;
      }
      case 75: { // slt.32
        if (r[d] < r[s]) pc = w[pc - 2];
        continue;
      }
      case 76: { // sle.32
        if (r[d] <= r[s]) pc = w[pc - 2];
        continue;
      }
      case 77: { // may_goto
        if (m.mayGoto()) pc = w[pc - 2];
        continue;
      }
      case 78: { // helper
        if (!m.save(pc, left).callHelper(m.helpers.get(s), `helper ${s}`)) return true;
        ({ pc, left } = m);
        ({ view, readLimits, writeLimits } = m.memory);
        continue;
      }
      case 79: { // kfunc
        const name = m.code.kfuncs[s];
        if (!m.save(pc, left).callHelper(m.kfuncs.get(name), `kfunc ${name}`)) return true;
        ({ pc, left } = m);
        ({ view, readLimits, writeLimits } = m.memory);
        continue;
      }
      case 80: { // local
        if (!m.save(pc, left).enter(w[pc - 2], pc)) return true;
        pc = m.pc;
        continue;
      }
      case 81: { // callx
        if (!m.save(pc, left).callIndirect(s)) return true;
        ({ pc, left } = m);
        ({ view, readLimits, writeLimits } = m.memory);
        continue;
      }
      case 82: { // exit
        if (!m.save(pc, left).leave()) return true;
        pc = m.pc;
        continue;
      }
      case 83: // trap
        return !m.save(pc, left).trap(s);
    }
  }
}
