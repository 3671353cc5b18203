// SPDX-License-Identifier: BSD-2-Clause
/* The forms of a report: docs/status.md */
#include <string.h>

#include "say.h"

/* In the order in which people want them */
static const __u8 order[] = {
	UNUSED, UNKNOWN, WITHHELD, EMULATED, OPTIONAL, MOOT, IN_USE, NOT_OFFERED
};

static void unseen(const struct status *r, FILE *out)
{
	if (snap_denied(r->snap, LOOK_LOG))
		fprintf(out, "Not seen: the kernel's log (only root may read it here)\n");
	else if (!snap_has(r->snap, LOOK_LOG) || !look_log_complete(r->snap))
		fprintf(out, "Not seen: the beginning of the kernel's log\n");
	if (!snap_has(r->snap, LOOK_CONFIG))
		fprintf(out, "Not seen: the kernel's configuration%s\n",
			snap_has(r->snap, LOOK_SYMBOLS) ?
			"; some of it was told from the names of its functions" : "");
	if (r->left_out)
		fprintf(out, "Left out: %u verdicts, for want of room\n", r->left_out);
}

static void head(const struct status *r, FILE *out)
{
	const struct pvk_stack *s = &r->stack;
	char release[128];

	look_release(r->snap, release, sizeof(release));
	fprintf(out, "Hypervisor: ");
	for (unsigned int i = 0; i < s->layers; i++)
		fprintf(out, "%s%s", i ? " on " : "", pvk_hv_name[s->layer[i].hv].name);
	fprintf(out, "%s%s%s\n", s->layers ? "" : "none", s->platform ? ", " : "",
		s->platform ? pvk_platform_name[s->platform].name : "");
	fprintf(out, "Kernel:     Linux %s, ", *release ? release : "of unknown release");
	if (r->taken)
		fprintf(out, "uses %s's interface%s\n", pvk_if_name[r->taken].name,
			r->taken_known ? "" : " (concluded)");
	else
		fprintf(out, "uses no hypervisor's interface\n");
	fprintf(out, "\n");
}

static bool shown(const struct verdict *v, bool all)
{
	return all || v->state != NOT_OFFERED;
}

static void evidence(const struct verdict *v, FILE *out)
{
	for (unsigned int i = 0; i < v->evidences; i++)
		fprintf(out, "%*s  %s\n", 14, "", v->evidence[i]);
}

void say_text(const struct status *r, FILE *out, bool all, bool verbose)
{
	int width = 8;

	for (unsigned int i = 0; i < r->count; i++)
		if (shown(&r->verdict[i], all) && (int)strlen(r->verdict[i].name) > width)
			width = (int)strlen(r->verdict[i].name);
	head(r, out);
	for (size_t n = 0; n < sizeof(order); n++) {
		for (unsigned int i = 0; i < r->count; i++) {
			const struct verdict *v = &r->verdict[i];

			if (v->state != order[n] || !shown(v, all))
				continue;
			fprintf(out, "%-12s  %-*s  %s%s\n", state_word[v->state], width, v->name,
				v->title, v->inferred && v->state == IN_USE ? " (concluded)" : "");
			if (*v->why && (verbose || v->state != IN_USE))
				fprintf(out, "%14s%-*s  %s\n", "", width, "", v->why);
			if (*v->advice && v->state != IN_USE)
				fprintf(out, "%14s%-*s  -> %s\n", "", width, "", v->advice);
			if (verbose)
				evidence(v, out);
		}
	}
	if (!r->stack.layers)
		fprintf(out, "There is no hypervisor: nothing to use.\n");
	fprintf(out, "%s%u in use, %u moot, %u optional, %u unused, %u unknown, %u withheld, "
		"%u emulated\n", r->count ? "\n" : "", r->states[IN_USE], r->states[MOOT],
		r->states[OPTIONAL], r->states[UNUSED], r->states[UNKNOWN], r->states[WITHHELD],
		r->states[EMULATED]);
	unseen(r, out);
}

void say_terse(const struct status *r, FILE *out)
{
	for (unsigned int i = 0; i < r->count; i++)
		fprintf(out, "%s %s%s%s\n", state_word[r->verdict[i].state], r->verdict[i].name,
			*r->verdict[i].why ? " " : "", r->verdict[i].why);
}

void say_why(const struct verdict *v, FILE *out)
{
	fprintf(out, "%s: %s\n", v->name, v->title);
	fprintf(out, "State:    %s%s\n", state_word[v->state],
		v->inferred ? " (concluded: nothing shows it)" : "");
	if (*v->why)
		fprintf(out, "Why:      %s\n", v->why);
	if (*v->advice)
		fprintf(out, "To do:    %s\n", v->advice);
	for (unsigned int i = 0; i < v->evidences; i++)
		fprintf(out, "%s%s\n", i ? "          " : "Evidence: ", v->evidence[i]);
}

static void string(FILE *out, const char *text)
{
	putc('"', out);
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c >= 0x20 && c < 0x7f)
			putc(c, out);
		else
			fprintf(out, "\\u%04x", c);
	}
	putc('"', out);
}

static void member(FILE *out, const char *before, const char *name, const char *text)
{
	fprintf(out, "%s\"%s\": ", before, name);
	string(out, text);
}

static const char *yes(bool is)
{
	return is ? "true" : "false";
}

void say_json(const struct status *r, FILE *out)
{
	const struct pvk_stack *s = &r->stack;
	char release[128];

	look_release(r->snap, release, sizeof(release));
	fprintf(out, "{\n  \"format\": \"pvkit-status 1\",\n  \"hypervisors\": [");
	for (unsigned int i = 0; i < s->layers; i++) {
		fprintf(out, "%s", i ? ", " : "");
		string(out, pvk_hv_name[s->layer[i].hv].word);
	}
	member(out, "],\n  ", "platform", pvk_platform_name[s->platform].word);
	member(out, ",\n  ", "kernel", release);
	member(out, ",\n  ", "linux_uses", pvk_if_name[r->taken].word);
	fprintf(out, ",\n  \"log_seen\": %s,\n  \"configuration_seen\": %s,\n  \"counts\": {",
		yes(look_log_complete(r->snap)), yes(snap_has(r->snap, LOOK_CONFIG)));
	for (unsigned int i = 0; i < STATES; i++)
		fprintf(out, "%s\"%s\": %u", i ? ", " : "", state_word[i], r->states[i]);
	fprintf(out, "},\n  \"left_out\": %u,\n  \"features\": [", r->left_out);
	for (unsigned int i = 0; i < r->count; i++) {
		const struct verdict *v = &r->verdict[i];

		member(out, i ? ",\n    {" : "\n    {", "name", v->name);
		member(out, ", ", "state", state_word[v->state]);
		fprintf(out, ", \"concluded\": %s", yes(v->inferred));
		member(out, ",\n     ", "title", v->title);
		member(out, ",\n     ", "why", v->why);
		member(out, ",\n     ", "advice", v->advice);
		member(out, ",\n     ", "module", v->module ? v->module : "");
		fprintf(out, ",\n     \"evidence\": [");
		for (unsigned int n = 0; n < v->evidences; n++) {
			fprintf(out, "%s", n ? ", " : "");
			string(out, v->evidence[n]);
		}
		fprintf(out, "]}");
	}
	fprintf(out, "%s]\n}\n", r->count ? "\n  " : "");
}
