// SPDX-License-Identifier: BSD-2-Clause
/* The report as JSON: one object; docs/detect.md lists its members. */
#include "report.h"

static void string(FILE *out, const char *text)
{
	putc('"', out);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			putc('\\', out);
		if (*text >= 0x20 && *text < 0x7f)
			putc(*text, out);
		else
			fprintf(out, "\\u%04x", (unsigned char)*text);
	}
	putc('"', out);
}

static void member(FILE *out, const char *indent, const char *name, const char *text)
{
	fprintf(out, "%s\"%s\": ", indent, name);
	string(out, text);
}

static void evidence(const struct report *r, unsigned int layer, FILE *out)
{
	static const char *const kind[PVK_SAYINGS] = {
		[PVK_SAYS_SIGNATURE] = "signature",
		[PVK_SAYS_FACT] = "fact",
		[PVK_SAYS_ROOT] = "root",
		[PVK_SAYS_NESTED] = "nested",
		[PVK_SAYS_BIT] = "bit",
	};
	const struct pvk_stack *s = r->stack;
	const char *sep = "";

	for (unsigned int i = 0; i < s->evidences; i++) {
		const struct pvk_evidence *e = &s->evidence[i];

		if (e->layer != layer)
			continue;
		fprintf(out, "%s\n        {", sep);
		member(out, "", "kind", kind[e->saying]);
		member(out, ", ", "for", pvk_hv_name[e->hv].word);
		if (e->saying == PVK_SAYS_FACT) {
			member(out, ", ", "fact", pvk_fact_name[e->what]);
			member(out, ", ", "text", r->dump->fact[e->what]);
		} else if (e->saying != PVK_SAYS_BIT) {
			fprintf(out, ", \"interface\": %u", e->what);
		}
		fprintf(out, "}");
		sep = ",";
	}
}

static void layers(const struct report *r, FILE *out)
{
	const struct pvk_stack *s = r->stack;

	fprintf(out, "  \"hypervisors\": [");
	for (unsigned int i = 0; i < s->layers; i++) {
		const struct pvk_layer *l = &s->layer[i];

		fprintf(out, "%s\n    {\n", i ? "," : "");
		member(out, "      ", "name", pvk_hv_name[l->hv].word);
		member(out, ",\n      ", "title", pvk_hv_name[l->hv].name);
		member(out, ",\n      ", "confidence", pvk_confidence_name[l->confidence].word);
		member(out, ",\n      ", "role", pvk_role_name[l->role].word);
		fprintf(out, ",\n      \"evidence\": [");
		evidence(r, i, out);
		fprintf(out, "\n      ]\n    }");
	}
	fprintf(out, "%s],\n", s->layers ? "\n  " : "");
}

static void names(FILE *out, const struct pvk_interface *b, const char *name, bool offered)
{
	const struct pvk_feature *f = NULL;
	const char *sep = "";

	fprintf(out, ",\n      \"%s\": [", name);
	while ((f = pvk_feature_next(b->kind, f)) != NULL) {
		if (!pvk_feature_offered(b, f) == offered)
			continue;
		fprintf(out, "%s", sep);
		string(out, f->name);
		sep = ", ";
	}
	fprintf(out, "]");
}

static void leaves(FILE *out, const struct pvk_interface *b)
{
	const char *sep = "";

	fprintf(out, ",\n      \"leaves\": {");
	for (unsigned int i = 0; i < PVK_LEAVES + 1; i++) {
		const struct pvk_cpuid_regs *r = i < PVK_LEAVES ? &b->leaf[i] : &b->timing;

		if (!(r->eax | r->ebx | r->ecx | r->edx))
			continue;
		fprintf(out, "%s\"0x%x\": [%u, %u, %u, %u]", sep,
			b->base + (i < PVK_LEAVES ? i : PVK_LEAF_TIMING), r->eax, r->ebx, r->ecx,
			r->edx);
		sep = ", ";
	}
	fprintf(out, "}");
}

static void interfaces(const struct pvk_stack *s, FILE *out)
{
	char text[64];

	fprintf(out, "  \"interfaces\": [");
	for (unsigned int i = 0; i < s->interfaces; i++) {
		const struct pvk_interface *b = &s->interface[i];

		fprintf(out, "%s\n    {\n      \"base\": %u", i ? "," : "", b->base);
		member(out, ",\n      ", "kind", pvk_if_name[b->kind].word);
		member(out, ",\n      ", "signature", b->signature);
		fprintf(out, ",\n      \"hypervisor\": %u", b->layer);
		member(out, ",\n      ", "read_by", pvk_via_name[b->via].word);
		fprintf(out, ",\n      \"version\": [%u, %u, %u]", b->major, b->minor, b->build);
		fprintf(out, ",\n      \"tsc_khz\": %u", b->tsc_khz);
		member(out, ",\n      ", "calls", report_calling(b, text, sizeof(text)));
		names(out, b, "offered", true);
		names(out, b, "not_offered", false);
		leaves(out, b);
		fprintf(out, "\n    }");
	}
	fprintf(out, "%s],\n", s->interfaces ? "\n  " : "");
}

void report_json(const struct report *r, FILE *out)
{
	const struct pvk_stack *s = r->stack;
	const char *sep = "";

	fprintf(out, "{\n  \"format\": \"pvkit-detect 1\",\n  \"hypervisor_bit\": %s,\n",
		s->hypervisor_bit ? "true" : "false");
	layers(r, out);
	member(out, "  ", "platform", pvk_platform_name[s->platform].word);
	fprintf(out, ",\n");
	interfaces(s, out);
	fprintf(out, "  \"left_out\": %u,\n  \"processor\": {", s->left_out);
	member(out, "", "vendor", r->processor->vendor);
	member(out, ", ", "brand", r->processor->brand);
	member(out, ", ", "codename", r->processor->codename);
	fprintf(out, "},\n  \"facts\": {");
	for (unsigned int i = 0; i < PVK_FACTS; i++) {
		if (!r->dump->known[i])
			continue;
		fprintf(out, "%s\n", sep);
		member(out, "    ", pvk_fact_name[i], r->dump->fact[i]);
		sep = ",";
	}
	fprintf(out, "%s}\n}\n", *sep ? "\n  " : "");
}
