// build: -g0 -mcpu=v1
// As objects were before BTF: a `maps` section, several programs in a section, packet access by LD_ABS.
#include "bpf_minimal.h"

struct bpf_map_def {
  __u32 type, key_size, value_size, max_entries, map_flags;
};

struct bpf_map_def SEC("maps") protocols = {BPF_MAP_TYPE_ARRAY, 4, 8, 256, 0};
struct bpf_map_def SEC("maps") lengths = {BPF_MAP_TYPE_HASH, 4, 8, 64, 0};

unsigned long long load_byte(void *skb, unsigned long long off) asm("llvm.bpf.load.byte");

SEC("socket")
int by_protocol(struct __sk_buff *skb) {
  __u32 key = load_byte(skb, 14 + 9);
  __u64 *count = bpf_map_lookup_elem(&protocols, &key);
  if (count) __sync_fetch_and_add(count, 1);
  return 0;
}

SEC("socket")
int by_length(struct __sk_buff *skb) {
  __u32 key = skb->len & ~63;
  __u64 *count = bpf_map_lookup_elem(&lengths, &key);
  if (count) __sync_fetch_and_add(count, 1);
  return skb->len;
}

char _license[] SEC("license") = "GPL";
