// A balancer of TCP connections: tc sends what comes for a service on to one of its backends, the same one for all packets
// of a connection, with the destination rewritten and the checksums kept right.
// build: -mcpu=v3
#include "bpf_minimal.h"

#define MAX_BACKENDS 16

struct service {
  __u32 address;
  __u16 port;
  __u16 padding;
};

struct backends {
  __u32 count;
  __u32 addresses[MAX_BACKENDS];
  __u32 interface;
};

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 64);
  __type(key, struct service);
  __type(value, struct backends);
} services SEC(".maps");

struct tcphdr {
  __u16 source, dest;
  __u32 seq, ack_seq;
  __u16 flags, window, check, urg_ptr;
};

#define IP_OFFSET sizeof(struct ethhdr)
#define TCP_OFFSET (IP_OFFSET + sizeof(struct iphdr))
enum { IPPROTO_TCP = 6, BPF_F_PSEUDO_HDR = 0x10 };

// Mixes the ends of a connection.
static __always_inline __u32 hash_of(__u32 address, __u32 ports) {
  __u32 hash = (address ^ ports) * 0x9e3779b1;
  return hash ^ hash >> 15;
}

SEC("tc")
int balance(struct __sk_buff *skb) {
  void *data = (void *)(long)skb->data;
  void *data_end = (void *)(long)skb->data_end;
  struct ethhdr *eth = data;
  struct iphdr *ip = (void *)(eth + 1);
  struct tcphdr *tcp = (void *)(ip + 1);
  if ((void *)(tcp + 1) > data_end || eth->h_proto != htons(ETH_P_IP)) return TC_ACT_OK;
  if (ip->ihl_version != 0x45 || ip->protocol != IPPROTO_TCP) return TC_ACT_OK;

  struct service service = {.address = ip->daddr, .port = tcp->dest};
  struct backends *backends = bpf_map_lookup_elem(&services, &service);
  if (!backends) return TC_ACT_OK;
  if (backends->count == 0) return TC_ACT_SHOT;

  __u32 ports = (__u32)tcp->source << 16 | tcp->dest;
  __u32 old = ip->daddr;
  __u32 chosen = backends->addresses[hash_of(ip->saddr, ports) % backends->count % MAX_BACKENDS];
  __u32 check_offset = TCP_OFFSET + __builtin_offsetof(struct tcphdr, check);
  bpf_l4_csum_replace(skb, check_offset, old, chosen, BPF_F_PSEUDO_HDR | sizeof(chosen));
  bpf_l3_csum_replace(skb, IP_OFFSET + __builtin_offsetof(struct iphdr, check), old, chosen, 4);
  bpf_skb_store_bytes(skb, IP_OFFSET + __builtin_offsetof(struct iphdr, daddr), &chosen, 4, 0);
  return bpf_redirect(backends->interface, 0);
}

char _license[] SEC("license") = "GPL";
