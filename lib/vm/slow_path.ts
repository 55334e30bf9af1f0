/**
 * The instructions that the dispatch loop does not finish: calls, rare arithmetic, atomics, and every fault.
 *
 * @module
 */

import { type AluOp, evalAlu, signExtend, type Size } from "../isa/ops.ts";
import { executeAtomic } from "./atomic.ts";
import { STRIDE } from "./code.ts";
import { dispatch } from "./dispatch.ts";
import type { Machine } from "./machine.ts";
import { GUEST_BASE } from "./memory.ts";
import { OPCODES } from "./opcodes.ts";
import { readPair, writePair } from "./register_file.ts";

/** Does an instruction, given by its words; pc is behind it. False if the program has ended. */
type Handler = (m: Machine, d: number, s: number, displacement: number, extra: number) => boolean;

const arithmetic = (fn: AluOp): Handler => (m, d, s) => {
  const r = m.registers;
  writePair(r, d, evalAlu(fn, 64, readPair(r, d), readPair(r, s)));
  return true;
};

const HANDLERS: { readonly [name: string]: Handler } = {
  "div.64": arithmetic("div"),
  "sdiv.64": arithmetic("sdiv"),
  "mod.64": arithmetic("mod"),
  "smod.64": arithmetic("smod"),
  atomic: executeAtomic,
  packet: (m, _d, s, displacement, extra) =>
    m.loadPacket(m.registers[s] + displacement | 0, extra) || m.leave(),
  may_goto: (m, _d, _s, target) => {
    if (m.mayGoto()) m.pc = target;
    return true;
  },
  helper: (m, _d, id) => m.callHelper(m.helpers.get(id), `helper ${id}`),
  kfunc: (m, _d, index) => {
    const name = m.code.kfuncs[index];
    return m.callHelper(m.kfuncs.get(name), `kfunc ${name}`);
  },
  local: (m, _d, _s, target) => m.enter(target, m.pc),
  callx: (m, _d, s) => m.callIndirect(s),
  exit: (m) => m.leave(),
  trap: (m, _d, index) => m.trap(index),
};

/** A load or store reaches the slow path to fault, or because its address is near the null page. */
function accessing(name: string): Handler | undefined {
  const size = Number(/\d+$/.exec(name)?.[0]) / 8 as Size;
  const sign = name.startsWith("load.s") ? size * 8 : 0;
  if (name.startsWith("load")) {
    return (m, d, s, displacement) => {
      const at = m.place(s, displacement, size, false);
      if (at < 0) return false;
      const value = m.memory.load(BigInt(at + GUEST_BASE), size);
      writePair(m.registers, d, sign === 0 ? value : signExtend(value, sign));
      return true;
    };
  }
  if (!name.startsWith("store")) return undefined;
  return (m, d, s, displacement) => {
    const at = m.place(d, displacement, size, true);
    if (at < 0) return false;
    m.memory.store(BigInt(at + GUEST_BASE), size, readPair(m.registers, s));
    return true;
  };
}

const BY_OPCODE: readonly (Handler | undefined)[] = OPCODES.map((name) =>
  HANDLERS[name] ?? accessing(name)
);

/**
 * Runs a machine.
 *
 * @param m The machine.
 * @returns False if its slice is used up; true if the frame that the host entered has returned, or after a fault.
 */
export function proceed(m: Machine): boolean {
  const { words } = m;
  while (dispatch(m)) {
    const at = m.pc - STRIDE;
    const handler = BY_OPCODE[words[at] & 255]!;
    if (!handler(m, words[at] >>> 8, words[at + 1], words[at + 2], words[at + 3])) return true;
  }
  return false;
}
