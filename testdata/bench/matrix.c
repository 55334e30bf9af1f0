#include "bench.h"

/* The product of two matrices of 24 x 24 numbers, 60 times. */
#define N 24

BENCH(matrix)
{
	u32 (*a)[N] = (void *)data, (*b)[N] = (void *)(data + 4 * N * N);
	u32 (*c)[N] = (void *)(data + 8 * N * N);

	for (u32 round = 0; round < 60; round++) {
		a[round % N][round % 7] += round;
		for (u32 i = 0; i < N; i++) {
			for (u32 j = 0; j < N; j++) {
				u32 sum = 0;

				for (u32 k = 0; k < N; k++)
					sum += a[i][k] * b[k][j];
				c[i][j] = sum;
			}
		}
		barrier();
	}
	return c[3][5] + c[N - 1][N - 1];
}
