/**
 * Facts about a whole program, computed once before its functions are lifted.
 *
 * @module
 */

import { EpassError } from "../errors.ts";
import {
  type CodeSection,
  LINUX_FORMATS,
  type Program,
  type ProgramFunction,
} from "../object/program.ts";
import type { LiftContext } from "./calls.ts";
import { flowOf } from "./flow.ts";
import { registerUse } from "./liveness.ts";
import { argumentRegisters, optional, required } from "./registers.ts";

const ALL_ARGUMENTS = required(argumentRegisters(5));

/**
 * The argument registers that are parameters of a function: those that its code requires, and of those that it may only
 * pass on (to a callee that is free to ignore them) the ones within the number of parameters that BTF gives it.
 *
 * @param fn The function.
 * @param live The register set live into its first instruction.
 * @returns A plain register mask.
 */
export function parameterRegisters(fn: ProgramFunction, live: number): number {
  // BTF gives naked assembly functions no parameter, but an entry point always has its context in r1.
  const declared = argumentRegisters(fn.params < 0 ? 5 : Math.min(Math.max(fn.params, 1), 5));
  return (live | live >>> 16 & declared) & argumentRegisters(5);
}

/**
 * Computes the facts about a program that {@link liftFunction} needs.
 *
 * @param program The program.
 * @param kernelHelpers Whether helper ids mean what they mean to Linux. By default they do in {@link LINUX_FORMATS};
 * bare bytecode runs on machines that number their own.
 * @returns The facts.
 */
export function liftContext(
  program: Program,
  kernelHelpers: boolean = LINUX_FORMATS.includes(program.format),
): LiftContext {
  const attached = new Map<CodeSection, Uint8Array>();
  for (const section of program.sections) attached.set(section, attachedSlots(section));
  // A function in a call cycle, which the kernel refuses, and one that cannot be lifted may read anything.
  const argumentReads = new Int32Array(program.functions.length).fill(ALL_ARGUMENTS);
  const context: LiftContext = { program, kernelHelpers, argumentReads, attached };
  for (const fn of calleesFirst(program)) argumentReads[fn.index] = readsArguments(fn, context);
  return context;
}

function attachedSlots(section: CodeSection): Uint8Array {
  const marks = new Uint8Array(section.slots[section.insns.length]);
  for (const slot of section.relocations.keys()) if (slot < marks.length) marks[slot] = 1;
  for (const slot of section.core.keys()) if (slot < marks.length) marks[slot] = 1;
  return marks;
}

function readsArguments(fn: ProgramFunction, context: LiftContext): number {
  try {
    const live = registerUse(fn, flowOf(fn), context).live[0];
    const declared = argumentRegisters(Math.min(Math.max(fn.params, 0), 5));
    return optional(parameterRegisters(fn, live) | declared) | live & argumentRegisters(5);
  } catch (error) {
    if (error instanceof EpassError) return ALL_ARGUMENTS;
    throw error;
  }
}

/** The functions of a program that its code calls, for each function; calls of other programs' code do not count. */
function callGraph(program: Program): number[][] {
  return program.functions.map(({ section, first, last }) => {
    const callees: number[] = [];
    for (let i = first; i < last; i++) {
      if (section.insns[i].op.kind !== "call") continue;
      const target = section.targets.get(section.slots[i]);
      if (target?.kind === "function") callees.push(target.index);
    }
    return callees;
  });
}

/** The functions that are called, callees before callers but for call cycles: a depth-first post-order. */
function calleesFirst(program: Program): ProgramFunction[] {
  const graph = callGraph(program);
  const visited = new Uint8Array(graph.length), progress = new Int32Array(graph.length);
  const order: ProgramFunction[] = [];
  const stack: number[] = [];
  for (const callees of graph) {
    for (const root of callees) {
      if (visited[root] !== 0) continue;
      visited[root] = 1;
      stack.push(root);
      while (stack.length > 0) {
        const index = stack[stack.length - 1];
        if (progress[index] === graph[index].length) {
          order.push(program.functions[index]);
          stack.pop();
          continue;
        }
        const callee = graph[index][progress[index]++];
        if (visited[callee] !== 0) continue;
        visited[callee] = 1;
        stack.push(callee);
      }
    }
  }
  return order;
}
