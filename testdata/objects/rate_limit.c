// A token bucket for each source address: XDP lets BURST packets through at once, then RATE a second.
// build: -mcpu=v3
#include "bpf_minimal.h"

#define SECOND 1000000000ull

struct bucket {
  __u64 updated;
  __u64 tokens;
};

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 1024);
  __type(key, __u32);
  __type(value, struct bucket);
} buckets SEC(".maps");

enum verdict { PASSED, LIMITED };
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 2);
  __type(key, __u32);
  __type(value, __u64);
} counts SEC(".maps");

const volatile __u64 rate = 100;
const volatile __u64 burst = 10;

static __always_inline void count(__u32 verdict) {
  __u64 *counter = bpf_map_lookup_elem(&counts, &verdict);
  if (counter) *counter += 1;
}

// Whether a source may send another packet.
static __noinline bool take_token(__u32 source, __u64 now) {
  struct bucket fresh = {.updated = now, .tokens = burst - 1};
  struct bucket *bucket = bpf_map_lookup_elem(&buckets, &source);
  if (!bucket) {
    bpf_map_update_elem(&buckets, &source, &fresh, 0);
    return burst > 0;
  }
  __u64 earned = (now - bucket->updated) * rate / SECOND;
  if (earned > 0) {
    __u64 tokens = bucket->tokens + earned;
    bucket->tokens = tokens < burst ? tokens : burst;
    bucket->updated = now;
  }
  if (bucket->tokens == 0) return 0;
  bucket->tokens -= 1;
  return 1;
}

SEC("xdp")
int rate_limit(struct xdp_md *ctx) {
  void *data = (void *)(long)ctx->data;
  void *data_end = (void *)(long)ctx->data_end;
  struct ethhdr *eth = data;
  struct iphdr *ip = (void *)(eth + 1);
  if ((void *)(ip + 1) > data_end || eth->h_proto != htons(ETH_P_IP)) return XDP_PASS;
  if (take_token(ip->saddr, bpf_ktime_get_ns())) {
    count(PASSED);
    return XDP_PASS;
  }
  count(LIMITED);
  bpf_printk("limited %x", ip->saddr);
  return XDP_DROP;
}

char _license[] SEC("license") = "GPL";
