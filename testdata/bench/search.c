#include "bench.h"

/* Searches a table of 1,024 ascending numbers for 20,000 keys by halving. */
#define N 1024

BENCH(search)
{
	u32 *table = (u32 *)data, key = 12345, sum = 0;

	for (u32 i = 0; i < N; i++)
		table[i] = i * 4194304u + (i & 7);
	barrier();
	for (u32 round = 0; round < 20000; round++) {
		u32 low = 0, high = N;

		key = key * 1664525 + 1013904223;
		while (low < high) {
			u32 middle = (low + high) >> 1;

			if (table[middle] < key)
				low = middle + 1;
			else
				high = middle;
		}
		sum += low;
	}
	return sum;
}
