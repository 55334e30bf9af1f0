// Maps whose keys and values have every kind of type, for the typed interface of the sandbox.
#include "bpf_minimal.h"

enum state { STATE_NEW, STATE_OPEN = 5, STATE_ERROR = -1 };
enum __attribute__((packed)) color { RED, GREEN = 200 };

struct bpf_spin_lock {
  __u32 val;
};

struct flow {
  __u32 source;
  __u16 port;
  __u8 protocol;
  char name[5];
};

struct inner {
  short x;
  signed char y;
};

struct everything {
  struct bpf_spin_lock lock;
  int negative;
  __u64 big;
  __s64 big_negative;
  bool flag;
  char name[8];
  __u8 mac[6];
  enum state state;
  enum color color;
  struct inner nested[2];
  union {
    __u32 word;
    __u8 bytes[4];
  };
  union {
    __u32 number;
    float real;
  } either;
  unsigned low : 3;
  int middle : 7;
  unsigned high : 22;
  void *pointer;
  double ratio;
  __u32 matrix[2][3];
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 100);
  __type(key, struct flow);
  __type(value, struct everything);
} flows SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 4);
  __type(key, __u32);
  __type(value, __s64);
} counts SEC(".maps");

struct one {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u32);
} first SEC(".maps"), second SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
  __uint(max_entries, 2);
  __type(key, __u32);
  __array(values, struct one);
} outer SEC(".maps") = { .values = { &second } };

struct {
  __uint(type, 22);
  __uint(max_entries, 3);
  __type(value, struct inner);
} waiting SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 8);
  __uint(key_size, 2);
  __uint(value_size, 4);
} untyped SEC(".maps");

SEC("xdp")
int touch(struct xdp_md *ctx) {
  struct flow flow = {};
  __u32 zero = 0;
  __s64 *count = bpf_map_lookup_elem(&counts, &zero);
  if (count) *count += 1;
  if (bpf_map_lookup_elem(&first, &zero) == bpf_map_lookup_elem(&second, &zero)) return XDP_ABORTED;
  if (bpf_map_lookup_elem(&outer, &zero) == bpf_map_lookup_elem(&untyped, &zero)) return XDP_ABORTED;
  return bpf_map_lookup_elem(&flows, &flow) ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
