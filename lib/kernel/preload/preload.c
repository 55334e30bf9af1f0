/*
 * LD_PRELOAD: with EPASS_PRELOAD=1 the programs that a process loads are rewritten on their way into the kernel. libbpf
 * and bpftool make bpf(2) through syscall(3) of libc, which this file replaces. What epass cannot rewrite, and what the
 * kernel refuses rewritten, is loaded as it is.
 */
#define _GNU_SOURCE
#include "epass.h"
#include "settings.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	PROBE_INSNS = 8, /* programs that libbpf only loads to learn what the kernel can are smaller */
	MAX_ATTRIBUTES = 4096, /* bytes; the kernel takes a page */
	/* Offsets in bytes of fields that not every linux/bpf.h has yet. */
	AT_CORE_RELO_COUNT = 116,
	AT_LOG_TRUE_SIZE = 140,
	AT_SIGNATURE = 152,
};

union attributes {
	union bpf_attr attr;
	unsigned char bytes[MAX_ATTRIBUTES];
	__u32 words[MAX_ATTRIBUTES / 4];
};

/* The system call itself. No lookup of the libc function: allocators make system calls before anything can be found. */
static long forward(long number, const long a[6])
{
	long result;
#if defined(__x86_64__)
	register long a3 __asm__("r10") = a[3];
	register long a4 __asm__("r8") = a[4];
	register long a5 __asm__("r9") = a[5];

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(a3), "r"(a4), "r"(a5)
			 : "rcx", "r11", "memory");
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a[0];
	register long x1 __asm__("x1") = a[1];
	register long x2 __asm__("x2") = a[2];
	register long x3 __asm__("x3") = a[3];
	register long x4 __asm__("x4") = a[4];
	register long x5 __asm__("x5") = a[5];

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	result = x0;
#else
#error "system calls of this machine are not known"
#endif
	if (result >= -4095 && result < 0) {
		errno = (int)-result;
		return -1;
	}
	return result;
}

static long bpf(int command, void *attributes, unsigned size)
{
	const long a[6] = { command, (long)attributes, size };

	return forward(__NR_bpf, a);
}

static void *pointer(__u64 address)
{
	return (void *)(unsigned long)address;
}

/* The contents of a loaded BTF, to be freed; NULL if there are none. */
static void *read_btf(int fd, unsigned *size)
{
	struct bpf_btf_info info = { 0 };
	union bpf_attr attr = { 0 };
	void *bytes;

	attr.info.bpf_fd = (__u32)fd;
	attr.info.info_len = sizeof(info);
	attr.info.info = (unsigned long)&info;
	*size = 0;
	if (fd <= 0 || bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr)) < 0 || info.btf_size == 0)
		return NULL;
	bytes = malloc(info.btf_size);
	if (!bytes)
		return NULL;
	*size = info.btf_size;
	info = (struct bpf_btf_info){ .btf = (unsigned long)bytes, .btf_size = *size };
	if (bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr)) == 0 && info.btf_size == *size)
		return bytes;
	free(bytes);
	*size = 0;
	return NULL;
}

/* Whether epass may change a program: the kernel shall not relocate it, nobody has signed it, and it is no probe. */
static bool is_rewritable(const union attributes *a)
{
	const union bpf_attr *attr = &a->attr;

	return attr->insns && attr->insn_cnt > 0 && attr->insn_cnt <= EPASS_MAX_INSNS &&
	       (attr->insn_cnt > PROBE_INSNS || attr->func_info_cnt > 0) &&
	       a->words[AT_CORE_RELO_COUNT / 4] == 0 && a->words[AT_SIGNATURE / 4] == 0 &&
	       a->words[AT_SIGNATURE / 4 + 1] == 0;
}

static int rewrite(const union bpf_attr *attr, struct epass_result *out)
{
	struct epass_program program = {
		.name = attr->prog_name,
		.insns = pointer(attr->insns),
		.insn_count = attr->insn_cnt,
		.functions = { pointer(attr->func_info), attr->func_info_cnt, attr->func_info_rec_size },
		.lines = { pointer(attr->line_info), attr->line_info_cnt, attr->line_info_rec_size },
	};
	void *btf = read_btf((int)attr->prog_btf_fd, &program.btf_size);
	int status;

	program.btf = btf;
	status = epass_run_program(&program, NULL, out);
	free(btf);
	return status;
}

/* Loads a rewritten program; of what is the caller's only the size of the log changes. */
static long load_rewritten(union attributes a, const struct epass_result *rewritten, void *caller, unsigned size)
{
	union bpf_attr *attr = &a.attr;
	long fd;

	attr->insns = (unsigned long)rewritten->insns;
	attr->insn_cnt = rewritten->insn_count;
	attr->func_info = (unsigned long)rewritten->functions.data;
	attr->func_info_cnt = rewritten->functions.count;
	attr->func_info_rec_size = rewritten->functions.record_size;
	attr->line_info = (unsigned long)rewritten->lines.data;
	attr->line_info_cnt = rewritten->lines.count;
	attr->line_info_rec_size = rewritten->lines.record_size;
	fd = bpf(BPF_PROG_LOAD, attr, size);
	if (fd >= 0 && size >= AT_LOG_TRUE_SIZE + sizeof(__u32))
		memcpy((char *)caller + AT_LOG_TRUE_SIZE, &a.words[AT_LOG_TRUE_SIZE / 4], sizeof(__u32));
	return fd;
}

/* Tells what became of a program. */
static void tell(const union bpf_attr *attr, const struct epass_result *rewritten, bool loaded)
{
	if (epass_settings()->verbose < 1)
		return;
	if (loaded)
		dprintf(STDERR_FILENO, "epass: %.15s: rewritten, %u -> %u slots\n", attr->prog_name, attr->insn_cnt,
			rewritten->insn_count);
	else
		dprintf(STDERR_FILENO, "epass: %.15s: loaded as it is: %s\n", attr->prog_name, rewritten->reason);
}

/* Loads a program, rewritten if that succeeds. An interrupted load (EAGAIN) is for the caller to try again. */
static long load(void *caller, unsigned size)
{
	union attributes a;
	struct epass_result rewritten;
	int saved = errno, error = 0;
	long fd = -1;

	memset(&a, 0, sizeof(a));
	if (caller && size <= sizeof(a))
		memcpy(&a, caller, size);
	if (!is_rewritable(&a))
		return bpf(BPF_PROG_LOAD, caller, size);
	if (rewrite(&a.attr, &rewritten) == 0) {
		fd = load_rewritten(a, &rewritten, caller, size);
		error = fd < 0 ? errno : 0;
		snprintf(rewritten.reason, sizeof(rewritten.reason), "the kernel refuses its rewrite: %s",
			 strerror(error));
	}
	tell(&a.attr, &rewritten, fd >= 0);
	epass_free(&rewritten);
	errno = error == EAGAIN ? error : saved;
	return fd >= 0 || error == EAGAIN ? fd : bpf(BPF_PROG_LOAD, caller, size);
}

/* syscall(3) as libc has it, but for BPF_PROG_LOAD. */
__attribute__((visibility("default"))) long syscall(long number, ...)
{
	long a[6];
	va_list arguments;

	va_start(arguments, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(arguments, long);
	va_end(arguments);
	if (number == __NR_bpf && (int)a[0] == BPF_PROG_LOAD && epass_settings()->preload)
		return load((void *)a[1], (unsigned)a[2]);
	return forward(number, a);
}
