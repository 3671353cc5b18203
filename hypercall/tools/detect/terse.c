// SPDX-License-Identifier: BSD-2-Clause
/*
 * The report as lines of words. Names are those of detect/tables.c and
 * detect/features.c; they stay, new ones may come.
 */
#include "report.h"

static const char *const calling_word[PVK_CALLINGS] = {
	[PVK_CALLING_NONE] = "none",
	[PVK_CALLING_INSTRUCTION] = "instruction",
	[PVK_CALLING_PAGE] = "page",
	[PVK_CALLING_PORT] = "port",
	[PVK_CALLING_SYSCALL] = "syscall",
};

const char *report_calling(const struct pvk_interface *b, char *text, size_t size)
{
	int n = snprintf(text, size, "%s", b->kind == PVK_IF_TDX ? "tdcall" :
			 b->calling == PVK_CALLING_INSTRUCTION ? pvk_insn_name[b->insn].word :
			 calling_word[b->calling]);

	if (b->calling != PVK_CALLING_PAGE && b->calling != PVK_CALLING_PORT)
		return text;
	n += snprintf(text + n, size - (size_t)n, " 0x%x", b->where);
	if (b->insn)
		snprintf(text + n, size - (size_t)n, " %s", pvk_insn_name[b->insn].word);
	return text;
}

void report_terse(const struct pvk_stack *s, FILE *out)
{
	const struct pvk_feature *f;
	char text[64];

	if (!s->layers)
		fprintf(out, "hypervisor none\n");
	for (unsigned int i = 0; i < s->layers; i++)
		fprintf(out, "hypervisor %s %s %s\n", pvk_hv_name[s->layer[i].hv].word,
			pvk_confidence_name[s->layer[i].confidence].word,
			pvk_role_name[s->layer[i].role].word);
	if (s->platform)
		fprintf(out, "platform %s\n", pvk_platform_name[s->platform].word);
	for (unsigned int i = 0; i < s->interfaces; i++) {
		const struct pvk_interface *b = &s->interface[i];

		fprintf(out, "interface 0x%x %s of %s by %s\n", b->base, pvk_if_name[b->kind].word,
			pvk_hv_name[s->layer[b->layer].hv].word,
			report_calling(b, text, sizeof(text)));
	}
	for (unsigned int i = 0; i < s->interfaces; i++) {
		const struct pvk_interface *b = &s->interface[i];

		fprintf(out, "features 0x%x", b->base);
		for (f = pvk_feature_next(b->kind, NULL); f; f = pvk_feature_next(b->kind, f))
			if (pvk_feature_offered(b, f))
				fprintf(out, " %s", f->name);
		fprintf(out, "\n");
	}
}
