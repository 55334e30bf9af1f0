/**
 * The contexts of all program types.
 *
 * @module
 */

import type { Environment } from "../environment.ts";
import type { ContextBuilder } from "./context.ts";
import { layout } from "./layout.ts";
import { plainContexts, type PlainKind } from "./plain.ts";
import { skbContexts } from "./skb_builder.ts";
import { SOCKET_KINDS, socketContexts } from "./socket_contexts.ts";
import { CGROUP_DEVICE, NETFILTER, SOCK } from "./structs.ts";
import { sysctlContexts } from "./sysctl.ts";
import { xdpContexts } from "./xdp.ts";

/** Types on socket buffers. */
const SKB_TYPES: ReadonlySet<string> = new Set(
  // deno-fmt-ignore
  ["socket_filter", "sched_cls", "sched_act", "cgroup_skb", "lwt_in", "lwt_out", "lwt_xmit", "lwt_seg6local", "sk_skb"],
);

const ARGUMENTS: PlainKind = { kind: "arguments" };

/** Types without a packet. */
const PLAIN_KINDS: { readonly [type: string]: PlainKind } = {
  kprobe: { kind: "registers", tail: null },
  perf_event: {
    kind: "registers",
    tail: layout("bpf_perf_event_data", "u64 sample_period, addr"),
  },
  tracepoint: { kind: "record" },
  raw_tracepoint: ARGUMENTS,
  raw_tracepoint_writable: ARGUMENTS,
  tracing: ARGUMENTS,
  ext: ARGUMENTS,
  lsm: ARGUMENTS,
  struct_ops: ARGUMENTS,
  syscall: { kind: "bytes" },
  cgroup_sock: { kind: "fields", layout: SOCK },
  cgroup_device: { kind: "fields", layout: CGROUP_DEVICE },
  netfilter: { kind: "fields", layout: NETFILTER },
  lirc_mode2: { kind: "fields", layout: layout("lirc_sample", "u32 sample") },
};

/** Program types whose contexts can be built. */
export const CONTEXT_TYPES: readonly string[] = [
  "xdp",
  "cgroup_sysctl",
  ...SKB_TYPES,
  ...Object.keys(SOCKET_KINDS),
  ...Object.keys(PLAIN_KINDS),
];

/**
 * Makes the builder of the contexts of a program type.
 *
 * @param env The environment; its memory holds the contexts.
 * @param type Program type, such as `xdp`; another one, such as an empty name, takes plain bytes with their size in r2.
 * @returns The builder.
 * @throws {UnsupportedError} If guest memory is exhausted.
 *
 * @example
 * ```ts ignore
 * const context = contextBuilder(env, "xdp").build({ packet });
 * env.context = context;
 * env.packet = context.packet;
 * ```
 */
export function contextBuilder(env: Environment, type: string): ContextBuilder {
  const builder = builderOf(env, type);
  return {
    build(input) {
      env.sockets.clear();
      return builder.build(input);
    },
  };
}

function builderOf(env: Environment, type: string): ContextBuilder {
  if (type === "xdp") return xdpContexts(env);
  if (type === "cgroup_sysctl") return sysctlContexts(env);
  if (SKB_TYPES.has(type)) return skbContexts(env, type);
  if (Object.hasOwn(SOCKET_KINDS, type)) return socketContexts(env, type);
  if (Object.hasOwn(PLAIN_KINDS, type)) return plainContexts(env, type, PLAIN_KINDS[type]);
  return plainContexts(env, "", { kind: "bytes" });
}
