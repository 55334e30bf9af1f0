/* What the environment says, for the files of this library. */
#ifndef EPASS_SETTINGS_H
#define EPASS_SETTINGS_H

#include <stdbool.h>

#define EPASS_MAX_INSNS (1u << 20) /* the kernel's own limit is a million */

struct epass_settings {
	const char *command;
	const char *options;
	long timeout_ms;
	int verbose;
	bool preload; /* EPASS_PRELOAD=1: programs are rewritten as they are loaded */
	char **environment; /* of the child: without what would load this library into it */
};

/* The settings; the environment is read at the first call. */
const struct epass_settings *epass_settings(void) __attribute__((visibility("hidden")));

#endif
