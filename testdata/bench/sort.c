#include "bench.h"

/* Sorts 128 numbers by exchanging neighbours, 30 times. */
#define N 128

BENCH(sort)
{
	u32 *from = (u32 *)data, *to = (u32 *)(data + 4 * N);
	u64 sum = 0;

	for (u32 round = 0; round < 30; round++) {
		for (u32 i = 0; i < N; i++)
			to[i] = from[(i + round) % N];
		for (u32 i = 0; i < N - 1; i++) {
			for (u32 j = 0; j < N - 1 - i; j++) {
				if (to[j] > to[j + 1]) {
					u32 t = to[j];

					to[j] = to[j + 1];
					to[j + 1] = t;
				}
			}
		}
		barrier();
		sum += to[round];
	}
	return sum;
}
