/*
 * Programs through the command `epass`, which reads and writes them in the format `linked` (lib/object/linked_format.ts)
 * on a socket. The child never sees more than that: no signal of its death and no full pipe can harm this process.
 */
#define _GNU_SOURCE
#include "epass.h"
#include "settings.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	MAGIC = 0x4b4c5045, /* "EPLK" in a little-endian file */
	VERSION = 1,
	MAX_RECORD_SIZE = 256, /* bytes; the kernel takes 252 */
	MAX_BTF_SIZE = 1 << 24, /* bytes, as the kernel's BTF_MAX_SIZE */
	PARTS = 5,
	GRACE_MS = 100, /* for a child that has failed to say how */
};

/* The start of a file in the format `linked`; instructions, func_info, line_info and BTF follow. */
struct header {
	__u32 magic;
	__u32 version;
	__u32 insn_count;
	__u32 btf_size;
	__u32 function_count;
	__u32 function_size;
	__u32 line_count;
	__u32 line_size;
	char name[BPF_OBJ_NAME_LEN];
};

/* A conversation with a child. */
struct talk {
	int socket;
	pid_t child;
	long long deadline; /* in milliseconds of the monotonic clock */
	struct iovec parts[PARTS]; /* what is still to be sent */
	unsigned char *reply;
	size_t size; /* of the reply in bytes, as far as it is known */
	size_t received;
	struct epass_result *out;
};

static int fail(struct epass_result *out, int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(out->reason, sizeof(out->reason), format, arguments);
	va_end(arguments);
	return -error;
}

static long long now_ms(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000LL + time.tv_nsec / 1000000;
}

/* Appends the words of a text, which is changed, to a list. */
static size_t split(char *text, char **words, size_t count)
{
	char *rest;

	for (char *word = strtok_r(text, " \t\n", &rest); word; word = strtok_r(NULL, " \t\n", &rest))
		words[count++] = word;
	return count;
}

/* Starts epass with a socket as its standard input and output; returns an error number. */
static int spawn(pid_t *child, int socket, char **arguments)
{
	const struct epass_settings *settings = epass_settings();
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	int error;

	error = posix_spawnattr_init(&attributes);
	if (error)
		return error;
	error = posix_spawn_file_actions_init(&actions);
	if (error) {
		posix_spawnattr_destroy(&attributes);
		return error;
	}
	/* A child without its redirections would read what is this process's. */
	error = posix_spawn_file_actions_adddup2(&actions, socket, STDIN_FILENO);
	if (!error)
		error = posix_spawn_file_actions_adddup2(&actions, socket, STDOUT_FILENO);
	if (!error && settings->verbose < 2)
		error = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawnattr_setpgroup(&attributes, 0);
	posix_spawnattr_setflags(&attributes,
				 POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
	if (!error)
		error = posix_spawnp(child, arguments[0], &actions, &attributes, arguments,
				     settings->environment);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return error;
}

/* Starts `COMMAND opt --from linked -o - OPTIONS -`. */
static int start(struct talk *talk, const char *options)
{
	const char *command = epass_settings()->command;
	char *words = NULL, *more, **arguments = NULL;
	int sockets[2], error = ENOMEM;
	size_t count;

	if (asprintf(&words, "%s opt --from linked -o -", command) < 0)
		return fail(talk->out, ENOMEM, "out of memory");
	more = strdup(options);
	arguments = calloc(strlen(words) + strlen(options) + 2, sizeof(*arguments));
	if (more && arguments) {
		count = split(words, arguments, 0);
		count = split(more, arguments, count);
		arguments[count] = "-";
		error = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) ? errno : 0;
	}
	if (!error) {
		error = spawn(&talk->child, sockets[1], arguments);
		talk->socket = sockets[0];
		close(sockets[1]);
		if (error)
			close(sockets[0]);
	}
	free(arguments);
	free(more);
	free(words);
	return error ? fail(talk->out, error, "cannot run %.40s: %s", command, strerror(error)) : 0;
}

/* Sends as much as the socket takes. */
static int send_parts(struct talk *talk)
{
	struct msghdr message = { .msg_iov = talk->parts, .msg_iovlen = PARTS };
	ssize_t sent = sendmsg(talk->socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	size_t left = 0;

	if (sent < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (sent < 0 && errno != EPIPE && errno != ECONNRESET)
		return fail(talk->out, errno, "cannot send the program: %s", strerror(errno));
	for (int i = 0; i < PARTS; i++) {
		struct iovec *part = &talk->parts[i];
		/* A child that does not listen has something else to say, or none. */
		size_t taken = sent < 0 || (size_t)sent > part->iov_len ? part->iov_len : (size_t)sent;

		part->iov_base = (char *)part->iov_base + taken;
		part->iov_len -= taken;
		sent -= sent < 0 ? 0 : (ssize_t)taken;
		left += part->iov_len;
	}
	if (left == 0)
		shutdown(talk->socket, SHUT_WR);
	return 0;
}

/* The size that a header announces, or 0 if it is none of ours. */
static size_t reply_size(const struct header *header)
{
	if (header->magic != MAGIC || header->version != VERSION || header->insn_count == 0 ||
	    header->insn_count > EPASS_MAX_INSNS || header->function_count > header->insn_count ||
	    header->line_count > header->insn_count || header->function_size > MAX_RECORD_SIZE ||
	    header->line_size > MAX_RECORD_SIZE || header->btf_size > MAX_BTF_SIZE)
		return 0;
	return sizeof(*header) + (size_t)header->insn_count * sizeof(struct bpf_insn) +
	       (size_t)header->function_count * header->function_size +
	       (size_t)header->line_count * header->line_size + header->btf_size;
}

/* Receives what there is; returns 1 at the end of a whole reply. */
static int receive(struct talk *talk)
{
	unsigned char beyond;
	size_t room = talk->size - talk->received;
	ssize_t got = recv(talk->socket, room ? talk->reply + talk->received : &beyond, room ? room : 1,
			   MSG_DONTWAIT);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (got <= 0 && room)
		return fail(talk->out, EPROTO, "epass gave no program");
	if (got <= 0)
		return 1;
	if (!room)
		return fail(talk->out, EPROTO, "epass gave more than a program");
	talk->received += (size_t)got;
	if (talk->received == sizeof(struct header) && talk->size == sizeof(struct header)) {
		unsigned char *grown;

		talk->size = reply_size((const struct header *)talk->reply);
		if (talk->size == 0)
			return fail(talk->out, EPROTO, "epass gave something else than a program");
		grown = realloc(talk->reply, talk->size);
		if (!grown)
			return fail(talk->out, ENOMEM, "out of memory");
		talk->reply = grown;
	}
	return 0;
}

/* Sends the program and receives the reply, both as they go. */
static int converse(struct talk *talk)
{
	int status = 0;

	while (status == 0) {
		long long left = talk->deadline - now_ms();
		struct pollfd poller = { .fd = talk->socket, .events = POLLIN };
		int ready;

		for (int i = 0; i < PARTS; i++)
			if (talk->parts[i].iov_len)
				poller.events |= POLLOUT;
		ready = left > 0 ? poll(&poller, 1, left > 1000 ? 1000 : (int)left) : 0;
		if (left <= 0)
			return fail(talk->out, ETIMEDOUT, "epass took more than %ld ms", epass_settings()->timeout_ms);
		if (ready < 0 && errno != EINTR)
			return fail(talk->out, errno, "cannot poll: %s", strerror(errno));
		if (ready <= 0)
			continue;
		if (poller.revents & POLLOUT)
			status = send_parts(talk);
		if (status == 0 && (poller.revents & (POLLIN | POLLHUP | POLLERR)))
			status = receive(talk);
	}
	return status < 0 ? status : 0;
}

/*
 * Waits for the child until the deadline, then ends it and its group. The process may have taken its status already, or
 * ignore its children: then there is nothing to wait for, and no process that may be ended.
 */
static int finish(struct talk *talk, int status)
{
	const struct timespec pause = { .tv_nsec = 500000 };
	siginfo_t info = { 0 };
	int how = 0;

	if (status < 0 && talk->deadline > now_ms() + GRACE_MS)
		talk->deadline = now_ms() + GRACE_MS;
	while (waitid(P_PID, (id_t)talk->child, &info, WEXITED | WNOHANG | WNOWAIT) == 0) {
		if (info.si_pid == 0 && now_ms() < talk->deadline) {
			nanosleep(&pause, NULL);
			continue;
		}
		kill(-talk->child, SIGKILL);
		while (waitpid(talk->child, &how, 0) < 0 && errno == EINTR)
			;
		break;
	}
	/* Of a child that was ended here the status tells nothing. */
	if (info.si_pid == 0 || status == -ETIMEDOUT || (WIFEXITED(how) && WEXITSTATUS(how) == 0))
		return status;
	return WIFEXITED(how) ? fail(talk->out, EPROTO, "epass failed with status %d", WEXITSTATUS(how))
			      : fail(talk->out, EPROTO, "epass was killed by signal %d", WTERMSIG(how));
}

/* Points a result into the reply, which it owns from now on. */
static void take_reply(const struct talk *talk)
{
	const struct header *header = (const struct header *)talk->reply;
	const unsigned char *at = talk->reply + sizeof(*header);
	struct epass_result *out = talk->out;

	out->insns = (const struct bpf_insn *)at;
	out->insn_count = header->insn_count;
	at += (size_t)header->insn_count * sizeof(struct bpf_insn);
	out->functions = (struct epass_records){ at, header->function_count, header->function_size };
	at += (size_t)header->function_count * header->function_size;
	out->lines = (struct epass_records){ at, header->line_count, header->line_size };
}

static int run(const struct epass_program *program, const char *options, struct epass_result *out)
{
	struct header header = {
		.magic = MAGIC,
		.version = VERSION,
		.insn_count = program->insn_count,
		.function_count = program->functions.count,
		.function_size = program->functions.record_size,
		.line_count = program->lines.count,
		.line_size = program->lines.record_size,
		.btf_size = program->btf_size,
	};
	const struct epass_settings *settings = epass_settings();
	struct talk talk = {
		.deadline = now_ms() + settings->timeout_ms,
		.parts = {
			{ &header, sizeof(header) },
			{ (void *)program->insns, (size_t)program->insn_count * sizeof(struct bpf_insn) },
			{ (void *)program->functions.data, (size_t)header.function_count * header.function_size },
			{ (void *)program->lines.data, (size_t)header.line_count * header.line_size },
			{ (void *)program->btf, program->btf_size },
		},
		.size = sizeof(struct header),
		.out = out,
	};
	int status;

	if (!program->insns || reply_size(&header) == 0)
		return fail(out, EINVAL, "this is no program");
	if (program->name)
		strncpy(header.name, program->name, sizeof(header.name) - 1);
	out->memory = talk.reply = malloc(talk.size);
	if (!talk.reply || !settings->environment)
		return fail(out, ENOMEM, "out of memory");
	status = start(&talk, options ? options : settings->options);
	if (status < 0)
		return status;
	status = finish(&talk, converse(&talk));
	close(talk.socket);
	out->memory = talk.reply;
	if (status == 0)
		take_reply(&talk);
	return status;
}

int epass_run_program(const struct epass_program *program, const char *options, struct epass_result *out)
{
	int cancel, saved = errno, status;

	memset(out, 0, sizeof(*out));
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	status = run(program, options, out);
	pthread_setcancelstate(cancel, NULL);
	errno = saved;
	return status;
}

int epass_run(const struct bpf_insn *insns, unsigned count, const char *options, struct epass_result *out)
{
	const struct epass_program program = { .insns = insns, .insn_count = count };

	return epass_run_program(&program, options, out);
}

void epass_free(struct epass_result *result)
{
	free(result->memory);
	memset(result, 0, sizeof(*result));
}
