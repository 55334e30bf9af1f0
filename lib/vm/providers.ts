/**
 * What only the caller of a sandbox can know of the world around a program. Each provider may be missing; the helper then
 * finds nothing, as in a kernel where there is nothing to find.
 *
 * @module
 */

import type { GuestMap } from "./maps/map.ts";

/** Address space that a program reads outside of its own memory. */
export type AddressSpace = "kernel" | "user";

/** A route that `bpf_fib_lookup` asks for; addresses in network order. */
export interface FibRequest {
  /** AF_INET (2) or AF_INET6 (10). */
  readonly family: number;
  /** Protocol of layer 4. */
  readonly protocol: number;
  /** Source address, 4 or 16 bytes. */
  readonly source: Uint8Array;
  /** Destination address, 4 or 16 bytes. */
  readonly destination: Uint8Array;
  /** Source port. */
  readonly sourcePort: number;
  /** Destination port. */
  readonly destinationPort: number;
  /** Total length of the packet at layer 3; 0 to skip the MTU check. */
  readonly totalLength: number;
  /** Index of the interface that the packet came in on, or leaves by. */
  readonly ifindex: number;
  /** Type of service, or flow information of IPv6. */
  readonly flow: number;
  /** BPF_FIB_LOOKUP_*. */
  readonly flags: number;
}

/** A route: what `bpf_fib_lookup` fills in. */
export interface FibRoute {
  /** BPF_FIB_LKUP_RET_*, 0 for success. */
  readonly result: number;
  /** Index of the interface to send by. */
  readonly ifindex: number;
  /** Source address of the link, 6 bytes. */
  readonly sourceMac?: Uint8Array | undefined;
  /** Address of the next hop on the link, 6 bytes. */
  readonly destinationMac?: Uint8Array | undefined;
  /** Address of the gateway, 4 or 16 bytes; absent for a direct route. */
  readonly gateway?: Uint8Array | undefined;
  /** MTU of the route. */
  readonly mtu?: number | undefined;
  /** Metric of the route. */
  readonly metric?: number | undefined;
}

/** A network interface. */
export interface NetworkDevice {
  /** Most bytes of a packet at layer 3. */
  readonly mtu: number;
}

/** A socket that a program asks for. Addresses and ports as in `struct bpf_sock_tuple`. */
export interface SocketRequest {
  /** Name of the helper, such as `sk_lookup_tcp`. */
  readonly helper: string;
  /** The tuple: 12 bytes for IPv4, 36 for IPv6. */
  readonly tuple: Uint8Array;
  /** Network namespace, -1 for the current one. */
  readonly namespace: bigint;
  /** Flags of the call. */
  readonly flags: bigint;
}

/** Fields of a socket, by their names in `struct bpf_sock` and `struct bpf_tcp_sock`; what is missing is 0. */
export type SocketFields = Readonly<Record<string, number | bigint | Uint8Array>>;

/** A performance counter (struct bpf_perf_event_value). */
export interface CounterValue {
  /** Its value. */
  readonly counter: bigint;
  /** Nanoseconds that it was enabled. */
  readonly enabled: bigint;
  /** Nanoseconds that it ran. */
  readonly running: bigint;
}

/** What the caller provides. */
export interface Providers {
  /**
   * Reads memory outside of the program's; asked before guest memory is looked at.
   *
   * @param space The address space.
   * @param address Address of the first byte.
   * @param size How many bytes.
   * @returns The bytes, `size` of them; null if they are not all mapped.
   */
  readonly readMemory?:
    | ((space: AddressSpace, address: bigint, size: number) => Uint8Array | null)
    | undefined;
  /**
   * The call stack of the current task.
   *
   * @param space Kernel or user.
   * @returns Return addresses, innermost first; null if there are none.
   */
  readonly stack?: ((space: AddressSpace) => readonly bigint[] | null) | undefined;
  /**
   * Looks up a route.
   *
   * @param request What for.
   * @returns The route; null for BPF_FIB_LKUP_RET_NOT_FWDED.
   */
  readonly route?: ((request: FibRequest) => FibRoute | null) | undefined;
  /**
   * Looks up a network interface. Without this provider every index has one: 1 the loopback interface, the others with an
   * MTU of 1,500 bytes.
   *
   * @param ifindex Its index.
   * @returns The interface; null if there is none.
   */
  readonly device?: ((ifindex: number) => NetworkDevice | null) | undefined;
  /**
   * Looks up a socket.
   *
   * @param request What for.
   * @returns Its fields; null if there is none.
   */
  readonly socket?: ((request: SocketRequest) => SocketFields | null) | undefined;
  /**
   * Reads a performance counter.
   *
   * @param map The perf event array.
   * @param index Index in the map.
   * @returns The counter; null if there is none.
   */
  readonly counter?: ((map: GuestMap, index: number) => CounterValue | null) | undefined;
}
