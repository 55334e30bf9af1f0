// A small firewall: an XDP program drops what comes from blocked networks, a tc program counts what
// leaves, and a tracepoint counts what the kernel itself drops.
#include "bpf_minimal.h"

#define MAX_VLANS 4

struct network {
  __u32 prefix_length;
  __u32 address;
};

struct rule {
  __u64 packets;
  __u64 bytes;
};

struct event {
  __u64 time;
  __u32 source;
  __u32 interface;
};

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(max_entries, 1024);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct network);
  __type(value, struct rule);
} blocked SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 256);
  __type(key, __u32);
  __type(value, struct rule);
} egress SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 4096);
} events SEC(".maps");

const volatile bool drop_fragments = 0;
__u64 packets_seen;
__u64 packets_dropped;
__u64 kernel_drops[8];
__u32 report_every = 16;

struct vlan_walk {
  struct xdp_md *ctx;
  __u32 offset;
  __u16 protocol;
};

// One VLAN tag: the callback of bpf_loop.
static long skip_vlan(__u32 index, struct vlan_walk *walk) {
  void *data = (void *)(long)walk->ctx->data;
  void *data_end = (void *)(long)walk->ctx->data_end;
  __u32 offset = walk->offset;
  if (walk->protocol != htons(ETH_P_8021Q) && walk->protocol != htons(ETH_P_8021AD)) return 1;
  if (offset > 64) return 1;
  struct vlan_hdr *tag = data + offset;
  if ((void *)(tag + 1) > data_end) return 1;
  walk->protocol = tag->h_vlan_encapsulated_proto;
  walk->offset = offset + sizeof(*tag);
  return 0;
}

static __noinline void report(__u32 source, __u32 interface) {
  struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
  if (!event) return;
  event->time = bpf_ktime_get_ns();
  event->source = source;
  event->interface = interface;
  bpf_ringbuf_submit(event, 0);
}

static __noinline bool is_blocked(__u32 source, __u32 length) {
  struct network network = {.prefix_length = 32, .address = source};
  struct rule *rule = bpf_map_lookup_elem(&blocked, &network);
  if (!rule) return 0;
  __sync_fetch_and_add(&rule->packets, 1);
  __sync_fetch_and_add(&rule->bytes, length);
  return 1;
}

SEC("xdp")
int firewall(struct xdp_md *ctx) {
  void *data = (void *)(long)ctx->data;
  void *data_end = (void *)(long)ctx->data_end;
  struct ethhdr *eth = data;
  if ((void *)(eth + 1) > data_end) return XDP_ABORTED;

  struct vlan_walk walk = {.ctx = ctx, .offset = sizeof(*eth), .protocol = eth->h_proto};
  bpf_loop(MAX_VLANS, skip_vlan, &walk, 0);
  __sync_fetch_and_add(&packets_seen, 1);
  if (walk.protocol != htons(ETH_P_IP)) return XDP_PASS;

  data = (void *)(long)ctx->data;
  data_end = (void *)(long)ctx->data_end;
  if (walk.offset > 128) return XDP_PASS;
  struct iphdr *ip = data + walk.offset;
  if ((void *)(ip + 1) > data_end) return XDP_ABORTED;
  bool fragment = (ip->frag_off & htons(0x3fff)) != 0;
  if (!(fragment && drop_fragments) && !is_blocked(ip->saddr, htons(ip->tot_len))) return XDP_PASS;

  __u64 dropped = __sync_fetch_and_add(&packets_dropped, 1);
  if (report_every && dropped % report_every == 0) report(ip->saddr, ctx->ingress_ifindex);
  return XDP_DROP;
}

SEC("tc")
int count_egress(struct __sk_buff *skb) {
  void *data = (void *)(long)skb->data;
  void *data_end = (void *)(long)skb->data_end;
  struct ethhdr *eth = data;
  struct iphdr *ip = (void *)(eth + 1);
  __u32 slot = 0;
  if ((void *)(ip + 1) <= data_end && eth->h_proto == htons(ETH_P_IP)) slot = ip->protocol;
  struct rule *rule = bpf_map_lookup_elem(&egress, &slot);
  if (rule) {
    rule->packets++;
    rule->bytes += skb->len;
  }
  return TC_ACT_OK;
}

// The parts of the kernel's structures that CO-RE finds.
struct net_device {
  int ifindex;
} __core;
struct sk_buff {
  unsigned int len;
  struct net_device *dev;
} __core;

SEC("raw_tracepoint/kfree_skb")
int count_drops(struct bpf_raw_tracepoint_args *ctx) {
  struct sk_buff *skb = (void *)ctx->args[0];
  struct net_device *dev = 0;
  int index = 0;
  bpf_probe_read_kernel(&dev, sizeof(dev), &skb->dev);
  if (dev) bpf_probe_read_kernel(&index, sizeof(index), &dev->ifindex);
  __sync_fetch_and_add(&kernel_drops[index & 7], 1);
  return 0;
}

char _license[] SEC("license") = "GPL";
