/**
 * Map types of the kernel's interface (linux/bpf.h).
 *
 * @module
 */

/** Map types, by number (enum bpf_map_type). */
export const MAP_TYPES: readonly string[] = [
  "unspec",
  "hash",
  "array",
  "prog_array",
  "perf_event_array",
  "percpu_hash",
  "percpu_array",
  "stack_trace",
  "cgroup_array",
  "lru_hash",
  "lru_percpu_hash",
  "lpm_trie",
  "array_of_maps",
  "hash_of_maps",
  "devmap",
  "sockmap",
  "cpumap",
  "xskmap",
  "sockhash",
  "cgroup_storage",
  "reuseport_sockarray",
  "percpu_cgroup_storage",
  "queue",
  "stack",
  "sk_storage",
  "devmap_hash",
  "struct_ops",
  "ringbuf",
  "inode_storage",
  "task_storage",
  "bloom_filter",
  "user_ringbuf",
  "cgrp_storage",
  "arena",
  "insn_array",
];

/**
 * Names a map type.
 *
 * @param type A map type.
 * @returns Its name, or a made-up one with the number.
 */
export function mapTypeName(type: number): string {
  return MAP_TYPES[type] ?? `type_${type}`;
}

/** Numbers of the map types that readers of objects need. */
export const MAP_TYPE = { ARRAY: 2, STRUCT_OPS: 26, ARENA: 33 } as const;

/** Map flags (linux/bpf.h). */
export const MAP_FLAG = { RDONLY_PROG: 0x80, MMAPABLE: 0x400 } as const;
