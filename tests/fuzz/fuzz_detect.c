// SPDX-License-Identifier: BSD-2-Clause
/*
 * Fuzzer of detection: an input is a dump as a file (it begins with '#'), or the
 * answers of a host that says anything. Whatever it is: it ends, in a
 * bounded number of questions, with a description that holds together.
 */
/* LINK: hypercall/detect/stack.c hypercall/detect/tables.c hypercall/detect/features.c hypercall/detect/dump/dump.c hypercall/tools/detect/terse.c */
/* LIBS: */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hypercall/detect.h"
#include "hypercall/detect/tables.h"
#include "hypercall/tools/detect/report.h"
#include "must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* At least the scan and twice everything that is kept */
#define QUESTIONS	(256u + 8u + 2u * PVK_INTERFACES * (PVK_LEAVES + 1u))

struct host {
	const uint8_t *at;
	size_t left;
	uint32_t questions;
};

static uint32_t next(struct host *h, unsigned int bytes)
{
	uint32_t value = 0;

	for (unsigned int i = 0; i < bytes && h->left; i++, h->left--)
		value |= (uint32_t)*h->at++ << 8 * i;
	return value;
}

/* Anything, or a known signature with any EAX: else no block would ever be found. */
static void answer(void *context, __u32 leaf, struct pvk_cpuid_regs *out)
{
	struct host *h = context;
	uint32_t how = next(h, 1);
	const struct pvk_signature *s = &pvk_signature[(how >> 2) % pvk_signatures];

	h->questions++;
	memset(out, 0, sizeof(*out));
	if (!(how & 3))
		return;
	out->eax = how & 1 ? leaf + next(h, 1) : next(h, 4);
	out->ebx = next(h, 4);
	out->ecx = leaf == 1 ? 0x80000000u | next(h, 3) : next(h, 4);
	out->edx = next(h, 4);
	if (how & 2 && leaf >= PVK_CPUID_FIRST) {
		memcpy(&out->ebx, s->text, 4);
		memcpy(&out->ecx, s->text + 4, 4);
		memcpy(&out->edx, s->text + 8, 4);
	}
}

static void holds_together(const struct pvk_stack *s)
{
	MUST(s->layers <= PVK_LAYERS && s->interfaces <= PVK_INTERFACES);
	MUST(s->evidences <= PVK_EVIDENCE && s->platform < PVK_PLATFORMS);
	MUST(!s->hypervisor_bit || s->layers);
	for (unsigned int i = 0; i < s->layers; i++) {
		MUST(s->layer[i].hv > PVK_HV_NONE && s->layer[i].hv < PVK_HVS);
		MUST(s->layer[i].confidence < PVK_CONFIDENCES && s->layer[i].role < PVK_ROLES);
	}
	for (unsigned int i = 0; i < s->interfaces; i++) {
		const struct pvk_interface *b = &s->interface[i];

		MUST(b->kind < PVK_IFS && b->hv < PVK_HVS && b->via < PVK_VIAS);
		MUST(b->layer < s->layers && b->calling < PVK_CALLINGS && b->insn < PVK_INSNS);
		MUST(b->leaves >= 1 && b->leaves <= PVK_CPUID_STEP);
		MUST(memchr(b->signature, 0, sizeof(b->signature)));
		for (unsigned int k = b->leaves; k < PVK_LEAVES; k++)
			MUST(!(b->leaf[k].eax | b->leaf[k].ebx | b->leaf[k].ecx | b->leaf[k].edx));
	}
	for (unsigned int i = 0; i < s->evidences; i++) {
		const struct pvk_evidence *e = &s->evidence[i];

		MUST(e->saying < PVK_SAYINGS && e->hv < PVK_HVS && e->layer < PVK_LAYERS);
		MUST(e->saying != PVK_SAYS_FACT || e->what < PVK_FACTS);
		MUST(e->saying != PVK_SAYS_SIGNATURE || e->what < s->interfaces);
	}
}

static void say_it(const struct pvk_stack *s)
{
	static FILE *null;

	if (!null)
		null = fopen("/dev/null", "w");
	MUST(null);
	report_terse(s, null);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct dump dump;
	static const char *const texts[] = { "QEMU", "VMware, Inc.", "xen", "1", "control_d", "KVM" };
	struct pvk_machine machine;
	struct pvk_stack stack;
	unsigned int line;

	if (size < 2)
		return 0;
	if (data[0] != '#') {
		struct host host = { data + 2, size - 2, 0 };
		struct pvk_offer offer;

		memset(&machine, 0, sizeof(machine));
		machine.context = &host;
		machine.cpuid = answer;
		machine.cpuid_xen = data[1] & 1 ? answer : NULL;
		machine.cpuid_pvm = data[1] & 2 ? answer : NULL;
		for (unsigned int i = 0; i < PVK_FACTS; i++)
			if (next(&host, 1) & 1)
				machine.fact[i] = texts[next(&host, 1) % 6];
		pvk_stack_detect(&machine, &stack);
		MUST(host.questions <= QUESTIONS);
		host = (struct host){ data + 2, size - 2, 0 };
		MUST(pvk_detect(answer, &host, &offer) <= PVK_DETECT_LIMITS);
	} else {
		FILE *f = fmemopen((void *)(uintptr_t)data, size, "r");
		int ret;

		MUST(f);
		ret = dump_read(&dump, f, &line);
		fclose(f);
		if (ret)
			return 0;
		dump_machine(&dump, &machine);
		pvk_stack_detect(&machine, &stack);
	}
	holds_together(&stack);
	say_it(&stack);
	return 0;
}
