#include "bench.h"

/* Fills 16 KiB byte by byte, 2,000 times. */
#define BYTES 16384

BENCH(fill)
{
	for (u32 round = 0; round < 2000; round++) {
		for (u32 i = 0; i < BYTES; i++)
			data[i] = round;
		barrier();
	}
	return data[7] + data[BYTES - 1];
}
