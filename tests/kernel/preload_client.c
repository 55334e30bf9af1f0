/* A program that calls epass from C, in several threads; built and run by preload_test.ts. */
#include "epass.h"

#include <errno.h>
#include <linux/bpf.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { THREADS = 4, RUNS = 3 };

/* r0 = 6; r0 *= 7; exit */
static const struct bpf_insn answer[] = {
	{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 6 },
	{ .code = BPF_ALU64 | BPF_MUL | BPF_K, .imm = 7 },
	{ .code = BPF_JMP | BPF_EXIT },
};

static void *rewrite(void *status)
{
	for (int i = 0; i < RUNS; i++) {
		struct epass_result result;

		*(int *)status = epass_run(answer, 3, "-O0", &result);
		if (*(int *)status == 0 && (result.insn_count != 3 || memcmp(result.insns, answer, sizeof(answer))))
			*(int *)status = -EIO;
		if (*(int *)status < 0)
			printf("%s\n", result.reason);
		epass_free(&result);
	}
	return NULL;
}

int main(void)
{
	pthread_t threads[THREADS];
	int statuses[THREADS], failures = 0;
	struct epass_result result;

	/* Six arguments and results of all widths pass; so does the error of a call that fails. */
	if (syscall(SYS_getpid) != getpid() || syscall(SYS_close, -1) != -1 || errno != EBADF)
		return 2;
	if (epass_run(NULL, 0, NULL, &result) != -EINVAL)
		return 3;
	epass_free(&result);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, rewrite, &statuses[i]);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		failures += statuses[i] != 0;
	}
	return failures ? 1 : 0;
}
