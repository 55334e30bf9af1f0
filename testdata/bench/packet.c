#include "bench.h"

/* Parses 64 packets down to their ports, 500 times: Ethernet, VLAN tags, IPv4 with options, IPv6, TCP, UDP. */
#define PACKETS 64
#define STRIDE 128

#define be16(x) __builtin_bswap16(x)

struct ethernet { u8 to[6], from[6]; u16 type; };
struct vlan { u16 tag, type; };
struct ipv4 { u8 version; u8 tos; u16 length, id, fragment; u8 ttl, protocol; u16 check; u32 from, to; };
struct ipv6 { u32 flow; u16 length; u8 next, limit; u8 from[16], to[16]; };
struct tcp { u16 from, to; u32 seq, ack; u8 offset, flags; u16 window; };
struct udp { u16 from, to, length, check; };

static inline u32 parse(void *data, void *end)
{
	struct ethernet *ethernet = data;
	void *next = ethernet + 1;
	u32 protocol, type;

	if (next > end)
		return 1;
	type = be16(ethernet->type);
	for (u32 i = 0; i < 2; i++) {
		if (type == 0x8100 || type == 0x88a8) {
			struct vlan *vlan = next;

			next = vlan + 1;
			if (next > end)
				return 2;
			type = be16(vlan->type);
		}
	}
	if (type == 0x0800) {
		struct ipv4 *ipv4 = next;

		if ((void *)(ipv4 + 1) > end)
			return 3;
		if ((ipv4->version & 15) < 5)
			return 4;
		protocol = ipv4->protocol;
		next += (ipv4->version & 15) * 4;
	} else if (type == 0x86dd) {
		struct ipv6 *ipv6 = next;

		next = ipv6 + 1;
		if (next > end)
			return 5;
		protocol = ipv6->next;
	} else {
		return 6;
	}
	if (protocol == 6) {
		struct tcp *tcp = next;

		if ((void *)(tcp + 1) > end)
			return 7;
		if (tcp->flags & 2)
			return 8;
		return 0x10000 + be16(tcp->to);
	}
	if (protocol == 17) {
		struct udp *udp = next;

		if ((void *)(udp + 1) > end)
			return 9;
		return 0x20000 + be16(udp->to);
	}
	return 10;
}

/* Turns random bytes into a packet that is mostly well-formed. */
static void prepare(u8 *packet)
{
	u8 kind = packet[0], *next = packet + 12;

	if ((kind & 3) == 0) {
		*(u16 *)next = be16(0x8100);
		next += 4;
	}
	if (kind & 4) {
		*(u16 *)next = be16(0x0800);
		next[2] = 0x45 + ((kind >> 3 & 3) == 0);
		next[2 + 9] = kind & 32 ? 6 : 17;
	} else if (kind & 8) {
		*(u16 *)next = be16(0x86dd);
		next[2 + 6] = kind & 32 ? 6 : 17;
	}
}

BENCH(packet)
{
	u64 sum = 0;

	for (u32 i = 0; i < PACKETS; i++)
		prepare(data + i * STRIDE);
	for (u32 round = 0; round < 500; round++) {
		for (u32 i = 0; i < PACKETS; i++) {
			u8 *start = data + i * STRIDE;

			sum += parse(start, start + 40 + (start[1] & 63));
		}
		barrier();
	}
	return sum;
}
