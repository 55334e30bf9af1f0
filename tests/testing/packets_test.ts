import assert from "node:assert/strict";
import fc from "fast-check";
import {
  describePacket,
  ethernet,
  icmp,
  icmpv6,
  internetChecksum,
  ipAddress,
  ipText,
  ipv4,
  ipv6,
  macAddress,
  packet,
  portWord,
  tcp,
  udp,
  vlan,
} from "../../lib/testing.ts";
import { EpassError } from "../../lib/errors.ts";

const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

Deno.test("a header with a checksum that is known", () => {
  const built = packet(
    ethernet({ source: "02:00:00:00:00:0a", destination: "ff:ff:ff:ff:ff:ff" }),
    ipv4({ source: "192.168.0.1", destination: "192.168.0.199" }),
    udp({ sourcePort: 1025, destinationPort: 53 }),
    new Uint8Array(87),
  );
  assert.equal(hex(built.subarray(0, 14)), "ffffffffffff02000000000a0800");
  assert.equal(hex(built.subarray(14, 34)), "45000073000040004011b861c0a80001c0a800c7");
  assert.equal(hex(built.subarray(34, 40)), "04010035005f");
});

Deno.test("checksums of all layers add up, whatever they carry", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 99 }), fc.nat(65_535), (payload, port) => {
    const pseudo = (addresses: Uint8Array, protocol: number, body: Uint8Array) => {
      const length = Uint8Array.of(0, 0, body.length >> 8, body.length & 255, 0, 0, 0, protocol);
      return internetChecksum(addresses, length, body);
    };
    for (
      const [layer, protocol] of [[tcp({ sourcePort: port }), 6], [
        udp({ sourcePort: port }),
        17,
      ]] as const
    ) {
      const four = packet(ethernet(), vlan(), ipv4(), layer, payload);
      assert.equal(internetChecksum(four.subarray(18, 38)), 0);
      assert.equal(pseudo(four.subarray(30, 38), protocol, four.subarray(38)), 0);
      const six = packet(ethernet(), ipv6(), layer, payload);
      assert.equal(pseudo(six.subarray(22, 54), protocol, six.subarray(54)), 0);
    }
    const echo = packet(ethernet(), ipv4(), icmp(), payload);
    assert.equal(internetChecksum(echo.subarray(34)), 0);
    const echo6 = packet(ethernet(), ipv6(), icmpv6(), payload);
    assert.equal(pseudo(echo6.subarray(22, 54), 58, echo6.subarray(54)), 0);
  }));
});

Deno.test("lengths and protocols follow from the layers", () => {
  const tunnel = packet(ethernet(), ipv4(), ipv6(), tcp({ flags: ["syn", "ack"] }), "abc");
  assert.deepEqual(describePacket(tunnel), [
    "Ethernet 02:00:00:00:00:01 > 02:00:00:00:00:02, type 0x0800",
    "IPv4 10.0.0.1 > 10.0.0.2, protocol 41, ttl 64, length 83, checksum 0x2680",
    "IPv6 fd00::1 > fd00::2, next header 6, hop limit 64, length 23",
    `TCP 40000 > 80 [SA], checksum 0x${hex(tunnel.subarray(90, 92))}`,
    "3 bytes 616263",
  ]);
  assert.deepEqual(describePacket(packet(ethernet()).subarray(0, 9)), [
    "Ethernet, truncated: 9 bytes 020000000002020000",
  ]);
  assert.throws(() => packet("text", ethernet()), EpassError);
  assert.throws(() => ipv4({ options: new Uint8Array(3) }), EpassError);
});

Deno.test("addresses", () => {
  for (const text of ["::", "::1", "fd00::1", "1:2:3:4:5:6:7:8", "fe80::1:0:0:1", "1::"]) {
    assert.equal(ipText(ipAddress(text)), text);
  }
  assert.equal(hex(ipAddress("::ffff:10.0.0.1")), "00000000000000000000ffff0a000001");
  fc.assert(fc.property(fc.ipV6(), (text) => {
    const bytes = ipAddress(text);
    assert.deepEqual(ipAddress(ipText(bytes)), bytes);
  }));
  fc.assert(fc.property(fc.ipV4(), (text) => assert.equal(ipText(ipAddress(text)), text)));
  for (const text of ["10.0.0", "10.0.0.256", "1:2", "1::2::3", "g::", "", "1:2:3:4:5:6:7:8:9"]) {
    assert.throws(() => ipAddress(text), EpassError, text);
  }
  assert.throws(() => macAddress("02:00"), EpassError);
  assert.equal(portWord(443), 0xbb01);
});
