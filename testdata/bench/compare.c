#include "bench.h"

/* Compares two strings of 1,000 characters that differ in the last one, 1,000 times. */
static s32 compare_strings(const u8 *a, const u8 *b, u32 size)
{
	for (u32 i = 0; i < size; i++) {
		if (a[i] != b[i])
			return a[i] < b[i] ? -1 : 1;
		if (a[i] == 0)
			return 0;
	}
	return 0;
}

BENCH(compare)
{
	u64 sum = 0;

	for (u32 i = 0; i < 1000; i++)
		data[i] = data[1024 + i] = data[i] | 1;
	data[999] = 'a';
	for (u32 round = 0; round < 1000; round++) {
		data[1024 + 999] = 'b' + (round & 15);
		sum += compare_strings(data, data + 1024, 1024) + (round & 3);
		barrier();
	}
	return sum;
}
