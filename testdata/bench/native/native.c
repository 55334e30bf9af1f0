/* Runs a program of the folder above, compiled for the host: native NAME SIZE ROUNDS. Prints its first result, a digest
 * of the buffer of SIZE bytes behind it, and the least nanoseconds that a further call took in ROUNDS calls. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

#define MOST 65536
#define PROGRAMS(X) \
	X(log2) X(primes) X(copy) X(fill) X(compare) X(matrix) X(jhash) X(siphash) X(checksum) X(sort) X(search) \
	X(fibonacci) X(packet) X(opcodes) X(bits) X(local_calls) X(helper_calls)

#define DECLARE(name) u64 bench_##name(u8 *data, u64 size);
PROGRAMS(DECLARE)

#define ROW(name) { #name, bench_##name },
static const struct { const char *name; u64 (*run)(u8 *data, u64 size); } programs[] = { PROGRAMS(ROW) };

u64 counts[256];

void *map_lookup_elem(void *map, const void *key)
{
	u32 index = *(const u32 *)key;

	return index < 256 ? (u64 *)map + index : NULL;
}

u32 get_smp_processor_id(void)
{
	return 0;
}

static u8 data[MOST] __attribute__((aligned(64)));

/* The same bytes as in scripts/bench_vm.ts. */
static void fill(u32 size)
{
	u32 state = 1;

	for (u32 i = 0; i < size; i++) {
		state = state * 1664525 + 1013904223;
		data[i] = state >> 24;
	}
}

static u32 digest(u32 size)
{
	u32 hash = 0;

	for (u32 i = 0; i < size; i++)
		hash = hash * 31 + data[i];
	return hash;
}

static u64 now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ULL + time.tv_nsec;
}

int main(int argc, char **argv)
{
	u32 size = argc == 4 ? atoi(argv[2]) : 0, rounds = argc == 4 ? atoi(argv[3]) : 0;

	for (u32 i = 0; argc == 4 && size <= MOST && i < sizeof(programs) / sizeof(programs[0]); i++) {
		u64 best = ~0ULL, result;
		u32 after;

		if (strcmp(programs[i].name, argv[1]) != 0)
			continue;
		fill(size);
		result = programs[i].run(data, size);
		after = digest(size);
		for (u32 round = 0; round < rounds; round++) {
			u64 start = now(), time;

			programs[i].run(data, size);
			time = now() - start;
			if (time < best)
				best = time;
		}
		printf("%llu %u %llu\n", result, after, best);
		return 0;
	}
	fprintf(stderr, "usage: native NAME SIZE ROUNDS\n");
	return 1;
}
