#include "bench.h"

/* Counts the bits of 1,024 words, by the compiler's idiom and by a loop, 20 times. */
BENCH(bits)
{
	u64 *words = (u64 *)data, sum = 0;

	for (u32 round = 0; round < 20; round++) {
		for (u32 i = 0; i < 1024; i++) {
			sum += __builtin_popcountll(words[i]);
			for (u64 rest = words[i] & 0x1111111111111111; rest != 0; rest &= rest - 1)
				sum++;
		}
		barrier();
	}
	return sum;
}
