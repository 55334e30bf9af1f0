/**
 * Kfuncs of search trees of objects (kernel/bpf/helpers.c). The kernel's are red-black; here nodes stay where they were
 * added, so that a tree has the same order and first node, while its root and depth may differ.
 *
 * A program that no verifier saw can break a tree; a walk over it is bounded by the objects in use.
 *
 * @module
 */

import type { Environment } from "../environment.ts";
import { GuestFault } from "../fault.ts";
import type { GuestMemory } from "../memory.ts";
import { failure, type HelperBodies, type HelperFactory, u64 } from "./body.ts";
import { dropObject, objectOf } from "./objects.ts";

/** Offsets in `struct bpf_rb_node`. */
const PARENT = 0n, RIGHT = 8n, LEFT = 16n, OWNER = 24n;
/** Offsets in `struct bpf_rb_root`. */
const ROOT = 0n, FIRST = 8n;

const load = (memory: GuestMemory, at: bigint): bigint => memory.load(at, 8);

/** Counts the steps of a walk. */
function steps({ heap }: Environment, kfunc: string): () => void {
  let left = heap.size + 1;
  return () => {
    if (left-- === 0) throw new GuestFault("helper", `cannot call ${kfunc}: the tree has a cycle`);
  };
}

/** Puts a node, or none, where another was. */
function replace(memory: GuestMemory, root: bigint, old: bigint, by: bigint): void {
  const parent = load(memory, old + PARENT);
  const link = parent === 0n
    ? root + ROOT
    : load(memory, parent + LEFT) === old
    ? parent + LEFT
    : parent + RIGHT;
  memory.store(link, 8, by);
  if (by !== 0n) memory.store(by + PARENT, 8, parent);
}

/** The node with the smallest place below another. */
function leftmost(env: Environment, node: bigint, kfunc: string): bigint {
  const step = steps(env, kfunc);
  for (let at = node;;) {
    step();
    const left = load(env.memory, at + LEFT);
    if (left === 0n) return at;
    at = left;
  }
}

const add: HelperFactory = (env) => (context, r1, r2, r3) => {
  const kfunc = "bpf_rbtree_add_impl";
  const { memory } = env;
  const root = u64(r1), node = u64(r2);
  if (load(memory, node + OWNER) !== 0n) {
    dropObject(env, objectOf(env, node, kfunc));
    return failure("EINVAL");
  }
  const step = steps(env, kfunc);
  let link = root + ROOT, parent = 0n, isFirst = true;
  for (let at = load(memory, link); at !== 0n; at = load(memory, link)) {
    step();
    parent = at;
    const isLess = context.call(r3, [node, at]) !== 0n;
    link = at + (isLess ? LEFT : RIGHT);
    if (!isLess) isFirst = false;
  }
  for (const [offset, value] of [[PARENT, parent], [LEFT, 0n], [RIGHT, 0n], [OWNER, root]]) {
    memory.store(node + offset, 8, value);
  }
  memory.store(link, 8, node);
  if (isFirst) memory.store(root + FIRST, 8, node);
  return 0n;
};

/** Takes a node with two children out: its successor takes its place. */
function removeInner(env: Environment, root: bigint, node: bigint): void {
  const { memory } = env;
  const left = load(memory, node + LEFT), right = load(memory, node + RIGHT);
  const successor = leftmost(env, right, "bpf_rbtree_remove");
  if (successor !== right) {
    replace(memory, root, successor, load(memory, successor + RIGHT));
    memory.store(successor + RIGHT, 8, right);
    memory.store(right + PARENT, 8, successor);
  }
  replace(memory, root, node, successor);
  memory.store(successor + LEFT, 8, left);
  memory.store(left + PARENT, 8, successor);
}

const remove: HelperFactory = (env) => (_context, r1, r2) => {
  const { memory } = env;
  const root = u64(r1), node = u64(r2);
  if (load(memory, node + OWNER) !== root) return 0n;
  const left = load(memory, node + LEFT), right = load(memory, node + RIGHT);
  if (left === 0n) replace(memory, root, node, right);
  else if (right === 0n) replace(memory, root, node, left);
  else removeInner(env, root, node);
  if (load(memory, root + FIRST) === node) {
    const top = load(memory, root + ROOT);
    memory.store(root + FIRST, 8, top === 0n ? 0n : leftmost(env, top, "bpf_rbtree_remove"));
  }
  memory.store(node + OWNER, 8, 0n);
  return node;
};

/** A child of a node that is in a tree. */
const child = (offset: bigint): HelperFactory => ({ memory }) => (_context, r1, r2) =>
  load(memory, u64(r2) + OWNER) === u64(r1) ? load(memory, u64(r2) + offset) : 0n;

/** Kfuncs of search trees. */
export const TREE_KFUNCS: HelperBodies = {
  bpf_rbtree_add_impl: add,
  bpf_rbtree_remove: remove,
  bpf_rbtree_first: ({ memory }) => (_context, r1) => load(memory, u64(r1) + FIRST),
  bpf_rbtree_root: ({ memory }) => (_context, r1) => load(memory, u64(r1) + ROOT),
  bpf_rbtree_left: child(LEFT),
  bpf_rbtree_right: child(RIGHT),
};
