// SPDX-License-Identifier: BSD-2-Clause
/* The report for people. */
#include "report.h"

static const char *title(const struct pvk_stack *s, unsigned int layer)
{
	return pvk_hv_name[s->layer[layer].hv].name;
}

/* One piece of evidence, as the end of "because ..." */
static void evidence(const struct report *r, const struct pvk_evidence *e, FILE *out)
{
	const struct pvk_interface *b = &r->stack->interface[e->what];

	switch (e->saying) {
	case PVK_SAYS_SIGNATURE:
		if (b->signature[0])
			fprintf(out, "%s 0x%x says \"%s\"", pvk_via_name[b->via].name, b->base,
				b->signature);
		else
			fprintf(out, "CPUID 0x%x has frequencies and no name", b->base);
		break;
	case PVK_SAYS_FACT:
		fprintf(out, "%s is \"%s\"", pvk_fact_name[e->what], r->dump->fact[e->what]);
		break;
	case PVK_SAYS_ROOT:
		fprintf(out, "CPUID 0x%x gives it the rights of the root", b->base);
		break;
	case PVK_SAYS_NESTED:
		fprintf(out, "CPUID 0x%x, EAX bit 12 says nested", b->base + 4);
		break;
	default:
		fprintf(out, "the hypervisor bit is set, and nothing else speaks");
		break;
	}
}

static void layers(const struct report *r, FILE *out)
{
	const struct pvk_stack *s = r->stack;

	if (!s->layers) {
		fprintf(out, "No hypervisor: CPUID has no hypervisor bit, and no fact speaks of one.\n");
		return;
	}
	for (unsigned int i = 0; i < s->layers; i++) {
		const struct pvk_layer *l = &s->layer[i];

		fprintf(out, "%s %s, %s%s\n", i ? "    which runs on:" : "Hypervisor: ", title(s, i),
			pvk_confidence_name[l->confidence].name, l->role == PVK_ROLE_ROOT ?
			"; this system owns the hardware (root partition, dom0)" : "");
		for (unsigned int n = 0; n < s->evidences; n++) {
			const struct pvk_evidence *e = &s->evidence[n];

			if (e->layer != i)
				continue;
			if (e->hv == l->hv || l->hv == PVK_HV_UNKNOWN) {
				fprintf(out, "              because ");
				evidence(r, e, out);
				fprintf(out, "\n");
			} else {
				fprintf(out, "              although ");
				evidence(r, e, out);
				fprintf(out, ", as with %s\n", pvk_hv_name[e->hv].name);
			}
		}
	}
}

static void calls(const struct pvk_interface *b, FILE *out)
{
	const char *registers = pvk_if_registers[b->kind];
	const char *also = b->insn ? pvk_insn_name[b->insn].name : NULL;

	switch (b->calling) {
	case PVK_CALLING_INSTRUCTION:
		fprintf(out, "%s", also ? also : "TDCALL");
		break;
	case PVK_CALLING_PAGE:
		fprintf(out, "through a page that MSR 0x%x brings in", b->where);
		break;
	case PVK_CALLING_PORT:
		fprintf(out, "through I/O port 0x%x", b->where);
		break;
	case PVK_CALLING_SYSCALL:
		fprintf(out, "SYSCALL");
		break;
	default:
		fprintf(out, "none\n");
		return;
	}
	if (also && b->calling != PVK_CALLING_INSTRUCTION)
		fprintf(out, ", or by %s", also);
	fprintf(out, "%s%s\n", registers ? "; " : "", registers ? registers : "");
}

static void features(const struct pvk_interface *b, FILE *out, bool offered)
{
	const char *head = offered ? "offered:" : "not:";
	const struct pvk_feature *f = NULL;

	while ((f = pvk_feature_next(b->kind, f)) != NULL) {
		if (!pvk_feature_offered(b, f) == offered)
			continue;
		fprintf(out, "    %-9s %-22s %s\n", head, f->name, f->words);
		head = "";
	}
}

static void interfaces(const struct report *r, FILE *out, bool all)
{
	const struct pvk_stack *s = r->stack;

	for (unsigned int i = 0; i < s->interfaces; i++) {
		const struct pvk_interface *b = &s->interface[i];

		fprintf(out, "\nInterface at 0x%x: %s, offered by %s", b->base,
			pvk_if_name[b->kind].name, title(s, b->layer));
		if (b->major || b->minor || b->build)
			fprintf(out, ", version %u.%u", b->major, b->minor);
		if (b->build)
			fprintf(out, " build %u", b->build);
		fprintf(out, "\n    name:     \"%s\"", b->signature);
		if (b->via)
			fprintf(out, " (%s)", pvk_via_name[b->via].name);
		fprintf(out, "\n    calls:    ");
		calls(b, out);
		if (b->tsc_khz)
			fprintf(out, "    TSC:      %u.%03u MHz\n", b->tsc_khz / 1000,
				b->tsc_khz % 1000);
		features(b, out, true);
		if (all)
			features(b, out, false);
	}
	if (s->left_out)
		fprintf(out, "\n%u more interfaces are not shown.\n", s->left_out);
}

void report_text(const struct report *r, FILE *out, bool all)
{
	const struct processor *p = r->processor;

	layers(r, out);
	if (r->stack->platform)
		fprintf(out, "Platform:     %s\n", pvk_platform_name[r->stack->platform].name);
	if (p->brand[0] || p->vendor[0])
		fprintf(out, "Processor:    %s%s%s%s\n", p->brand[0] ? p->brand : p->vendor,
			p->codename[0] ? " (" : "", p->codename, p->codename[0] ? ")" : "");
	interfaces(r, out, all);
}
