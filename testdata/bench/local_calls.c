#include "bench.h"

/* Calls functions of the program, three deep, 100,000 times. */
static noinline u64 mix(u64 a, u64 b)
{
	return (a ^ b) * 0x9e3779b97f4a7c15ULL + 1;
}

static noinline u64 pair(u64 a, u64 b)
{
	return mix(a, b) + mix(b, a >> 7);
}

static noinline u64 step(u64 a, u64 b, u64 c)
{
	return c & 1 ? pair(a, b) : mix(a, c);
}

BENCH(local_calls)
{
	u64 sum = size;

	for (u64 i = 0; i < 100000; i++)
		sum = step(sum, i, sum >> 3 ^ i);
	return sum;
}
