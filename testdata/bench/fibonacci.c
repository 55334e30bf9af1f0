#include "bench.h"

/* The first 90 Fibonacci numbers, 10,000 times. */
BENCH(fibonacci)
{
	u64 sum = 0;

	for (u32 round = 0; round < 10000; round++) {
		u64 a = round, b = 1;
		u32 n = 90;

		opaque(n);
		for (u32 i = 0; i < n; i++) {
			u64 next = a + b;

			a = b;
			b = next;
		}
		sum += a;
	}
	return sum;
}
