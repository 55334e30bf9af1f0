#include "bench.h"

/* Bob Jenkins' hash, as in linux/jhash.h, of keys of 60 bytes: 10,000 of them. */
#define rol32(x, n) ((u32)(x) << (n) | (u32)(x) >> (32 - (n)))

#define mix(a, b, c) do { \
	a -= c; a ^= rol32(c, 4); c += b; \
	b -= a; b ^= rol32(a, 6); a += c; \
	c -= b; c ^= rol32(b, 8); b += a; \
	a -= c; a ^= rol32(c, 16); c += b; \
	b -= a; b ^= rol32(a, 19); a += c; \
	c -= b; c ^= rol32(b, 4); b += a; \
} while (0)

#define final(a, b, c) do { \
	c ^= b; c -= rol32(b, 14); \
	a ^= c; a -= rol32(c, 11); \
	b ^= a; b -= rol32(a, 25); \
	c ^= b; c -= rol32(b, 16); \
	a ^= c; a -= rol32(c, 4); \
	b ^= a; b -= rol32(a, 14); \
	c ^= b; c -= rol32(b, 24); \
} while (0)

static inline u32 jhash(const u8 *key, u32 length, u32 initial)
{
	u32 a, b, c;

	a = b = c = 0xdeadbeef + length + initial;
	while (length > 12) {
		a += *(u32 *)key;
		b += *(u32 *)(key + 4);
		c += *(u32 *)(key + 8);
		mix(a, b, c);
		length -= 12;
		key += 12;
	}
	a += *(u32 *)key;
	b += *(u32 *)(key + 4);
	c += *(u32 *)(key + 8);
	final(a, b, c);
	return c;
}

BENCH(jhash)
{
	u32 hash = 0;

	for (u32 i = 0; i < 10000; i++)
		hash = jhash(data + 4 * (i & 255), 60, hash);
	return hash;
}
