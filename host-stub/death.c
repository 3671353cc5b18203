// SPDX-License-Identifier: BSD-2-Clause
/* The form of what is known of a guest's death: see death.h. No state, no system call. */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "death.h"
#include "util.h"

/*
 * Intel SDM vol. 3, 10.1.4 (a CPU after reset or INIT, which keeps CD and NW), 2.5 (CR0), 2.2.1
 * (EFER)
 */
#define RESET_RIP	0xfff0u
#define RESET_CS	0xf000u
#define RESET_CR0	0x10u
#define CR0_CACHE	0x60000000u
#define CR0_PE		(1u << 0)
#define CR0_PG		(1u << 31)
#define EFER_LMA	(1u << 10)
#define RFLAGS_VM	(1u << 17)

bool hs_death_is_reset(const struct kvm_regs *regs, const struct kvm_sregs *sregs)
{
	return regs->rip == RESET_RIP && sregs->cs.selector == RESET_CS &&
	       (sregs->cr0 & ~(uint64_t)CR0_CACHE) == RESET_CR0;
}

static const char *mode_name(const struct hs_death *d)
{
	const struct kvm_sregs *s = &d->sregs;

	if (!(s->cr0 & CR0_PE))
		return "real mode";
	if (d->regs.rflags & RFLAGS_VM)
		return "virtual-8086 mode";
	if (s->efer & EFER_LMA && s->cs.l)
		return "64-bit mode";
	return s->cs.db ? "32-bit mode" : "16-bit mode";
}

/* Intel SDM vol. 3, table 6-1; NULL: has no name */
static const char *vector_name(uint8_t vector)
{
	static const char * const name[] = {
		"#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", NULL, "#TS",
		"#NP", "#SS", "#GP", "#PF", NULL, "#MF", "#AC", "#MC", "#XM", "#VE", "#CP",
	};

	return vector < HS_COUNT(name) ? name[vector] : NULL;
}

/* Appends; what does not fit is left out. */
static void death_add(char *text, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void death_add(char *text, size_t size, const char *fmt, ...)
{
	size_t used = strlen(text);
	va_list args;

	va_start(args, fmt);
	vsnprintf(text + used, size - used, fmt, args);
	va_end(args);
}

static void add_exception(const struct hs_death *d, char *text, size_t size)
{
	const char *name = vector_name(d->vector);

	if (!d->exception)
		return;
	death_add(text, size, ", delivering exception %u", d->vector);
	if (name)
		death_add(text, size, " (%s)", name);
	if (d->has_error)
		death_add(text, size, ", error code 0x%x", d->error);
}

void hs_death_text(const struct hs_death *d, char *text, size_t size)
{
	snprintf(text, size, "vCPU %u: %s, boot %u: ", d->vcpu, d->what, d->boot);
	if (d->reset) {
		death_add(text, size, "where is lost: KVM on this CPU resets the registers; ");
		if (d->exits)
			death_add(text, size, "at its last exit (number %" PRIu64 ") rip was 0x%" PRIx64,
			    d->exits, d->last_rip);
		else
			death_add(text, size, "it made no exit before");
		return;
	}
	death_add(
		text, size,
		"rip 0x%x:0x%llx rsp 0x%llx cr0 0x%llx cr2 0x%llx cr3 0x%llx cr4 0x%llx efer 0x%llx, %s%s",
		d->sregs.cs.selector, d->regs.rip, d->regs.rsp, d->sregs.cr0, d->sregs.cr2,
		d->sregs.cr3, d->sregs.cr4, d->sregs.efer, mode_name(d),
		d->sregs.cr0 & CR0_PG ? "" : ", no paging");
	add_exception(d, text, size);
	for (unsigned int i = 0; i < d->code_bytes; i++)
		death_add(text, size, "%s%02x", i ? " " : ", instruction ", d->code[i]);
}

static void json_registers(const struct hs_death *d, FILE *out)
{
	const struct {
		const char *name;
		uint64_t value;
	} value[] = {
		{ "rip", d->regs.rip }, { "rsp", d->regs.rsp }, { "rflags", d->regs.rflags },
		{ "rax", d->regs.rax }, { "rbx", d->regs.rbx }, { "rcx", d->regs.rcx },
		{ "rdx", d->regs.rdx }, { "rsi", d->regs.rsi }, { "rdi", d->regs.rdi },
		{ "rbp", d->regs.rbp }, { "r8", d->regs.r8 }, { "r9", d->regs.r9 },
		{ "r10", d->regs.r10 }, { "r11", d->regs.r11 }, { "r12", d->regs.r12 },
		{ "r13", d->regs.r13 }, { "r14", d->regs.r14 }, { "r15", d->regs.r15 },
		{ "cs", d->sregs.cs.selector }, { "ss", d->sregs.ss.selector },
		{ "cr0", d->sregs.cr0 }, { "cr2", d->sregs.cr2 }, { "cr3", d->sregs.cr3 },
		{ "cr4", d->sregs.cr4 }, { "efer", d->sregs.efer }, { "idt", d->sregs.idt.base },
		{ "idt_limit", d->sregs.idt.limit }, { "gdt", d->sregs.gdt.base },
		{ "gdt_limit", d->sregs.gdt.limit },
	};

	fprintf(out, "{\"mode\": \"%s\"", mode_name(d));
	for (size_t i = 0; i < HS_COUNT(value); i++)
		fprintf(out, ", \"%s\": %" PRIu64, value[i].name, value[i].value);
	fputc('}', out);
}

void hs_death_json(const struct hs_death *d, FILE *out)
{
	if (!atomic_load(&d->taken)) {
		fprintf(out, "null");
		return;
	}
	fprintf(out, "{\"boot\": %u, \"vcpu\": %u, \"what\": \"%s\", \"exits\": %" PRIu64
		", \"last_exit_rip\": %" PRIu64 ", \"registers\": ", d->boot, d->vcpu, d->what, d->exits,
		d->last_rip);
	if (d->reset)
		fprintf(out, "null");
	else
		json_registers(d, out);
	if (d->exception && d->has_error)
		fprintf(out, ", \"exception\": {\"vector\": %u, \"error\": %u}", d->vector, d->error);
	else if (d->exception)
		fprintf(out, ", \"exception\": {\"vector\": %u, \"error\": null}", d->vector);
	else
		fprintf(out, ", \"exception\": null");
	fprintf(out, ", \"instruction\": \"");
	for (unsigned int i = 0; i < d->code_bytes; i++)
		fprintf(out, "%02x", d->code[i]);
	fprintf(out, "\"}");
}
