/**
 * Unit tests of eBPF programs: build packets, run programs on them in the sandbox, assert what came of it. No kernel and no
 * root is needed.
 *
 * ```ts
 * import { assertPacket, assertVerdict, ethernet, ipv4, ipv4Word, packet, udp, Vm } from "@epass/epass/testing";
 *
 * Deno.test("a blocked address is dropped", async () => {
 *   const vm = await Vm.load(await Deno.readFile("testdata/objects/firewall.o"));
 *   vm.maps.blocked.set({ prefix_length: 32, address: ipv4Word("10.0.0.1") }, { packets: 0 });
 *
 *   const firewall = vm.program("firewall");
 *   const frame = packet(ethernet(), ipv4({ source: "10.0.0.1" }), udp(), "hello");
 *   assertVerdict(firewall.run({ packet: frame }), "XDP_DROP");
 *
 *   const other = packet(ethernet(), ipv4({ source: "10.0.0.9" }), udp());
 *   const passed = firewall.run({ packet: other });
 *   assertVerdict(passed, "XDP_PASS");
 *   assertPacket(passed, other);
 * });
 * ```
 *
 * @module
 */

export * from "./testing/addresses.ts";
export * from "./testing/assertions.ts";
export { describePacket } from "./testing/describe_packet.ts";
export { internetChecksum, type Layer, type Surroundings } from "./testing/layers.ts";
export * from "./testing/packets.ts";
export * from "./testing/transport.ts";
export * from "./vm/pcap.ts";
export type { RunResult } from "./vm/run_result.ts";
export { Vm, type VmOptions, type VmProgram } from "./vm/vm.ts";
