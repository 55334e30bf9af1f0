/**
 * Kfuncs of linked lists of objects (kernel/bpf/helpers.c): doubly linked rings in guest memory, each node with its owner. A
 * program that no verifier saw can break them; each step then works on whatever memory it finds, or faults.
 *
 * @module
 */

import type { Environment } from "../environment.ts";
import type { GuestMemory } from "../memory.ts";
import { failure, type HelperBodies, type HelperFactory, u64 } from "./body.ts";
import { dropObject, objectOf } from "./objects.ts";

/** Offsets in `struct bpf_list_node` and, up to the owner, `struct bpf_list_head`. */
const NEXT = 0n, PREVIOUS = 8n, OWNER = 16n;

const next = (memory: GuestMemory, at: bigint): bigint => memory.load(at + NEXT, 8);
const previous = (memory: GuestMemory, at: bigint): bigint => memory.load(at + PREVIOUS, 8);

function join(memory: GuestMemory, before: bigint, after: bigint): void {
  memory.store(before + NEXT, 8, after);
  memory.store(after + PREVIOUS, 8, before);
}

/** A list of zeros is one that nobody used yet. */
function initialise(memory: GuestMemory, head: bigint): void {
  if (next(memory, head) === 0n) join(memory, head, head);
}

/** Adds a node; one that is in a list already is given back instead. */
const push = (kfunc: string, atEnd: boolean): HelperFactory => (env) => (_context, r1, r2) => {
  const { memory } = env;
  const head = u64(r1), node = u64(r2);
  initialise(memory, head);
  if (memory.load(node + OWNER, 8) !== 0n) {
    dropObject(env, objectOf(env, node, kfunc));
    return failure("EINVAL");
  }
  const before = atEnd ? previous(memory, head) : head;
  const after = atEnd ? head : next(memory, head);
  join(memory, before, node);
  join(memory, node, after);
  memory.store(node + OWNER, 8, head);
  return 0n;
};

/** The node at an end of a list; 0 if there is none. */
function endOf({ memory }: Environment, head: bigint, last: boolean): bigint {
  initialise(memory, head);
  const node = last ? previous(memory, head) : next(memory, head);
  return node === head || memory.load(node + OWNER, 8) !== head ? 0n : node;
}

const pop = (last: boolean): HelperFactory => (env) => (_context, r1) => {
  const { memory } = env;
  const node = endOf(env, u64(r1), last);
  if (node === 0n) return 0n;
  join(memory, previous(memory, node), next(memory, node));
  join(memory, node, node);
  memory.store(node + OWNER, 8, 0n);
  return node;
};

const peek = (last: boolean): HelperFactory => (env) => (_context, r1) => endOf(env, u64(r1), last);

/** Kfuncs of linked lists. */
export const LIST_KFUNCS: HelperBodies = {
  bpf_list_push_front_impl: push("bpf_list_push_front_impl", false),
  bpf_list_push_back_impl: push("bpf_list_push_back_impl", true),
  bpf_list_pop_front: pop(false),
  bpf_list_pop_back: pop(true),
  bpf_list_front: peek(false),
  bpf_list_back: peek(true),
};
