#include "bench.h"

/* Interprets a program of 1,024 random instructions with 16 opcodes, 100 times. */
BENCH(opcodes)
{
	u64 a = 1, b = 2, c = 3;

	for (u32 round = 0; round < 100; round++) {
		for (u32 pc = 0; pc < 1024; pc++) {
			switch (data[pc] & 15) {
			case 0: a += b; break;
			case 1: a -= c; break;
			case 2: b ^= a; break;
			case 3: c += a >> 3; break;
			case 4: b = b * 5 + 1; break;
			case 5: c |= b & 0xff; break;
			case 6: a = c; break;
			case 7: b += pc; break;
			case 8: c = ~c; break;
			case 9: a <<= 1; break;
			case 10: b >>= 2; break;
			case 11: c -= b; break;
			case 12: a ^= c << 7; break;
			case 13: b = a + c; break;
			case 14: c *= 3; break;
			default: a += 7; break;
			}
		}
		barrier();
	}
	return a ^ b ^ c;
}
