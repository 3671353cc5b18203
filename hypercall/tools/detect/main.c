// SPDX-License-Identifier: BSD-2-Clause
/*
 * pvkit-detect: what this system runs on, or what a recorded one ran on. The
 * judging is hypercall/detect/, the same code that the kernel module uses; here are
 * the command line and the exit status: see docs/man/pvkit-detect.1.
 */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "../../detect/dump/record.h"

enum { EXIT_YES = 0, EXIT_NO = 1, EXIT_USAGE = 2, EXIT_TROUBLE = 3 };

struct options {
	const char *raw, *save, *is, *offers;
	enum { TEXT, JSON, TERSE, SHORT, QUIET } form;
	bool all;
};

static void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void complain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "pvkit-detect: ");
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
}

static void help(void)
{
	puts("usage: pvkit detect [options]\n"
	     "\n"
	     "Say which hypervisors this system runs on, which interfaces they offer, how\n"
	     "those are called, and why that is believed.\n"
	     "\n"
	     "  --json          the report as JSON\n"
	     "  --terse         as lines of words\n"
	     "  --short         one word: the nearest hypervisor, or none\n"
	     "  --quiet         nothing: the exit status tells\n"
	     "  --all           in the report for people: features that are not offered, too\n"
	     "  --is NAME       status 0 if NAME is one of the hypervisors, or the platform\n"
	     "  --offers WHAT   status 0 if this is offered: INTERFACE or INTERFACE.FEATURE\n"
	     "  --raw FILE      judge a recorded machine: a dump of --save, libcpuid or cpuid -r;\n"
	     "                  - is standard input\n"
	     "  --save FILE     record this machine (or the one of --raw)\n"
	     "  --list          the names that --is and --offers take\n"
	     "  --help\n"
	     "\n"
	     "Exit status: 0 a hypervisor was found, 1 none (with --is, --offers: yes, no),\n"
	     "2 wrong usage, 3 a file cannot be read or written.");
}

static void list(void)
{
	puts("hypervisors:");
	for (unsigned int i = PVK_HV_UNKNOWN; i < PVK_HVS; i++)
		printf("  %-18s %s\n", pvk_hv_name[i].word, pvk_hv_name[i].name);
	puts("platforms:");
	for (unsigned int i = 1; i < PVK_PLATFORMS; i++)
		printf("  %-18s %s\n", pvk_platform_name[i].word, pvk_platform_name[i].name);
	puts("interfaces and features:");
	for (unsigned int i = 1; i < PVK_IFS; i++) {
		printf("  %-34s %s\n", pvk_if_name[i].word, pvk_if_name[i].name);
		for (const struct pvk_feature *f = pvk_feature_next(i, NULL); f;
		     f = pvk_feature_next(i, f))
			printf("  %s.%-*s %s\n", pvk_if_name[i].word,
			       (int)(33 - strlen(pvk_if_name[i].word)), f->name, f->words);
	}
}

static int find_name(const struct pvk_name *names, int count, const char *word, size_t len)
{
	for (int i = 0; i < count; i++)
		if (strlen(names[i].word) == len && !strncmp(names[i].word, word, len))
			return i;
	return -1;
}

static int is(const struct pvk_stack *s, const char *word)
{
	int hv = find_name(pvk_hv_name, PVK_HVS, word, strlen(word));
	int platform = find_name(pvk_platform_name, PVK_PLATFORMS, word, strlen(word));

	if (hv < 0 && platform < 0) {
		complain("--is: '%s' is unknown: see --list", word);
		return EXIT_USAGE;
	}
	if (hv == PVK_HV_NONE)
		return s->layers ? EXIT_NO : EXIT_YES;
	for (unsigned int i = 0; i < s->layers; i++)
		if (s->layer[i].hv == hv)
			return EXIT_YES;
	return platform > 0 && s->platform == platform ? EXIT_YES : EXIT_NO;
}

static int offers(const struct pvk_stack *s, const char *word)
{
	size_t len = strcspn(word, ".");
	int kind = find_name(pvk_if_name, PVK_IFS, word, len);
	const struct pvk_feature *f = NULL;

	if (kind > 0 && word[len])
		while ((f = pvk_feature_next((__u8)kind, f)) != NULL)
			if (!strcmp(f->name, word + len + 1))
				break;
	if (kind <= 0 || (word[len] && !f)) {
		complain("--offers: '%s' is unknown: see --list", word);
		return EXIT_USAGE;
	}
	for (unsigned int i = 0; i < s->interfaces; i++)
		if (s->interface[i].kind == kind &&
		    (!f || pvk_feature_offered(&s->interface[i], f)))
			return EXIT_YES;
	return EXIT_NO;
}

static int read_raw(struct dump *dump, const char *path)
{
	FILE *f = strcmp(path, "-") ? fopen(path, "re") : stdin;
	unsigned int line = 0;
	int ret;

	if (!f) {
		complain("%s: %s", path, strerror(errno));
		return -errno;
	}
	ret = dump_read(dump, f, &line);
	if (f != stdin)
		fclose(f);
	if (!ret)
		return 0;
	if (ret == -E2BIG)
		complain("%s, line %u: too much for one machine: more than %u leaves", path, line,
			 DUMP_LEAVES);
	else if (line)
		complain("%s, line %u: %s", path, line, dump_problem(ret));
	else if (ret == -EINVAL)
		complain("%s: no CPUID leaf 1 in it: a dump of --save, libcpuid or cpuid -r is needed",
			 path);
	else
		complain("%s: %s", path, strerror(-ret));
	return ret;
}

/* -1: go on; else the exit status */
static int parse(struct options *o, int argc, char **argv)
{
	enum { RAW = 256, SAVE, IS, OFFERS, FORM_JSON, FORM_TERSE, FORM_SHORT, FORM_QUIET, ALL,
	       LIST, HELP };
	static const struct option longs[] = {
		{ "raw", required_argument, NULL, RAW },
		{ "save", required_argument, NULL, SAVE },
		{ "is", required_argument, NULL, IS },
		{ "offers", required_argument, NULL, OFFERS },
		{ "json", no_argument, NULL, FORM_JSON },
		{ "terse", no_argument, NULL, FORM_TERSE },
		{ "short", no_argument, NULL, FORM_SHORT },
		{ "quiet", no_argument, NULL, FORM_QUIET },
		{ "all", no_argument, NULL, ALL },
		{ "list", no_argument, NULL, LIST },
		{ "help", no_argument, NULL, HELP },
		{ NULL, 0, NULL, 0 },
	};
	int opt;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, ":", longs, NULL)) != -1) {
		switch (opt) {
		case RAW:
			o->raw = optarg;
			break;
		case SAVE:
			o->save = optarg;
			break;
		case IS:
			o->is = optarg;
			break;
		case OFFERS:
			o->offers = optarg;
			break;
		case FORM_JSON:
		case FORM_TERSE:
		case FORM_SHORT:
		case FORM_QUIET:
			o->form = JSON + (unsigned int)(opt - FORM_JSON);
			break;
		case ALL:
			o->all = true;
			break;
		case LIST:
			list();
			return EXIT_YES;
		case HELP:
			help();
			return EXIT_YES;
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
	return -1;
}

static void say(const struct options *o, const struct report *report)
{
	const struct pvk_stack *s = report->stack;

	if (o->form == JSON)
		report_json(report, stdout);
	else if (o->form == TERSE)
		report_terse(s, stdout);
	else if (o->form == SHORT)
		puts(pvk_hv_name[s->layers ? s->layer[0].hv : PVK_HV_NONE].word);
	else if (o->form == TEXT && !o->is && !o->offers)
		report_text(report, stdout, o->all);
}

int main(int argc, char **argv)
{
	static struct dump dump;
	static struct pvk_stack stack;
	static struct processor processor;
	const struct report report = { &dump, &stack, &processor };
	struct pvk_machine machine;
	struct options o = { 0 };
	int ret = parse(&o, argc, argv), status;

	if (ret >= 0)
		return ret;
	if (o.raw) {
		if (read_raw(&dump, o.raw))
			return EXIT_TROUBLE;
		dump_machine(&dump, &machine);
		pvk_stack_detect(&machine, &stack);
	} else {
		ret = record_machine(&dump, &stack);
		if (ret) {
			complain("this machine has more than %u leaves", DUMP_LEAVES);
			return EXIT_TROUBLE;
		}
	}
	record_processor(&dump, &processor);
	status = stack.layers ? EXIT_YES : EXIT_NO;
	if (o.is)
		status = is(&stack, o.is);
	if (o.offers && (!o.is || status == EXIT_YES))
		status = offers(&stack, o.offers);
	if (status == EXIT_USAGE)
		return status;
	if (o.save) {
		ret = record_save(&dump, o.save);
		if (ret) {
			complain("%s: %s", o.save, strerror(-ret));
			return EXIT_TROUBLE;
		}
	}
	say(&o, &report);
	if (fflush(stdout) || ferror(stdout)) {
		complain("standard output: %s", strerror(errno));
		return EXIT_TROUBLE;
	}
	return status;
}
