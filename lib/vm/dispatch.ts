/**
 * The dispatch loop of the interpreter: one dense switch over {@link OPCODES} without a single call, so that the
 * compiler keeps what it knows about the arrays from one instruction to the next. What the loop cannot finish, a fault
 * among it, it leaves to `slow_path.ts`. The case labels are literals, for only those become a jump table; a test
 * compares them with the names beside them.
 *
 * @module
 */

import type { Machine } from "./machine.ts";

/**
 * Runs a machine until its slice is used up or an instruction needs the slow path.
 *
 * @param m The machine; its pc, left and registers are up to date on return.
 * @returns Whether the instruction before pc, already counted, remains to be done; false if the slice is used up.
 */
export function dispatch(m: Machine): boolean {
  // STRIDE and PAGE_SHIFT, as literals: a bundler may turn imported constants into variables.
  const stride = 4, pageShift = 12;
  const { registers: r, words: w } = m;
  const { view, readLimits, writeLimits, order } = m.memory;
  const little = order === "little";
  const lowHalf = little ? 0 : 4;
  let { pc, left } = m;
  loop: for (;;) {
    if (left === 0) {
      m.save(pc, left);
      return false;
    }
    left = left - 1 | 0;
    // Indices of low halves are even and words of an instruction start at a multiple of 4, so `|` adds.
    const here = pc, word = w[here], d = word >>> 8, s = w[here | 1];
    pc = here + stride | 0;
    switch (word & 255) {
      case 0: { // add.64
        const a = r[d], sum = a + r[s] | 0;
        r[d | 1] = (r[d | 1] + r[s | 1] | 0) + (sum >>> 0 < a >>> 0 ? 1 : 0);
        r[d] = sum;
        continue;
      }
      case 1: { // sub.64
        const a = r[d], b = r[s];
        r[d | 1] = (r[d | 1] - r[s | 1] | 0) - (a >>> 0 < b >>> 0 ? 1 : 0);
        r[d] = a - b;
        continue;
      }
      case 2: { // mul.64
        const al = r[d],
          bl = r[s],
          a0 = al & 0xffff,
          a1 = al >>> 16,
          b0 = bl & 0xffff,
          b1 = bl >>> 16;
        const p01 = Math.imul(a0, b1), p10 = Math.imul(a1, b0);
        const middle = (Math.imul(a0, b0) >>> 16) + (p01 & 0xffff) + (p10 & 0xffff);
        const carry = (p01 >>> 16) + (p10 >>> 16) + (middle >>> 16) | 0;
        const cross = Math.imul(al, r[s | 1]) + Math.imul(r[d | 1], bl) | 0;
        r[d] = Math.imul(al, bl);
        r[d | 1] = (Math.imul(a1, b1) + carry | 0) + cross;
        continue;
      }
      case 3: { // div.64
        if ((r[d | 1] | r[s | 1]) !== 0) break loop;
        r[d] = r[s] === 0 ? 0 : (r[d] >>> 0) / (r[s] >>> 0) | 0;
        continue;
      }
      case 5: { // mod.64
        if ((r[d | 1] | r[s | 1]) !== 0) break loop;
        r[d] = r[s] === 0 ? r[d] : (r[d] >>> 0) % (r[s] >>> 0) | 0;
        continue;
      }
      case 7: { // or.64
        r[d] = r[d] | r[s];
        r[d | 1] = r[d | 1] | r[s | 1];
        continue;
      }
      case 8: { // and.64
        r[d] = r[d] & r[s];
        r[d | 1] = r[d | 1] & r[s | 1];
        continue;
      }
      case 9: { // xor.64
        r[d] = r[d] ^ r[s];
        r[d | 1] = r[d | 1] ^ r[s | 1];
        continue;
      }
      case 10: { // lsh.64
        const n = r[s] & 63, low = r[d];
        if (n >= 32) {
          r[d | 1] = low << n - 32;
          r[d] = 0;
        } else if (n > 0) {
          r[d | 1] = r[d | 1] << n | low >>> 32 - n;
          r[d] = low << n;
        }
        continue;
      }
      case 11: { // rsh.64
        const n = r[s] & 63, high = r[d | 1];
        if (n >= 32) {
          r[d] = high >>> n - 32;
          r[d | 1] = 0;
        } else if (n > 0) {
          r[d] = r[d] >>> n | high << 32 - n;
          r[d | 1] = high >>> n;
        }
        continue;
      }
      case 12: { // arsh.64
        const n = r[s] & 63, high = r[d | 1];
        if (n >= 32) {
          r[d] = high >> n - 32;
          r[d | 1] = high >> 31;
        } else if (n > 0) {
          r[d] = r[d] >>> n | high << 32 - n;
          r[d | 1] = high >> n;
        }
        continue;
      }
      case 13: { // add.32
        r[d] = r[d] + r[s];
        r[d | 1] = 0;
        continue;
      }
      case 14: { // sub.32
        r[d] = r[d] - r[s];
        r[d | 1] = 0;
        continue;
      }
      case 15: { // mul.32
        r[d] = Math.imul(r[d], r[s]);
        r[d | 1] = 0;
        continue;
      }
      case 16: { // div.32
        r[d] = r[s] === 0 ? 0 : (r[d] >>> 0) / (r[s] >>> 0) | 0;
        r[d | 1] = 0;
        continue;
      }
      case 17: { // sdiv.32
        r[d] = r[s] === 0 ? 0 : r[d] / r[s] | 0;
        r[d | 1] = 0;
        continue;
      }
      case 18: { // mod.32
        r[d] = r[s] === 0 ? r[d] : (r[d] >>> 0) % (r[s] >>> 0) | 0;
        r[d | 1] = 0;
        continue;
      }
      case 19: { // smod.32
        r[d] = r[s] === 0 ? r[d] : r[d] % r[s] | 0;
        r[d | 1] = 0;
        continue;
      }
      case 20: { // or.32
        r[d] = r[d] | r[s];
        r[d | 1] = 0;
        continue;
      }
      case 21: { // and.32
        r[d] = r[d] & r[s];
        r[d | 1] = 0;
        continue;
      }
      case 22: { // xor.32
        r[d] = r[d] ^ r[s];
        r[d | 1] = 0;
        continue;
      }
      case 23: { // lsh.32
        r[d] = r[d] << r[s];
        r[d | 1] = 0;
        continue;
      }
      case 24: { // rsh.32
        r[d] = r[d] >>> r[s];
        r[d | 1] = 0;
        continue;
      }
      case 25: { // arsh.32
        r[d] = r[d] >> r[s];
        r[d | 1] = 0;
        continue;
      }
      case 26: { // neg.64
        const a = r[d];
        r[d | 1] = -r[d | 1] - (a === 0 ? 0 : 1);
        r[d] = -a;
        continue;
      }
      case 27: { // neg.32
        r[d] = -r[d];
        r[d | 1] = 0;
        continue;
      }
      case 28: { // mov.64
        r[d | 1] = r[s | 1];
        r[d] = r[s];
        continue;
      }
      case 29: { // mov.32
        r[d] = r[s];
        r[d | 1] = 0;
        continue;
      }
      case 30: { // movs8.64
        const a = r[s] << 24 >> 24;
        r[d] = a;
        r[d | 1] = a >> 31;
        continue;
      }
      case 31: { // movs16.64
        const a = r[s] << 16 >> 16;
        r[d] = a;
        r[d | 1] = a >> 31;
        continue;
      }
      case 32: { // movs32.64
        const a = r[s];
        r[d] = a;
        r[d | 1] = a >> 31;
        continue;
      }
      case 33: { // movs8.32
        r[d] = r[s] << 24 >> 24;
        r[d | 1] = 0;
        continue;
      }
      case 34: { // movs16.32
        r[d] = r[s] << 16 >> 16;
        r[d | 1] = 0;
        continue;
      }
      case 35: { // swap16
        r[d] = r[d] << 8 & 0xff00 | r[d] >>> 8 & 0xff;
        r[d | 1] = 0;
        continue;
      }
      case 36: { // swap32
        const a = r[d];
        r[d] = a << 24 | (a & 0xff00) << 8 | a >>> 8 & 0xff00 | a >>> 24;
        r[d | 1] = 0;
        continue;
      }
      case 37: { // swap64
        const a = r[d], b = r[d | 1];
        r[d | 1] = a << 24 | (a & 0xff00) << 8 | a >>> 8 & 0xff00 | a >>> 24;
        r[d] = b << 24 | (b & 0xff00) << 8 | b >>> 8 & 0xff00 | b >>> 24;
        continue;
      }
      case 38: { // zext16
        r[d] = r[d] & 0xffff;
        r[d | 1] = 0;
        continue;
      }
      case 39: // nop
        continue;
      case 40: { // lddw
        r[d | 1] = r[s | 1];
        r[d] = r[s];
        pc = pc + stride | 0;
        continue;
      }
      case 41: { // load.u8
        const at = r[s] + w[here | 2] | 0, page = at >>> pageShift;
        if (r[s | 1] !== 0 || page >= readLimits.length || (at + 1 | 0) > readLimits[page]) {
          break loop;
        }
        r[d] = view.getUint8(at);
        r[d | 1] = 0;
        continue;
      }
      case 42: { // load.u16
        const at = r[s] + w[here | 2] | 0, page = at >>> pageShift;
        if (r[s | 1] !== 0 || page >= readLimits.length || (at + 2 | 0) > readLimits[page]) {
          break loop;
        }
        r[d] = view.getUint16(at, little);
        r[d | 1] = 0;
        continue;
      }
      case 43: { // load.u32
        const at = r[s] + w[here | 2] | 0, page = at >>> pageShift;
        if (r[s | 1] !== 0 || page >= readLimits.length || (at + 4 | 0) > readLimits[page]) {
          break loop;
        }
        r[d] = view.getInt32(at, little);
        r[d | 1] = 0;
        continue;
      }
      case 44: { // load.u64
        const at = r[s] + w[here | 2] | 0, page = at >>> pageShift;
        if (r[s | 1] !== 0 || page >= readLimits.length || (at + 8 | 0) > readLimits[page]) {
          break loop;
        }
        r[d] = view.getInt32(at + lowHalf, little);
        r[d | 1] = view.getInt32(at + 4 - lowHalf, little);
        continue;
      }
      case 45: { // load.s8
        const at = r[s] + w[here | 2] | 0, page = at >>> pageShift;
        if (r[s | 1] !== 0 || page >= readLimits.length || (at + 1 | 0) > readLimits[page]) {
          break loop;
        }
        const a = view.getInt8(at);
        r[d] = a;
        r[d | 1] = a >> 31;
        continue;
      }
      case 46: { // load.s16
        const at = r[s] + w[here | 2] | 0, page = at >>> pageShift;
        if (r[s | 1] !== 0 || page >= readLimits.length || (at + 2 | 0) > readLimits[page]) {
          break loop;
        }
        const a = view.getInt16(at, little);
        r[d] = a;
        r[d | 1] = a >> 31;
        continue;
      }
      case 47: { // load.s32
        const at = r[s] + w[here | 2] | 0, page = at >>> pageShift;
        if (r[s | 1] !== 0 || page >= readLimits.length || (at + 4 | 0) > readLimits[page]) {
          break loop;
        }
        const a = view.getInt32(at, little);
        r[d] = a;
        r[d | 1] = a >> 31;
        continue;
      }
      case 48: { // store.8
        const at = r[d] + w[here | 2] | 0, page = at >>> pageShift;
        if (r[d | 1] !== 0 || page >= writeLimits.length || (at + 1 | 0) > writeLimits[page]) {
          break loop;
        }
        view.setInt8(at, r[s]);
        continue;
      }
      case 49: { // store.16
        const at = r[d] + w[here | 2] | 0, page = at >>> pageShift;
        if (r[d | 1] !== 0 || page >= writeLimits.length || (at + 2 | 0) > writeLimits[page]) {
          break loop;
        }
        view.setInt16(at, r[s], little);
        continue;
      }
      case 50: { // store.32
        const at = r[d] + w[here | 2] | 0, page = at >>> pageShift;
        if (r[d | 1] !== 0 || page >= writeLimits.length || (at + 4 | 0) > writeLimits[page]) {
          break loop;
        }
        view.setInt32(at, r[s], little);
        continue;
      }
      case 51: { // store.64
        const at = r[d] + w[here | 2] | 0, page = at >>> pageShift;
        if (r[d | 1] !== 0 || page >= writeLimits.length || (at + 8 | 0) > writeLimits[page]) {
          break loop;
        }
        view.setInt32(at + lowHalf, r[s], little);
        view.setInt32(at + 4 - lowHalf, r[s | 1], little);
        continue;
      }
      case 54: { // goto
        pc = w[here | 2];
        continue;
      }
      case 55: { // eq.64
        if (r[d] === r[s] && r[d | 1] === r[s | 1]) pc = w[here | 2];
        continue;
      }
      case 56: { // ne.64
        if (r[d] !== r[s] || r[d | 1] !== r[s | 1]) pc = w[here | 2];
        continue;
      }
      case 57: { // set.64
        if ((r[d] & r[s] | r[d | 1] & r[s | 1]) !== 0) pc = w[here | 2];
        continue;
      }
      case 58: { // gt.64
        const a = r[d | 1] >>> 0, b = r[s | 1] >>> 0;
        if (a === b ? r[d] >>> 0 > r[s] >>> 0 : a > b) pc = w[here | 2];
        continue;
      }
      case 59: { // ge.64
        const a = r[d | 1] >>> 0, b = r[s | 1] >>> 0;
        if (a === b ? r[d] >>> 0 >= r[s] >>> 0 : a > b) pc = w[here | 2];
        continue;
      }
      case 60: { // lt.64
        const a = r[d | 1] >>> 0, b = r[s | 1] >>> 0;
        if (a === b ? r[d] >>> 0 < r[s] >>> 0 : a < b) pc = w[here | 2];
        continue;
      }
      case 61: { // le.64
        const a = r[d | 1] >>> 0, b = r[s | 1] >>> 0;
        if (a === b ? r[d] >>> 0 <= r[s] >>> 0 : a < b) pc = w[here | 2];
        continue;
      }
      case 62: { // sgt.64
        const a = r[d | 1], b = r[s | 1];
        if (a === b ? r[d] >>> 0 > r[s] >>> 0 : a > b) pc = w[here | 2];
        continue;
      }
      case 63: { // sge.64
        const a = r[d | 1], b = r[s | 1];
        if (a === b ? r[d] >>> 0 >= r[s] >>> 0 : a > b) pc = w[here | 2];
        continue;
      }
      case 64: { // slt.64
        const a = r[d | 1], b = r[s | 1];
        if (a === b ? r[d] >>> 0 < r[s] >>> 0 : a < b) pc = w[here | 2];
        continue;
      }
      case 65: { // sle.64
        const a = r[d | 1], b = r[s | 1];
        if (a === b ? r[d] >>> 0 <= r[s] >>> 0 : a < b) pc = w[here | 2];
        continue;
      }
      case 66: { // eq.32
        if (r[d] === r[s]) pc = w[here | 2];
        continue;
      }
      case 67: { // ne.32
        if (r[d] !== r[s]) pc = w[here | 2];
        continue;
      }
      case 68: { // set.32
        if ((r[d] & r[s]) !== 0) pc = w[here | 2];
        continue;
      }
      case 69: { // gt.32
        if (r[d] >>> 0 > r[s] >>> 0) pc = w[here | 2];
        continue;
      }
      case 70: { // ge.32
        if (r[d] >>> 0 >= r[s] >>> 0) pc = w[here | 2];
        continue;
      }
      case 71: { // lt.32
        if (r[d] >>> 0 < r[s] >>> 0) pc = w[here | 2];
        continue;
      }
      case 72: { // le.32
        if (r[d] >>> 0 <= r[s] >>> 0) pc = w[here | 2];
        continue;
      }
      case 73: { // sgt.32
        if (r[d] > r[s]) pc = w[here | 2];
        continue;
      }
      case 74: { // sge.32
        if (r[d] >= r[s]) pc = w[here | 2];
        continue;
      }
      case 75: { // slt.32
        if (r[d] < r[s]) pc = w[here | 2];
        continue;
      }
      case 76: { // sle.32
        if (r[d] <= r[s]) pc = w[here | 2];
        continue;
      }
      default:
        break loop;
    }
  }
  m.save(pc, left);
  return true;
}
