// SPDX-License-Identifier: BSD-2-Clause
/*
 * pvkit-status: of what the hypervisors offer, what this system uses, and why not
 * the rest; or another system, or a recorded one. See docs/man/pvkit-status.1.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../tool.h"
#include "say.h"
#include "source.h"

enum { EXIT_FINE = 0, EXIT_LEFT = 1 };	/* and tool.h's */
enum form { TEXT, JSON, TERSE, QUIET };

struct options {
	struct source source;
	const char *save, *why;
	int form;	/* enum form */
	bool all, verbose, strict;
};

static void help(void)
{
	puts("usage: pvkit status [options]\n"
	     "\n"
	     "For each feature and device that the hypervisors offer: is it in use, and if not,\n"
	     "why, and what to do. Needs no rights; root sees more.\n"
	     "\n"
	     "  --json           the report as JSON\n"
	     "  --terse          one line a feature: STATE NAME WHY\n"
	     "  --quiet          nothing: the exit status tells\n"
	     "  --why NAME       all about one feature\n"
	     "  -v, --verbose    the evidence, too\n"
	     "  --all            what is not offered, too\n"
	     "  --strict         status 1 also for what the host withholds or only emulates\n"
	     "  --save FILE      record what was read, as a snapshot\n"
	     "  --snapshot FILE  judge a recorded system\n"
	     "  --root DIR       judge the system whose /proc, /sys, /boot, /lib ... are below DIR;\n"
	     "                   needs --cpuid\n"
	     "  --cpuid FILE     its CPUID: a dump of pvkit detect --save, libcpuid or cpuid -r\n"
	     "  --list           names of features\n"
	     "  --help\n"
	     "\n"
	     "Exit status: 0 all that is offered is in use, or nothing is lost; 1 something is left\n"
	     "unused; 2 wrong usage; 3 something cannot be read or written.");
}

static void list(void)
{
	for (unsigned int i = 0; i < row_count; i++)
		printf("%-24s %s\n", row_table[i].name, row_table[i].title);
	puts("BUS:DEVICE               a device, its driver\n"
	     "disk:NAME, net:NAME      a disk or network card on an emulated device");
}

/* -1: go on; else the exit status */
static int parse(struct options *o, int argc, char **argv)
{
	const struct tool_option options[] = {
		{ .name = "json", .choice = &o->form, .value = JSON },
		{ .name = "terse", .choice = &o->form, .value = TERSE },
		{ .name = "quiet", .choice = &o->form, .value = QUIET },
		{ .name = "why", .text = &o->why },
		{ .name = "verbose", .letter = 'v', .flag = &o->verbose },
		{ .name = "all", .flag = &o->all },
		{ .name = "strict", .flag = &o->strict },
		{ .name = "save", .text = &o->save },
		{ .name = "snapshot", .text = &o->source.snapshot },
		{ .name = "root", .text = &o->source.root },
		{ .name = "cpuid", .text = &o->source.cpuid },
		{ .name = "list", .print = list },
		{ .name = "help", .print = help },
		{ .name = NULL },
	};
	int ret = tool_parse(options, argc, argv);

	if (ret >= 0)
		return ret;
	if (o->source.snapshot && o->save) {
		complain("--snapshot does not go with --save");
		return TOOL_USAGE;
	}
	return source_refused(&o->source) ? TOOL_USAGE : -1;
}

static int save(const struct snap *snap, const char *path)
{
	FILE *f = fopen(path, "we");
	int ret = f ? snap_write(snap, f) : -errno;

	if (f && fclose(f) && !ret)
		ret = -errno;
	if (ret) {
		complain("%s: %s", path, strerror(-ret));
		if (f)
			unlink(path);
	}
	return ret;
}

static const struct verdict *find(const struct status *r, const char *name)
{
	for (unsigned int i = 0; i < r->count; i++)
		if (!strcmp(r->verdict[i].name, name))
			return &r->verdict[i];
	return NULL;
}

static bool is_left(const struct options *o, __u8 state)
{
	return state == UNUSED || (o->strict && (state == WITHHELD || state == EMULATED));
}

static int say(const struct status *r, const struct options *o)
{
	const struct verdict *one = o->why ? find(r, o->why) : NULL;
	int status = EXIT_FINE;

	if (o->why && !one) {
		complain("--why: no '%s' on this system: see the report, or --list", o->why);
		return TOOL_USAGE;
	}
	for (unsigned int i = 0; i < r->count; i++)
		if ((!one || one == &r->verdict[i]) && is_left(o, r->verdict[i].state))
			status = EXIT_LEFT;
	if (one && o->form != QUIET)
		say_why(one, stdout);
	else if (o->form == JSON)
		say_json(r, stdout);
	else if (o->form == TERSE)
		say_terse(r, stdout);
	else if (o->form == TEXT)
		say_text(r, stdout, o->all, o->verbose);
	return tool_end(status);
}

int main(int argc, char **argv)
{
	static struct status report;
	static struct snap snap;
	struct options o = { 0 };
	int status = parse(&o, argc, argv);

	if (status >= 0)
		return status;
	snap_init(&snap);
	if (source_read(&snap, &o.source) || (o.save && save(&snap, o.save))) {
		status = TOOL_TROUBLE;
	} else {
		judge(&snap, &report);
		status = say(&report, &o);
	}
	snap_free(&snap);
	return status;
}
