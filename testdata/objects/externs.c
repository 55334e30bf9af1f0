// References outside and into code from data: kfuncs, kernel variables, configuration, a program array and an inner
// map that are filled in by relocation, and a weak extern that may be absent.
#include "bpf_minimal.h"

extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;
extern int bpf_no_such_function(int value) __ksym __weak;
extern const int bpf_prog_active __ksym;
extern __u32 LINUX_KERNEL_VERSION __kconfig;

int on_first(struct xdp_md *ctx);
int on_second(struct xdp_md *ctx);

struct inner {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 2);
  __type(key, __u32);
  __type(value, __u64);
} counters SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
  __uint(max_entries, 4);
  __type(key, __u32);
  __array(values, struct inner);
} outer SEC(".maps") = {.values = {[1] = &counters}};

struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __uint(max_entries, 3);
  __uint(pinning, LIBBPF_PIN_BY_NAME);
  __type(key, __u32);
  __array(values, int(struct xdp_md *));
} epass_programs SEC(".maps") = {.values = {[0] = (void *)&on_first, [2] = (void *)&on_second}};

__weak __noinline int shared(int value) {
  return value * 3 + 1;
}

SEC("xdp")
int on_first(struct xdp_md *ctx) {
  __u32 key = 1;
  void *map = bpf_map_lookup_elem(&outer, &key);
  if (LINUX_KERNEL_VERSION < 0x50000 || !map) return XDP_PASS;
  __u64 *count = bpf_map_lookup_elem(map, &key);
  if (count) *count += shared(ctx->rx_queue_index);
  return XDP_PASS;
}

SEC("xdp")
int on_second(struct xdp_md *ctx) {
  int result = shared(ctx->ingress_ifindex);
  bpf_rcu_read_lock();
  if (bpf_no_such_function) result += bpf_no_such_function(result);
  bpf_rcu_read_unlock();
  return result & 1 ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int dispatch(struct xdp_md *ctx) {
  bpf_tail_call(ctx, &epass_programs, ctx->rx_queue_index);
  return XDP_ABORTED;
}

char _license[] SEC("license") = "GPL";
