/* What the programs of this folder share. Each is one function over a buffer of bytes, and does its work often enough
 * to take about a millisecond. Compiled for BPF it is an entry function; compiled for the host, a function that
 * native.c calls. Neither sees the C library: loops stay loops for BPF, which has none. */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed char s8;
typedef short s16;
typedef int s32;
typedef long long s64;

#define noinline __attribute__((noinline))

/* The compiler must assume that memory was read and written here. */
#define barrier() __asm__ volatile("" ::: "memory")
/* The compiler must assume that the variable may have changed here. */
#define opaque(variable) __asm__ volatile("" : "+r"(variable))

#ifdef __bpf__
#define BENCH(name) __attribute__((section("bench"), used)) u64 bench_##name(u8 *data, u64 size)
static void *(*const map_lookup_elem)(void *map, const void *key) = (void *)1;
static u32 (*const get_smp_processor_id)(void) = (void *)8;
#else
#define BENCH(name) u64 bench_##name(u8 *data, u64 size)
void *map_lookup_elem(void *map, const void *key);
u32 get_smp_processor_id(void);
#endif
