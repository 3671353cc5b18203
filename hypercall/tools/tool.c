// SPDX-License-Identifier: BSD-2-Clause
/* Command line, messages and output of the tools: see tool.h. */
#include "tool.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <string.h>

#define OPTIONS		24u	/* of a program, at most */
#define FIRST		256	/* getopt's number of the first one; letters are below */

void complain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "%s: ", program_invocation_short_name);
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
}

/* The options as getopt wants them. */
static void fill(const struct tool_option *options, struct option *longs, char *letters)
{
	*letters++ = ':';
	for (int i = 0; options[i].name; i++) {
		longs[i] = (struct option){ options[i].name,
					    options[i].text ? required_argument : no_argument,
					    NULL, FIRST + i };
		if (options[i].letter)
			*letters++ = options[i].letter;
	}
}

static const struct tool_option *find_option(const struct tool_option *options, int opt)
{
	if (opt >= FIRST)
		return &options[opt - FIRST];
	while (options->name && options->letter != opt)
		options++;
	return options->name ? options : NULL;
}

int tool_parse(const struct tool_option *options, int argc, char **argv)
{
	struct option longs[OPTIONS + 1] = { 0 };
	char letters[OPTIONS + 2] = "";
	int opt;

	fill(options, longs, letters);
	opterr = 0;
	while ((opt = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		const struct tool_option *o = opt == ':' || opt == '?' ? NULL :
					      find_option(options, opt);

		if (!o) {
			complain("%s: %s: see --help", argv[optind - 1],
				 opt == ':' ? "takes a value" : "unknown option");
			return TOOL_USAGE;
		}
		if (o->flag) {
			*o->flag = true;
		} else if (o->text) {
			*o->text = optarg;
		} else if (o->choice) {
			*o->choice = o->value;
		} else {
			o->print();
			return tool_end(0);
		}
	}
	if (optind == argc)
		return -1;
	complain("'%s': unexpected: see --help", argv[optind]);
	return TOOL_USAGE;
}

int tool_read_dump(struct dump *dump, const char *path)
{
	FILE *f = strcmp(path, "-") ? fopen(path, "re") : stdin;
	unsigned int line = 0;
	int ret = f ? dump_read(dump, f, &line) : -errno;

	if (f && f != stdin)
		fclose(f);
	if (ret == -E2BIG)
		complain("%s, line %u: too much for one machine: more than %u leaves", path, line,
			 DUMP_LEAVES);
	else if (ret && line)
		complain("%s, line %u: %s", path, line, dump_problem(ret));
	else if (ret == -EINVAL)
		complain("%s: no CPUID leaf 1 in it: a dump of pvkit detect --save, libcpuid or cpuid -r is needed",
			 path);
	else if (ret)
		complain("%s: %s", path, strerror(-ret));
	return ret;
}

int tool_end(int status)
{
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	complain("standard output: %s", strerror(errno));
	return TOOL_TROUBLE;
}
