// SPDX-License-Identifier: BSD-2-Clause
/*
 * pvkit-status: of what the hypervisors offer, what this system uses, and why not
 * the rest; or another system, or a recorded one. See docs/man/pvkit-status.1.
 */
#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "say.h"
#include "source.h"

enum { EXIT_FINE = 0, EXIT_LEFT = 1, EXIT_USAGE = 2, EXIT_TROUBLE = 3 };

struct options {
	struct source source;
	const char *save, *why;
	enum { TEXT, JSON, TERSE, QUIET } form;
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
	enum { FORM_JSON = 256, FORM_TERSE, FORM_QUIET, WHY, ALL, STRICT, SAVE, SNAPSHOT, ROOT,
	       CPUID, LIST, HELP };
	static const struct option longs[] = {
		{ "json", no_argument, NULL, FORM_JSON },
		{ "terse", no_argument, NULL, FORM_TERSE },
		{ "quiet", no_argument, NULL, FORM_QUIET },
		{ "why", required_argument, NULL, WHY },
		{ "verbose", no_argument, NULL, 'v' },
		{ "all", no_argument, NULL, ALL },
		{ "strict", no_argument, NULL, STRICT },
		{ "save", required_argument, NULL, SAVE },
		{ "snapshot", required_argument, NULL, SNAPSHOT },
		{ "root", required_argument, NULL, ROOT },
		{ "cpuid", required_argument, NULL, CPUID },
		{ "list", no_argument, NULL, LIST },
		{ "help", no_argument, NULL, HELP },
		{ NULL, 0, NULL, 0 },
	};
	int opt;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, ":v", longs, NULL)) != -1) {
		switch (opt) {
		case FORM_JSON:
		case FORM_TERSE:
		case FORM_QUIET:
			o->form = JSON + (unsigned int)(opt - FORM_JSON);
			break;
		case WHY:
			o->why = optarg;
			break;
		case 'v':
			o->verbose = true;
			break;
		case ALL:
			o->all = true;
			break;
		case STRICT:
			o->strict = true;
			break;
		case SAVE:
			o->save = optarg;
			break;
		case SNAPSHOT:
			o->source.snapshot = optarg;
			break;
		case ROOT:
			o->source.root = optarg;
			break;
		case CPUID:
			o->source.cpuid = optarg;
			break;
		case LIST:
			list();
			return EXIT_FINE;
		case HELP:
			help();
			return EXIT_FINE;
		default:
			complain("%s: %s: see --help", argv[optind - 1],
				 opt == ':' ? "takes a value" : "unknown option");
			return EXIT_USAGE;
		}
	}
	if (optind < argc) {
		complain("'%s': unexpected: see --help", argv[optind]);
		return EXIT_USAGE;
	}
	if (o->source.snapshot && o->save) {
		complain("--snapshot does not go with --save");
		return EXIT_USAGE;
	}
	return source_refused(&o->source) ? EXIT_USAGE : -1;
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
		return EXIT_USAGE;
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
	if (fflush(stdout) || ferror(stdout)) {
		complain("standard output: %s", strerror(errno));
		return EXIT_TROUBLE;
	}
	return status;
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
		status = EXIT_TROUBLE;
	} else {
		judge(&snap, &report);
		status = say(&report, &o);
	}
	snap_free(&snap);
	return status;
}
