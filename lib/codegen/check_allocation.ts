/**
 * An independent check of a register allocation: a symbolic walk over the allocated code that knows nothing of how it
 * was made. Each location holds a set of virtual registers; at a join it holds what it holds on every way in. Each
 * operand must then be found where the code reads it. (The idea is that of regalloc2's checker.)
 *
 * @module
 */

import {
  type AllocatedBlock,
  type AllocatedFunction,
  type Step,
  useRegister,
} from "./allocation.ts";
import { LastUses } from "./last_uses.ts";
import type { MachineBlock, MachineEdge, MachineFunction, MachineInsn } from "./machine.ts";
import { SLOT } from "./parallel_moves.ts";

/**
 * Virtual registers by location; a location that is absent holds nothing known. What is not read any more is forgotten,
 * so that states stay small.
 */
type State = Map<number, readonly number[]>;

class Checker {
  readonly #fn: MachineFunction;
  readonly #byId = new Map<number, AllocatedBlock>();
  readonly #states = new Map<number, State>();
  readonly #errors: string[] = [];
  readonly #allocated: AllocatedFunction;
  readonly #lastUses: LastUses;
  /** By virtual register the number of the last edge behind which it is live. */
  readonly #liveBehind: Float64Array;
  #edges = 0;
  /** 1 for virtual registers that are live everywhere: those without a definition, which are recomputed or reserved. */
  readonly #everywhere: Uint8Array;

  constructor(fn: MachineFunction, allocated: AllocatedFunction) {
    this.#fn = fn;
    this.#allocated = allocated;
    this.#lastUses = new LastUses(fn);
    this.#liveBehind = new Float64Array(fn.vregCount);
    for (const block of allocated.blocks) this.#byId.set(block.id, block);
    this.#everywhere = new Uint8Array(fn.vregCount).fill(1);
    for (const { params, insns } of fn.blocks) {
      for (const param of params) this.#everywhere[param] = 0;
      for (const { def } of insns) if (def >= 0) this.#everywhere[def] = 0;
    }
  }

  run(): string[] {
    const entry: State = new Map();
    this.#fn.blocks[0].params.forEach((param, i) => entry.set(this.#fn.entryRegisters[i], [param]));
    this.#fn.homes.forEach((home, vreg) => {
      if (home < 0) return;
      entry.set(home, [vreg]);
    });
    this.#states.set(0, entry);
    // To a fixpoint first, silently; the states only shrink. Sweeps in this order are few: one for each nesting of loops.
    const order = this.#reversePostorder();
    const pending = new Set([0]);
    while (pending.size > 0) {
      for (const block of order) {
        if (!pending.delete(block.id)) continue;
        const state = new Map(this.#states.get(block.id)!);
        this.#block(block, state, false);
        for (let i = 0; i < block.succs.length; i++) {
          if (this.#merge(block.succs[i], this.#along(block, i, state))) {
            pending.add(block.succs[i]);
          }
        }
      }
    }
    for (const block of this.#allocated.blocks) {
      const state = this.#states.get(block.id);
      if (state !== undefined) this.#block(block, new Map(state), true);
    }
    return this.#errors;
  }

  /** The blocks that the entry reaches, each before its successors but for the edges back. */
  #reversePostorder(): AllocatedBlock[] {
    const order: AllocatedBlock[] = [];
    const seen = new Set([0]);
    const path = [{ block: this.#byId.get(0)!, next: 0 }];
    while (path.length > 0) {
      const top = path[path.length - 1];
      if (top.next === top.block.succs.length) {
        order.push(top.block);
        path.pop();
        continue;
      }
      const id = top.block.succs[top.next++];
      if (seen.has(id)) continue;
      seen.add(id);
      path.push({ block: this.#byId.get(id)!, next: 0 });
    }
    return order.reverse();
  }

  /** Shrinks the state of a block by a way in; whether it changed. */
  #merge(id: number, incoming: State): boolean {
    const known = this.#states.get(id);
    if (known === undefined) {
      this.#states.set(id, incoming);
      return true;
    }
    let changed = false;
    for (const [location, held] of known) {
      const other = incoming.get(location) ?? [];
      const both = held.filter((vreg) => other.includes(vreg));
      if (both.length === held.length) continue;
      changed = true;
      if (both.length === 0) known.delete(location);
      else known.set(location, both);
    }
    return changed;
  }

  /** The machine edge behind the exit of an allocated block, if parameters are passed on it. */
  #edge(block: AllocatedBlock, exit: number): MachineEdge | null {
    if (block.source < 0) return null;
    return this.#fn.blocks[block.source].succs[exit];
  }

  /** The state behind an exit: where an argument is, its parameter is too, and the parameter's old value nowhere. */
  #along(block: AllocatedBlock, exit: number, state: State): State {
    const edge = this.#edge(block, exit);
    if (edge === null) return new Map(state);
    const { params } = edge.to as MachineBlock;
    this.#edges++;
    for (const vreg of this.#lastUses.liveInto(edge.to)) this.#liveBehind[vreg] = this.#edges;
    const result: State = new Map();
    for (const [location, held] of state) {
      const kept = held.filter((vreg) =>
        this.#everywhere[vreg] !== 0 || this.#liveBehind[vreg] === this.#edges
      );
      const more = params.filter((_, i) => held.includes(edge.args[i]));
      if (kept.length + more.length > 0) result.set(location, [...kept, ...more]);
    }
    this.#passRecomputed(edge, params, result);
    return result;
  }

  /** Parameters whose argument is undefined are wherever they are looked for. */
  #passRecomputed(edge: MachineEdge, params: readonly number[], state: State): void {
    const undefinedParams = params.filter((_, i) => this.#fn.remat[edge.args[i]]?.length === 0);
    if (undefinedParams.length === 0) return;
    for (let location = 0; location < SLOT + this.#allocated.slotCount; location++) {
      state.set(location, [...(state.get(location) ?? []), ...undefinedParams]);
    }
  }

  #block(block: AllocatedBlock, state: State, report: boolean): void {
    if (block.source >= 0) this.#lastUses.enter(this.#fn.blocks[block.source]);
    for (const step of block.steps) this.#step(block, step, state, report);
    this.#step(block, block.term, state, report);
  }

  /** Whether a step names a spill slot where it needs a register. */
  #namesSlot({ kind, dst, src }: Step): boolean {
    if (kind === "insn") return false;
    return (kind !== "store" && dst >= SLOT) || (kind !== "load" && src >= SLOT);
  }

  #step(block: AllocatedBlock, step: Step, state: State, report: boolean): void {
    if (report && this.#namesSlot(step)) {
      this.#errors.push(`block ${block.id}: a ${step.kind} of value ${step.vreg} needs a register`);
    }
    switch (step.kind) {
      case "insn":
        return this.#insn(block, step.insn!, step, state, report);
      case "move":
        return this.#copy(state, step.dst, step.src);
      case "store":
        return this.#copy(state, SLOT + step.dst, step.src);
      case "load":
        return this.#copy(state, step.dst, SLOT + step.src);
      case "remat":
        // What a recomputed value is passed on as, it is too.
        state.set(step.dst, [step.vreg, ...this.#aliases(block, step.vreg)]);
        return;
    }
  }

  /** Parameters that a recomputed argument becomes, when the recomputation follows the edge's renaming. */
  #aliases(block: AllocatedBlock, vreg: number): number[] {
    const target = block.source < 0 ? block.succs[0] : block.id;
    const machine = this.#fn.blocks[target];
    if (machine === undefined) return [];
    const aliases: number[] = [];
    for (const edge of machine.preds) {
      edge.args.forEach((arg, i) => {
        if (arg === vreg) aliases.push(machine.params[i]);
      });
    }
    return aliases;
  }

  #copy(state: State, dst: number, src: number): void {
    const held = state.get(src);
    if (held === undefined) state.delete(dst);
    else state.set(dst, held);
  }

  /** Whether a virtual register is read behind the instruction under check. */
  #isRead(vreg: number): boolean {
    return this.#fn.homes[vreg] >= 0 || this.#lastUses.isRead(vreg);
  }

  #insn(
    block: AllocatedBlock,
    insn: MachineInsn,
    step: Step,
    state: State,
    report: boolean,
  ): void {
    const { uses, fixed, tied, def } = insn;
    if (report) {
      for (let k = 0; k < uses.length; k++) {
        const register = useRegister(step.src, k);
        const found = state.get(register)?.includes(uses[k]) ?? false;
        if (!found) {
          this.#errors.push(
            `block ${block.id}: register ${register} does not hold value ${uses[k]}`,
          );
        }
        if (fixed !== null && fixed[k] >= 0 && fixed[k] !== register) {
          this.#errors.push(`block ${block.id}: value ${uses[k]} must be in register ${fixed[k]}`);
        }
      }
      if (tied >= 0 && useRegister(step.src, tied) !== step.dst) {
        this.#errors.push(`block ${block.id}: value ${def} must overwrite value ${uses[tied]}`);
      }
      if (insn.defFixed >= 0 && def >= 0 && step.dst !== insn.defFixed) {
        this.#errors.push(`block ${block.id}: value ${def} must be in register ${insn.defFixed}`);
      }
    }
    this.#lastUses.reach(insn);
    const moved = insn.move ? state.get(useRegister(step.src, 0)) ?? [] : [];
    for (let r = 0; r < SLOT; r++) if ((insn.clobbers >>> r & 1) !== 0) state.delete(r);
    if (def >= 0) {
      // A value has one definition: whatever held it before is of an earlier round of a loop.
      for (const [location, held] of state) {
        if (held.includes(def)) state.set(location, held.filter((vreg) => vreg !== def));
      }
      state.set(step.dst, [def, ...moved.filter((v) => v !== def && this.#isRead(v))]);
    }
  }
}

/**
 * Checks an allocation.
 *
 * @param fn The function in machine form.
 * @param allocated Its allocation.
 * @returns What is wrong, empty if nothing is.
 */
export function checkAllocation(fn: MachineFunction, allocated: AllocatedFunction): string[] {
  return new Checker(fn, allocated).run();
}
