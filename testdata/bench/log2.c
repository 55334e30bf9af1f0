#include "bench.h"

/* Binary logarithms of 1,024 numbers, 32 times. */
static inline u32 log2_32(u32 v)
{
	u32 r, shift;

	r = (v > 0xffff) << 4;
	v >>= r;
	shift = (v > 0xff) << 3;
	v >>= shift;
	r |= shift;
	shift = (v > 0xf) << 2;
	v >>= shift;
	r |= shift;
	shift = (v > 0x3) << 1;
	v >>= shift;
	r |= shift;
	return r | (v >> 1);
}

static inline u32 log2_64(u64 v)
{
	u32 high = v >> 32;

	return high ? log2_32(high) + 32 : log2_32(v);
}

BENCH(log2)
{
	u64 *words = (u64 *)data, sum = 0;

	for (u32 round = 0; round < 32; round++) {
		for (u32 i = 0; i < 1024; i++)
			sum += log2_64(words[i] >> (i & 63));
		barrier();
	}
	return sum;
}
