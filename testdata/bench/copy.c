#include "bench.h"

/* Copies 32 KiB byte by byte, 500 times. */
#define BYTES 32768

BENCH(copy)
{
	u8 *from = data, *to = data + BYTES;

	for (u32 round = 0; round < 500; round++) {
		from[round] += 1;
		for (u32 i = 0; i < BYTES; i++)
			to[i] = from[i];
		barrier();
	}
	return to[7] + to[BYTES - 1];
}
