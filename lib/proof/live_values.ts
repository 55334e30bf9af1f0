/**
 * The values that are live at the start of each block: its parameters and those that it or a successor uses.
 *
 * @module
 */

import { type Block, type IrFunction, isLeaf, type Value } from "../ir/function.ts";

/**
 * Finds the live values.
 *
 * @param fn The function.
 * @returns Values by block id, parameters among them.
 */
export function liveValues(fn: IrFunction): Value[][] {
  const live: Value[][] = Array.from({ length: fn.blockCount }, () => []);
  const home: (Block | undefined)[] = new Array(fn.valueCount);
  const uses: Block[][] = Array.from({ length: fn.valueCount }, () => []);
  const values: Value[] = [];
  for (const block of fn.blocks) {
    for (const value of [...block.params, ...block.insns]) {
      home[value.id] = block;
      values.push(value);
    }
    live[block.id].push(...block.params);
    const use = (value: Value): void => {
      const list = uses[value.id];
      if (!isLeaf(value) && list[list.length - 1] !== block) list.push(block);
    };
    for (const { args } of block.insns) args.forEach(use);
    block.term?.args.forEach(use);
    for (const { args } of block.succs) args.forEach(use);
  }
  const seen = new Int32Array(fn.blockCount).fill(-1);
  for (const value of values) {
    const work = uses[value.id];
    for (let block = work.pop(); block !== undefined; block = work.pop()) {
      if (block === home[value.id] || seen[block.id] === value.id) continue;
      seen[block.id] = value.id;
      live[block.id].push(value);
      for (const { from } of block.preds) work.push(from);
    }
  }
  return live;
}
