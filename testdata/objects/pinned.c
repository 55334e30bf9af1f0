// A map that loaders pin by its name: nothing of it may stay behind a verification.
#include "bpf_minimal.h"

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __uint(pinning, 1);
  __type(key, __u32);
  __type(value, __u64);
} epass_pinned SEC(".maps");

SEC("xdp")
int count(struct xdp_md *ctx) {
  __u32 key = 0;
  __u64 *packets = bpf_map_lookup_elem(&epass_pinned, &key);
  if (packets) ++*packets;
  return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
