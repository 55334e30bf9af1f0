/**
 * The context structs of program types, and the structs that helpers of the network take (linux/bpf.h).
 *
 * @module
 */

import { type Layout, layout } from "./layout.ts";

/** Context of `xdp` programs. */
export const XDP_MD: Layout = layout(
  "xdp_md",
  "u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex",
);

/** Context of programs on socket buffers. */
export const SK_BUFF: Layout = layout(
  "__sk_buff",
  `u32 len, pkt_type, mark, queue_mapping, protocol, vlan_present, vlan_tci, vlan_proto, priority, ingress_ifindex,
     ifindex, tc_index, cb[5], hash, tc_classid, data, data_end, napi_id, family, remote_ip4, local_ip4, remote_ip6[4],
     local_ip6[4], remote_port, local_port, data_meta;
   u64 flow_keys, tstamp; u32 wire_len, gso_segs; u64 sk; u32 gso_size; u8 tstamp_type, _[3]; u64 hwtstamp`,
);

/** A socket, as programs see it. */
export const SOCK: Layout = layout(
  "bpf_sock",
  `u32 bound_dev_if, family, type, protocol, mark, priority, src_ip4, src_ip6[4], src_port; u16 dst_port, _;
   u32 dst_ip4, dst_ip6[4], state, rx_queue_mapping`,
);

/** What a TCP socket has beyond {@link SOCK}. */
export const TCP_SOCK: Layout = layout(
  "bpf_tcp_sock",
  `u32 snd_cwnd, srtt_us, rtt_min, snd_ssthresh, rcv_nxt, snd_nxt, snd_una, mss_cache, ecn_flags, rate_delivered,
     rate_interval_us, packets_out, retrans_out, total_retrans, segs_in, data_segs_in, segs_out, data_segs_out, lost_out,
     sacked_out; u64 bytes_received, bytes_acked; u32 dsack_dups, delivered, delivered_ce, icsk_retransmits`,
);

/** Context of `sk_msg` programs. */
export const SK_MSG_MD: Layout = layout(
  "sk_msg_md",
  `u64 data, data_end; u32 family, remote_ip4, local_ip4, remote_ip6[4], local_ip6[4], remote_port, local_port, size;
   u64 sk`,
);

/** Context of `sk_reuseport` programs. */
export const SK_REUSEPORT_MD: Layout = layout(
  "sk_reuseport_md",
  "u64 data, data_end; u32 len, eth_protocol, ip_protocol, bind_inany, hash; u64 sk, migrating_sk",
);

/** Context of `sk_lookup` programs. */
export const SK_LOOKUP: Layout = layout(
  "bpf_sk_lookup",
  `u64 sk, @0, cookie; u32 family, protocol, remote_ip4, remote_ip6[4]; u16 remote_port, _;
   u32 local_ip4, local_ip6[4], local_port, ingress_ifindex`,
);

/** Context of `cgroup_sock_addr` programs. */
export const SOCK_ADDR: Layout = layout(
  "bpf_sock_addr",
  `u32 user_family, user_ip4, user_ip6[4], user_port, family, type, protocol, msg_src_ip4, msg_src_ip6[4]; u64 sk`,
);

/** Context of `sock_ops` programs. */
export const SOCK_OPS: Layout = layout(
  "bpf_sock_ops",
  `u32 op, args[4], @4, reply, @4, replylong[4], family, remote_ip4, local_ip4, remote_ip6[4], local_ip6[4], remote_port,
     local_port, is_fullsock, snd_cwnd, srtt_us, bpf_sock_ops_cb_flags, state, rtt_min, snd_ssthresh, rcv_nxt, snd_nxt,
     snd_una, mss_cache, ecn_flags, rate_delivered, rate_interval_us, packets_out, retrans_out, total_retrans, segs_in,
     data_segs_in, segs_out, data_segs_out, lost_out, sacked_out, sk_txhash;
   u64 bytes_received, bytes_acked, sk, skb_data, skb_data_end; u32 skb_len, skb_tcp_flags; u64 skb_hwtstamp`,
);

/** Context of `cgroup_sockopt` programs. */
export const SOCKOPT: Layout = layout(
  "bpf_sockopt",
  "u64 sk, optval, optval_end; u32 level, optname, optlen, retval",
);

/** Context of `cgroup_sysctl` programs. */
export const SYSCTL: Layout = layout("bpf_sysctl", "u32 write, file_pos");

/** Context of `cgroup_device` programs. */
export const CGROUP_DEVICE: Layout = layout("bpf_cgroup_dev_ctx", "u32 access_type, major, minor");

/** Context of `netfilter` programs. */
export const NETFILTER: Layout = layout("bpf_nf_ctx", "u64 state, skb");

/** What a flow dissector fills in. */
export const FLOW_KEYS: Layout = layout(
  "bpf_flow_keys",
  `u16 nhoff, thoff, addr_proto; u8 is_frag, is_first_frag, is_encap, ip_proto; u16 n_proto, sport, dport;
   u32 ipv4_src, ipv4_dst, @16, ipv6_src[4], ipv6_dst[4], flags, flow_label`,
);

/** What `fib_lookup` takes and gives. */
export const FIB_LOOKUP: Layout = layout(
  "bpf_fib_lookup",
  `u8 family, l4_protocol; u16 sport, dport, tot_len, @6, mtu_result; u32 ifindex; u8 tos, @12; u32 flowinfo, @12,
     rt_metric, ipv4_src, @16, ipv6_src[4], ipv4_dst, @32, ipv6_dst[4]; u16 h_vlan_proto, h_vlan_TCI, @48; u32 tbid;
   u8 smac[6], dmac[6]`,
);

/** What `skb_get_tunnel_key` and `skb_set_tunnel_key` exchange. */
export const TUNNEL_KEY: Layout = layout(
  "bpf_tunnel_key",
  `u32 tunnel_id, remote_ipv4, @4, remote_ipv6[4]; u8 tunnel_tos, tunnel_ttl; u16 tunnel_ext;
   u32 tunnel_label, local_ipv4, @28, local_ipv6[4]`,
);
