#include "bench.h"

/* The internet checksum of 1,500 bytes, 2,000 times. */
BENCH(checksum)
{
	u64 all = 0;

	for (u32 round = 0; round < 2000; round++) {
		u16 *words = (u16 *)data;
		u32 sum = 0;

		words[round & 511] += 1;
		for (u32 i = 0; i < 1500 / 2; i++)
			sum += words[i];
		sum = (sum & 0xffff) + (sum >> 16);
		sum += sum >> 16;
		all += (u16)~sum;
		barrier();
	}
	return all;
}
