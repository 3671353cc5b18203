// SPDX-License-Identifier: BSD-2-Clause
/*
 * pvkit-detect: what this system runs on, or what a recorded one ran on. The
 * judging is hypercall/detect/, the same code that the kernel module uses; here are
 * the command line and the exit status: see docs/man/pvkit-detect.1.
 */
#include <stdlib.h>
#include <string.h>

#include "../../detect/dump/record.h"
#include "../tool.h"

enum { EXIT_YES = 0, EXIT_NO = 1 };	/* and tool.h's */
enum form { TEXT, JSON, TERSE, SHORT, QUIET };

struct options {
	const char *raw, *save, *is, *offers;
	int form;	/* enum form */
	bool all;
};

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
		return TOOL_USAGE;
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
		return TOOL_USAGE;
	}
	for (unsigned int i = 0; i < s->interfaces; i++)
		if (s->interface[i].kind == kind &&
		    (!f || pvk_feature_offered(&s->interface[i], f)))
			return EXIT_YES;
	return EXIT_NO;
}

static int parse(struct options *o, int argc, char **argv)
{
	const struct tool_option options[] = {
		{ .name = "raw", .text = &o->raw },
		{ .name = "save", .text = &o->save },
		{ .name = "is", .text = &o->is },
		{ .name = "offers", .text = &o->offers },
		{ .name = "json", .choice = &o->form, .value = JSON },
		{ .name = "terse", .choice = &o->form, .value = TERSE },
		{ .name = "short", .choice = &o->form, .value = SHORT },
		{ .name = "quiet", .choice = &o->form, .value = QUIET },
		{ .name = "all", .flag = &o->all },
		{ .name = "list", .print = list },
		{ .name = "help", .print = help },
		{ .name = NULL },
	};

	return tool_parse(options, argc, argv);
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
		if (tool_read_dump(&dump, o.raw))
			return TOOL_TROUBLE;
		dump_machine(&dump, &machine);
		pvk_stack_detect(&machine, &stack);
	} else {
		ret = record_machine(&dump, &stack);
		if (ret) {
			complain("this machine has more than %u leaves", DUMP_LEAVES);
			return TOOL_TROUBLE;
		}
	}
	record_processor(&dump, &processor);
	status = stack.layers ? EXIT_YES : EXIT_NO;
	if (o.is)
		status = is(&stack, o.is);
	if (o.offers && (!o.is || status == EXIT_YES))
		status = offers(&stack, o.offers);
	if (status == TOOL_USAGE)
		return status;
	if (o.save) {
		ret = record_save(&dump, o.save);
		if (ret) {
			complain("%s: %s", o.save, strerror(-ret));
			return TOOL_TROUBLE;
		}
	}
	say(&o, &report);
	return tool_end(status);
}
