// SPDX-License-Identifier: BSD-2-Clause
/*
 * Recorded machines: see dump.h. A line is one of
 *   basic_cpuid[N]=EAX EBX ECX EDX		libcpuid: leaf N (decimal)
 *   ext_cpuid[N]=...				libcpuid: leaf 0x80000000 + N
 *   hypervisor_cpuid[LEAF]=...			ours: LEAF in hex, as are all values
 *   xen_cpuid[LEAF]=..., pvm_cpuid[LEAF]=...	ours: behind a prefix
 *   fact NAME=TEXT				ours: pvk_fact_name[]
 *      0xLEAF 0xSUB: eax=0x.. ebx=0x.. ecx=0x.. edx=0x..	cpuid -r
 *   CPUID LEAF: EAX-EBX-ECX-EDX [SL SUB]	as dumps for Windows have it, their headers "------[
 * ... ]------" # a comment Other lines of libcpuid (word=..., word[N]=...) and headers are skipped,
 * as is what belongs to any processor but the first, and any sub-leaf but 0. A line of dashes ends
 * the dump: behind it libcpuid's test files have the answers. A byte order mark in front is
 * skipped.
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "dump.h"

static const struct {
	const char *word;
	enum pvk_via via;
	uint32_t base;
	bool hex;
} arrays[] = {
	{ "basic_cpuid", PVK_VIA_CPUID, 0, false },
	{ "ext_cpuid", PVK_VIA_CPUID, 0x80000000u, false },
	{ "hypervisor_cpuid", PVK_VIA_CPUID, 0, true },
	{ "xen_cpuid", PVK_VIA_XEN, 0, true },
	{ "pvm_cpuid", PVK_VIA_PVM, 0, true },
};

#define DUMP_LINES	100000u	/* 1000 processors have as many */

#define COUNT(table)	(sizeof(table) / sizeof((table)[0]))

const struct pvk_cpuid_regs *dump_find(const struct dump *dump, enum pvk_via via, uint32_t leaf)
{
	for (uint32_t i = 0; i < dump->leaves; i++)
		if (dump->leaf[i].leaf == leaf && dump->leaf[i].via == via)
			return &dump->leaf[i].regs;
	return NULL;
}

bool dump_add(struct dump *dump, enum pvk_via via, uint32_t leaf, const struct pvk_cpuid_regs *regs)
{
	struct dump_leaf *l;

	dump->has[via] = true;
	if (dump_find(dump, via, leaf))
		return true;		/* the first processor's stands */
	if (dump->leaves == DUMP_LEAVES)
		return false;
	l = &dump->leaf[dump->leaves++];
	l->leaf = leaf;
	l->via = via;
	l->regs = *regs;
	return true;
}

void dump_fact(struct dump *dump, enum pvk_fact fact, const char *text)
{
	char *to = dump->fact[fact];
	size_t n = 0;

	while (isspace((unsigned char)*text))
		text++;
	for (; text[n] && text[n] != '\n' && n < DUMP_FACT - 1; n++)
		to[n] = text[n] >= 0x20 && text[n] < 0x7f ? text[n] : '?';
	while (n && to[n - 1] == ' ')
		n--;
	to[n] = 0;
	dump->known[fact] = true;
}

/* NAME=TEXT. false: no such fact. */
static bool parse_fact(struct dump *dump, const char *text)
{
	for (unsigned int i = 0; i < PVK_FACTS; i++) {
		size_t len = strlen(pvk_fact_name[i]);

		if (!strncmp(text, pvk_fact_name[i], len) && text[len] == '=') {
			dump_fact(dump, i, text + len + 1);
			return true;
		}
	}
	return false;
}

/* word[N]=EAX EBX ECX EDX: 1 taken, 0 none of ours, -EINVAL, -E2BIG */
static int parse_array(struct dump *dump, const char *text, bool first)
{
	size_t len = strcspn(text, "[");
	struct pvk_cpuid_regs r;
	uint32_t n;
	int end;

	for (size_t i = 0; i < COUNT(arrays); i++) {
		if (strlen(arrays[i].word) != len || strncmp(arrays[i].word, text, len))
			continue;
		end = 0;
		if (sscanf(text + len, arrays[i].hex ? "[%8x]=%8x %8x %8x %8x%n" :
			   "[%8u]=%8x %8x %8x %8x%n", &n, &r.eax, &r.ebx, &r.ecx, &r.edx, &end) < 5)
			return -EINVAL;
		if (text[len + end + strspn(text + len + end, " \t\r")])
			return -EINVAL;
		if (first || arrays[i].hex)
			return dump_add(dump, arrays[i].via, arrays[i].base + n, &r) ? 1 : -E2BIG;
		return 1;
	}
	return 0;
}

/* What is skipped: word=..., word[...]=... of libcpuid */
static bool is_assignment(const char *text)
{
	size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_");

	if (n && text[n] == '[')
		n += strcspn(text + n, "]") + 1;
	return n && text[n - 1] && text[n] == '=';
}

/* A header that says which processor follows: its number, or -1 */
static int processor_of(const char *text)
{
	unsigned int n;

	if (!strcmp(text, "CPU:"))
		return 0;
	if (sscanf(text, "CPU %8u:", &n) == 1 || sscanf(text, "------[ Logical CPU #%8u ]", &n) == 1 ||
	    sscanf(text, "_________________ Logical CPU #%8u _", &n) == 1)
		return n > 0;
	return -1;
}

/*
 * CPUID LEAF: EAX-EBX-ECX-EDX, then what somebody read in it, and the sub-leaf: 1 if it is such a
 * line
 */
static int parse_dashes(const char *text, uint32_t *leaf, uint32_t *sub, struct pvk_cpuid_regs *r)
{
	const char *mark = strstr(text, "[SL ");

	*sub = 0;
	return sscanf(text, "CPUID %8x: %8x-%8x-%8x-%8x", leaf, &r->eax, &r->ebx, &r->ecx, &r->edx) == 5 &&
	       (!mark || sscanf(mark, "[SL %8x]", sub) == 1);
}

/* A line of dashes alone */
static bool is_rule(const char *text)
{
	size_t n = strspn(text, "-");

	return n >= 8 && !text[n + strspn(text + n, " \t")];
}

/* 1: the dump ends here */
static int parse_line(struct dump *dump, char *text, bool *first)
{
	struct pvk_cpuid_regs r;
	uint32_t leaf, sub;
	int ret;

	text[strcspn(text, "\r\n")] = 0;
	while (isspace((unsigned char)*text))
		text++;
	if (!*text || *text == '#')
		return 0;
	if (*text == '>')
		return -EPROTO;
	if (is_rule(text))
		return dump->leaves ? 1 : 0;
	if (!strncmp(text, "fact ", 5))
		return parse_fact(dump, text + 5) ? 0 : -EINVAL;
	ret = processor_of(text);
	if (ret >= 0) {
		*first = !ret;
		return 0;
	}
	if (sscanf(text, "0x%8x 0x%8x: eax=0x%8x ebx=0x%8x ecx=0x%8x edx=0x%8x", &leaf, &sub,
		   &r.eax, &r.ebx, &r.ecx, &r.edx) == 6 || parse_dashes(text, &leaf, &sub, &r)) {
		if (sub || !*first)
			return 0;
		return dump_add(dump, PVK_VIA_CPUID, leaf, &r) ? 0 : -E2BIG;
	}
	/* Other headers, and where the processor is */
	if (!strncmp(text, "------[", 7) || !strncmp(text, "allcpu:", 7))
		return 0;
	ret = parse_array(dump, text, *first);
	if (ret)
		return ret < 0 ? ret : 0;
	return is_assignment(text) ? 0 : -EINVAL;
}

int dump_read(struct dump *dump, FILE *file, unsigned int *line)
{
	static const char mark[] = "\xef\xbb\xbf";		/* UTF-8's byte order mark */
	char text[512];
	bool first = true;
	int ret = 0;

	memset(dump, 0, sizeof(*dump));
	for (*line = 1; !ret && fgets(text, sizeof(text), file); (*line)++) {
		if (!strchr(text, '\n') && !feof(file))
			return -EINVAL;		/* too long, or no text at all */
		if (*line > DUMP_LINES)
			return -E2BIG;
		if (*line == 1 && !strncmp(text, mark, sizeof(mark) - 1))
			memmove(text, text + sizeof(mark) - 1, strlen(text + sizeof(mark) - 1) + 1);
		ret = parse_line(dump, text, &first);
		if (ret < 0)
			return ret;
	}
	*line = 0;
	if (ferror(file))
		return -EIO;
	return dump_find(dump, PVK_VIA_CPUID, 1) ? 0 : -EINVAL;
}

const char *dump_problem(int err)
{
	switch (-err) {
	case EPROTO:
		return "it begins with '>', as in a quoted mail: take that off each line";
	case E2BIG:
		return "too much for one machine";
	default:
		return "not understood: a dump of --save, libcpuid or cpuid -r is needed";
	}
}

/*
 * Many processors answer each base with the same data of another leaf: no block is
 * ever seen in what is no text, so it need not be kept.
 */
static bool is_junk(const struct dump_leaf *l)
{
	char text[PVK_SIGNATURE_TEXT];

	return !(l->leaf % PVK_CPUID_STEP) && pvk_signature_text(text, &l->regs);
}

void dump_write_rest(const struct dump *dump, FILE *file)
{
	static const char *const word[PVK_VIAS] = {
		[PVK_VIA_CPUID] = "hypervisor_cpuid",
		[PVK_VIA_XEN] = "xen_cpuid",
		[PVK_VIA_PVM] = "pvm_cpuid",
	};

	for (uint32_t i = 0; i < dump->leaves; i++) {
		const struct dump_leaf *l = &dump->leaf[i];
		const struct pvk_cpuid_regs *r = &l->regs;

		/* libcpuid has 32 basic and 32 extended leaves */
		if (l->via == PVK_VIA_CPUID && ((l->leaf & 0x7fffffffu) < 32 || is_junk(l) ||
						!(r->eax | r->ebx | r->ecx | r->edx)))
			continue;
		fprintf(file, "%s[%08x]=%08x %08x %08x %08x\n", word[l->via], l->leaf, r->eax,
			r->ebx, r->ecx, r->edx);
	}
	for (unsigned int i = 0; i < PVK_FACTS; i++)
		if (dump->known[i])
			fprintf(file, "fact %s=%s\n", pvk_fact_name[i], dump->fact[i]);
}

static void answer(const struct dump *dump, enum pvk_via via, uint32_t leaf,
		   struct pvk_cpuid_regs *out)
{
	const struct pvk_cpuid_regs *r = dump_find(dump, via, leaf);

	memset(out, 0, sizeof(*out));
	if (r)
		*out = *r;
}

static void answer_cpuid(void *context, __u32 leaf, struct pvk_cpuid_regs *out)
{
	answer(context, PVK_VIA_CPUID, leaf, out);
}

static void answer_xen(void *context, __u32 leaf, struct pvk_cpuid_regs *out)
{
	answer(context, PVK_VIA_XEN, leaf, out);
}

static void answer_pvm(void *context, __u32 leaf, struct pvk_cpuid_regs *out)
{
	answer(context, PVK_VIA_PVM, leaf, out);
}

void dump_machine(struct dump *dump, struct pvk_machine *machine)
{
	memset(machine, 0, sizeof(*machine));
	machine->context = dump;
	machine->cpuid = answer_cpuid;
	machine->cpuid_xen = dump->has[PVK_VIA_XEN] ? answer_xen : NULL;
	machine->cpuid_pvm = dump->has[PVK_VIA_PVM] ? answer_pvm : NULL;
	for (unsigned int i = 0; i < PVK_FACTS; i++)
		machine->fact[i] = dump->known[i] ? dump->fact[i] : NULL;
}
