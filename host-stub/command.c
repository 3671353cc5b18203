/* SPDX-License-Identifier: BSD-2-Clause */
/* A line of the control socket: see control.h. The line is anybody's. */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "control.h"
#include "json.h"

#define MEMBERS	4u

void hs_command_error(FILE *out, const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	fprintf(out, "{\"error\": ");
	hs_json_string(out, text);
	fputc('}', out);
}

static void list_commands(const struct hs_command *commands, FILE *out)
{
	char names[160] = "";

	for (; commands->name; commands++)
		snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s",
			 *names ? ", " : "", commands->name);
	hs_command_error(out, "unknown command: there are %s", names);
}

void hs_command_run(const struct hs_command *commands, void *opaque, const char *line, size_t len,
		    FILE *out)
{
	struct hs_json_member member[MEMBERS];
	int n = hs_json_object(line, len, member, MEMBERS);
	const struct hs_json_member *name = NULL, *argument = NULL;
	const struct hs_command *c = commands;

	if (n < 0) {
		hs_command_error(out, n == -EINVAL ? "not a JSON object" :
				 "an object with more than a command has");
		return;
	}
	for (int i = 0; i < n; i++) {
		bool is_command = !strcmp(member[i].name, "command");

		if (!member[i].string || n > 2 || (is_command ? name : argument)) {
			name = NULL;
			break;
		}
		if (is_command)
			name = &member[i];
		else
			argument = &member[i];
	}
	if (!name) {
		hs_command_error(out, "want \"command\", with a name, and at most one more string");
		return;
	}
	while (c->name && strcmp(c->name, name->value))
		c++;
	if (c->name && argument && (!c->argument || strcmp(c->argument, argument->name)))
		hs_command_error(out, "%s takes no \"%s\"", c->name, argument->name);
	else if (c->name && argument)
		c->run_with(opaque, argument->value, out);
	else if (c->name)
		c->run(opaque, out);
	else
		list_commands(commands, out);
}
