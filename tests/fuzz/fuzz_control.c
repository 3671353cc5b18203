// SPDX-License-Identifier: BSD-2-Clause
/*
 * Fuzzer of a line of the control socket: whatever it is, there is one answer, an object
 * on one line, and a command runs only if the line names it.
 */
/* LINK: host-stub/command.c host-stub/json.c */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host-stub/control.h"
#include "input.h"

static unsigned int ran;

static void run_with(void *opaque, const char *value, FILE *out)
{
	(void)opaque;
	ran++;
	fprintf(out, "{\"bytes\": %zu}", strlen(value));
}

static void run(void *opaque, FILE *out)
{
	(void)opaque;
	ran++;
	fputs("{}", out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct hs_command commands[] = {
		{ "status", run, NULL, NULL }, { "log", run, "levels", run_with },
		{ NULL, NULL, NULL, NULL },
	};
	/* Of its own size, so that a byte too many is noticed. */
	char *line = malloc(size ? size : 1), *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	MUST(line && f);
	if (size)
		memcpy(line, data, size);
	ran = 0;
	hs_command_run(commands, NULL, line, size, f);
	fclose(f);
	MUST(len >= 2 && text[0] == '{' && text[len - 1] == '}' && !memchr(text, '\n', len));
	MUST(ran == !strcmp(text, "{}") && (ran || !strncmp(text, "{\"error\": \"", 11)));
	/* Without an escape in it, a line that runs has the command's name. */
	MUST(!ran || memchr(line, '\\', size) || memmem(line, size, "\"status\"", 8) ||
	     memmem(line, size, "\"power-off\"", 11));
	free(text);
	free(line);
	return 0;
}
