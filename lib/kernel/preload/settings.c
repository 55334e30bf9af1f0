/* The environment, read once: getenv() is not safe beside a setenv() of another thread. */
#define _GNU_SOURCE
#include "settings.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	DEFAULT_TIMEOUT_MS = 10000,
	MAX_TIMEOUT_MS = 24 * 60 * 60 * 1000,
};

static struct epass_settings settings;

/* A number that is not negative; what is none counts as not given. */
static long number(const char *name, long otherwise)
{
	const char *value = getenv(name);
	char *end = NULL;
	long result = value ? strtol(value, &end, 10) : 0;

	return end && end != value && *end == '\0' && result >= 0 ? result : otherwise;
}

static const char *text(const char *name, const char *otherwise)
{
	const char *value = getenv(name);
	char *kept = value && *value ? strdup(value) : NULL;

	return kept ? kept : otherwise;
}

/* A copy of the environment without the variables that preload this library; NULL without memory. */
static char **child_environment(void)
{
	size_t count = 0, kept = 0;
	char **copy;

	while (environ && environ[count])
		count++;
	copy = calloc(count + 1, sizeof(*copy));
	for (size_t i = 0; copy && i < count; i++) {
		if (!strncmp(environ[i], "LD_PRELOAD=", 11) || !strncmp(environ[i], "EPASS_PRELOAD=", 14))
			continue;
		copy[kept] = strdup(environ[i]);
		if (copy[kept])
			kept++;
	}
	return copy;
}

static void read_environment(void)
{
	settings.preload = number("EPASS_PRELOAD", 0) == 1;
	settings.verbose = (int)number("EPASS_VERBOSE", 0);
	settings.timeout_ms = number("EPASS_TIMEOUT", DEFAULT_TIMEOUT_MS);
	if (settings.timeout_ms > MAX_TIMEOUT_MS)
		settings.timeout_ms = MAX_TIMEOUT_MS;
	settings.command = text("EPASS_COMMAND", "epass");
	settings.options = text("EPASS_OPTIONS", "");
	settings.environment = child_environment();
}

const struct epass_settings *epass_settings(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, read_environment);
	return &settings;
}
