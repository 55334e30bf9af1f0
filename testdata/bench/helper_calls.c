#include "bench.h"

/* Looks 40,000 elements of an array map up and counts in them. */
#ifdef __bpf__
#define __uint(name, value) int (*name)[value]
#define __type(name, value) typeof(value) *name
struct {
	__uint(type, 2);
	__uint(max_entries, 256);
	__type(key, u32);
	__type(value, u64);
} counts __attribute__((section(".maps"), used));
#else
extern u8 counts[];
#endif

BENCH(helper_calls)
{
	u64 sum = 0;

	for (u32 i = 0; i < 40000; i++) {
		u32 key = (i * 7) & 511;
		u64 *value = map_lookup_elem(&counts, &key);

		if (value)
			sum += ++*value;
		sum += get_smp_processor_id();
	}
	return sum;
}
