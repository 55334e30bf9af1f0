/*
 * epass from C. A program goes to the command `epass` and comes back rewritten; nothing is loaded.
 *
 * Environment, read once, at the first use:
 *   EPASS_COMMAND  the command and its first arguments, separated by blanks; `epass` by default
 *   EPASS_OPTIONS  arguments of `epass opt`, separated by blanks, where a call gives none
 *   EPASS_TIMEOUT  most milliseconds for a program, up to a day; 10000 by default
 *   EPASS_VERBOSE  1 tells on standard error what became of each program; 2 shows what epass says, too
 *
 * All functions may be called by several threads at once. Link with -lepass_preload, or compile epass_run.c.
 */
#ifndef EPASS_H
#define EPASS_H

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

struct bpf_insn;

/* func_info or line_info, as in BPF_PROG_LOAD: the first word of each record is the slot of its instruction. */
struct epass_records {
	const void *data;
	unsigned count;
	unsigned record_size; /* in bytes */
};

/* A program as BPF_PROG_LOAD takes it: linked, with map file descriptors in its instructions. */
struct epass_program {
	const char *name; /* at most 15 characters; NULL for none */
	const struct bpf_insn *insns;
	unsigned insn_count; /* in slots of 8 bytes */
	struct epass_records functions;
	struct epass_records lines;
	const void *btf; /* contents of .BTF that the records refer to; NULL for none */
	unsigned btf_size; /* in bytes */
};

/* What came of a program. */
struct epass_result {
	const struct bpf_insn *insns; /* the rewritten program; NULL after a failure */
	unsigned insn_count; /* in slots of 8 bytes */
	struct epass_records functions;
	struct epass_records lines;
	char reason[96]; /* why it failed; empty after a success */
	void *memory; /* what epass_free() frees */
};

/*
 * Rewrites instructions that have neither func_info nor line_info.
 *
 * insns    the instructions
 * count    their number in slots of 8 bytes
 * options  arguments of `epass opt`, separated by blanks; NULL for those of EPASS_OPTIONS
 * out      receives the result, which epass_free() frees, after a failure, too
 *
 * Returns 0, or a negative error number: -EINVAL without instructions, -ETIMEDOUT, -EPROTO if epass failed or gave
 * no program, or what kept it from being run.
 */
int epass_run(const struct bpf_insn *insns, unsigned count, const char *options, struct epass_result *out);

/* The same for a program with records, which follow their instructions. */
int epass_run_program(const struct epass_program *program, const char *options, struct epass_result *out);

/* Frees a result. */
void epass_free(struct epass_result *result);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
