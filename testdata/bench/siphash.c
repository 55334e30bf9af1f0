#include "bench.h"

/* SipHash-2-4 of keys of 64 bytes: 10,000 of them. */
#define rol64(x, n) ((x) << (n) | (x) >> (64 - (n)))

#define sipround do { \
	v0 += v1; v1 = rol64(v1, 13); v1 ^= v0; v0 = rol64(v0, 32); \
	v2 += v3; v3 = rol64(v3, 16); v3 ^= v2; \
	v0 += v3; v3 = rol64(v3, 21); v3 ^= v0; \
	v2 += v1; v1 = rol64(v1, 17); v1 ^= v2; v2 = rol64(v2, 32); \
} while (0)

static inline u64 siphash(const u64 *words, u32 count, u64 k0, u64 k1)
{
	u64 v0 = k0 ^ 0x736f6d6570736575ULL, v1 = k1 ^ 0x646f72616e646f6dULL;
	u64 v2 = k0 ^ 0x6c7967656e657261ULL, v3 = k1 ^ 0x7465646279746573ULL;
	u64 last = (u64)count << 59;

	for (u32 i = 0; i < count; i++) {
		u64 m = words[i];

		v3 ^= m;
		sipround;
		sipround;
		v0 ^= m;
	}
	v3 ^= last;
	sipround;
	sipround;
	v0 ^= last;
	v2 ^= 0xff;
	sipround;
	sipround;
	sipround;
	sipround;
	return v0 ^ v1 ^ v2 ^ v3;
}

BENCH(siphash)
{
	u64 hash = 0;

	for (u32 i = 0; i < 10000; i++)
		hash = siphash((u64 *)data + (i & 255), 8, hash, 0x0f0e0d0c0b0a0908ULL);
	return hash;
}
