// SPDX-License-Identifier: BSD-2-Clause
/*
 * Fuzzer of the exits: an input is a series of exits as KVM tells them in the page
 * that it shares (ports and memory of every size, direction and count, PV calls with
 * their registers, all other reasons), against real interrupt routing and
 * doorbells on a KVM that may refuse them. Whatever they are: each exit is counted
 * once, a call has a status of the ABI in RAX, no lock stays taken, what KVM is told
 * of routes and doorbells is sound, and only the exits that may end the VM do.
 */
/* LINK: PV host-stub/vcpu_exit.c host-stub/death.c host-stub/irq.c host-stub/pv/doorbell.c host-stub/emu/debug_exit.c */
/* LIBS: -luring -lpthread -Wl,--wrap=ioctl -Wl,--wrap=write */
#define FAKE_IDE
#define FAKE_KVM
#include "fuzz.h"
#include "quiet.h"
#include "tests/unit/fake_net.h"
#include "calls.h"

#define MMIO		0xfea00000ull
#define PORTS		0x5000u
#define PAGE		4096u

/* ---- KVM ---- */

static struct {
	bool refuses_routes, refuses_irqfds;
	uint8_t state;
	int irqfd[HS_IRQ_MSIS];	/* + 1; 0: none */
	uint32_t routes;
	uint64_t routed;		/* messages, of the first 64 */
} kvm;

static int set_routing(const struct kvm_irq_routing *table)
{
	MUST(table->nr <= 16 + 24 + HS_IRQ_MSIS);
	/* What it had room for it has room for again. */
	if (kvm.refuses_routes && table->nr > kvm.routes)
		return -ENOSPC;
	kvm.routes = table->nr;
	kvm.routed = 0;
	for (uint32_t i = 0; i < table->nr; i++) {
		const struct kvm_irq_routing_entry *e = &table->entries[i];

		if (e->type != KVM_IRQ_ROUTING_MSI) {
			MUST(e->gsi < HS_IRQ_LINES && e->u.irqchip.irqchip <= KVM_IRQCHIP_IOAPIC);
			continue;
		}
		MUST(e->gsi >= HS_IRQ_LINES && e->gsi < HS_IRQ_LINES + HS_IRQ_MSIS);
		/* an ordinary interrupt, to a local APIC */
		MUST(!e->u.msi.address_hi && e->u.msi.address_lo >> 20 == 0xfee);
		MUST((e->u.msi.data & 0xff) >= 16 && (e->u.msi.data >> 8 & 7) <= 1);
		if (e->gsi - HS_IRQ_LINES < 64)
			kvm.routed |= 1ull << (e->gsi - HS_IRQ_LINES);
	}
	return 0;
}

static int fake_kvm(unsigned long request, void *arg)
{
	const struct kvm_irqfd *irqfd = arg;
	const struct kvm_ioeventfd *bell = arg;

	switch (request) {
	case KVM_SET_GSI_ROUTING:
		return set_routing(arg);
	case KVM_IRQFD:
		if (kvm.refuses_irqfds)
			return -EMFILE;
		MUST(irqfd->gsi >= HS_IRQ_LINES && irqfd->gsi < HS_IRQ_LINES + HS_IRQ_MSIS);
		MUST(!kvm.irqfd[irqfd->gsi - HS_IRQ_LINES]);
		kvm.irqfd[irqfd->gsi - HS_IRQ_LINES] = (int)irqfd->fd + 1;
		return 0;
	case KVM_IRQ_LINE:
		return 0;
	/* of a guest that died: any, or none */
	case KVM_GET_SREGS:
		memset(arg, kvm.state, sizeof(struct kvm_sregs));
		return kvm.state & 1 ? -EIO : 0;
	case KVM_GET_VCPU_EVENTS:
		memset(arg, kvm.state, sizeof(struct kvm_vcpu_events));
		return kvm.state & 2 ? -EIO : 0;
	case KVM_IOEVENTFD:
		MUST(bell->len == 4 && bell->addr == HS_PORT_PVK_DOORBELL);
		MUST(bell->flags & KVM_IOEVENTFD_FLAG_DATAMATCH &&
		     bell->flags & KVM_IOEVENTFD_FLAG_PIO);
		if (!(bell->flags & KVM_IOEVENTFD_FLAG_DEASSIGN))
			return fake_doorbell_bind((uint32_t)bell->datamatch, bell->fd);
		fake_doorbell_unbind((uint32_t)bell->datamatch, bell->fd);
		return 0;
	}
	MUST(!"a call of KVM that no exit makes");
	return -EINVAL;
}

/* ---- regions: ports and memory, one of each under the lock ---- */

static uint64_t region_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct hs_region *r = opaque;

	MUST(offset + size <= r->len);
	return offset * 0x0101010101010101ull;
}

static void region_write(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	struct hs_region *r = opaque;

	MUST(offset + size <= r->len);
	MUST(size == 8 || value < 1ull << 8 * size);
}

static const struct hs_reg regs[] = {
	{ 0, 4, HS_REG_RW, "BOTH" }, { 4, 2, HS_REG_R, "IN" }, { 4, 2, HS_REG_W, "OUT" },
	{ 8, 8, HS_REG_R, "READ" }, { 16, 1, HS_REG_W, "WRITE" },
};
static struct hs_region region[4];

static void add_regions(void)
{
	for (unsigned int i = 0; i < 4; i++) {
		region[i] = (struct hs_region){
			.device = "some",
			.space = i & 1 ? HS_PIO : HS_MMIO,
			.len = i & 2 ? 32 : 20,
			.base = (i & 1 ? PORTS : MMIO) + (i & 2 ? 32 : 12),
			.regs = regs,
			.nregs = 5,
			.read = region_read,
			.write = region_write,
			.opaque = &region[i],
			.unlocked = i & 2,
		};
		MUST(hs_io_add(fake.vm.io, &region[i]) == 0);
	}
}

/* ---- exits ---- */

static _Alignas(PAGE) uint8_t run_page[3 * PAGE];
static uint64_t served;

static void bytes(struct input *in, uint8_t *to, size_t n)
{
	memset(to, (int)take(in, 1), n);
	for (size_t i = 0; i < n && i < 16; i++)
		to[i] = (uint8_t)take(in, 1);
}

static unsigned int exits_counted(const struct hs_vcpu *vcpu)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i <= HS_VCPU_EXITS; i++)
		n += (unsigned int)vcpu->exits[i];
	return n;
}

static void leave_guest(struct hs_vcpu *vcpu, uint32_t reason)
{
	unsigned int before = exits_counted(vcpu);

	vcpu->run->exit_reason = reason;
	fake_cpu.own = vcpu->id;
	hs_vcpu_exit(vcpu);
	served++;
	MUST(exits_counted(vcpu) == before + 1);
	MUST(pthread_mutex_trylock(&fake.vm.lock) == 0);
	pthread_mutex_unlock(&fake.vm.lock);
}

static unsigned int stops(void)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i <= HS_STOP_ERROR; i++)
		n += fake.stops[i];
	return n;
}

/* As KVM has it: 1, 2 or 4 bytes, so many of them as lie in the page for it. */
static void port(struct hs_vcpu *vcpu, struct input *in)
{
	static const uint16_t bases[] = { PORTS, PORTS, HS_PORT_PVK_CALL, HS_PORT_PVK_DOORBELL,
					  0xf4, 0xffff, 0 };
	struct kvm_run *run = vcpu->run;
	uint8_t what = (uint8_t)take(in, 1);
	uint32_t size = 1u << (what & 3) % 3, most = PAGE / size;

	run->io.direction = what & 4 ? KVM_EXIT_IO_OUT : KVM_EXIT_IO_IN;
	run->io.size = (uint8_t)size;
	run->io.port = (uint16_t)(bases[(what >> 3) % 7] + take(in, 1) % 140);
	run->io.count = what & 0x80 ? 1 + (uint32_t)take(in, 2) % most : 1;
	run->io.data_offset = PAGE;
	bytes(in, run_page + PAGE, size * run->io.count);
	/* so that a byte behind shows */
	memset(run_page + PAGE + size * run->io.count, 0x5a, 8);
	leave_guest(vcpu, KVM_EXIT_IO);
	for (unsigned int i = 0; i < 8; i++)
		MUST(run_page[PAGE + size * run->io.count + i] == 0x5a);
}

static void memory(struct hs_vcpu *vcpu, struct input *in)
{
	struct kvm_run *run = vcpu->run;
	uint8_t what = (uint8_t)take(in, 1);

	run->mmio.phys_addr = what & 0x10 ? take(in, 8) : MMIO + take(in, 1) % 70;
	run->mmio.len = 1 + (what & 7);		/* pieces of any length, up to 8 */
	run->mmio.is_write = what >> 3 & 1;
	bytes(in, run->mmio.data, 8);
	leave_guest(vcpu, KVM_EXIT_MMIO);
}

static void call(struct hs_vcpu *vcpu, struct input *in)
{
	struct kvm_run *run = vcpu->run;
	struct kvm_regs *r = &run->s.regs.regs;
	struct hs_call c = take(in, 1) & 1 ? call_simple(in) : call_make(in);
	uint64_t calls = vcpu->pv_calls;

	memset(r, 0, sizeof(*r));
	r->rbx = c.arg[0];
	r->rcx = c.arg[1];
	r->rsi = c.arg[2];
	r->rdi = c.arg[3];
	r->rip = 0x1234;
	run->kvm_dirty_regs = 0;
	run->io.direction = KVM_EXIT_IO_OUT;
	run->io.size = 4;
	run->io.port = HS_PORT_PVK_CALL;
	run->io.count = 1;
	run->io.data_offset = PAGE;
	memcpy(run_page + PAGE, &c.number, 4);
	leave_guest(vcpu, KVM_EXIT_IO);
	MUST(vcpu->pv_calls == calls + 1 && run->kvm_dirty_regs == KVM_SYNC_X86_REGS);
	MUST(call_is_status((int64_t)r->rax) && r->rip == 0x1234 && r->rbx == c.arg[0]);
}

/* What is said of a guest that died fits, whatever KVM told of it; a JSON object on one line. */
static void report_death(void)
{
	struct hs_death *d = &fake.vm.run->death;
	char text[64], *json = NULL;
	size_t size;
	FILE *f = open_memstream(&json, &size);

	MUST(f);
	hs_death_json(d, f);
	fclose(f);
	MUST(atomic_load(&d->taken) ? json[0] == '{' && json[size - 1] == '}' : !strcmp(json, "null"));
	free(json);
	hs_death_text(d, text, sizeof(text));
	MUST(strlen(text) < sizeof(text) && d->code_bytes <= HS_DEATH_CODE);
	memset(d, 0, sizeof(*d));
}

/* All other reasons; only some may end the VM, and all that do must. */
static void other(struct hs_vcpu *vcpu, struct input *in)
{
	static const uint8_t harmless[] = {
		KVM_EXIT_IRQ_WINDOW_OPEN, KVM_EXIT_INTR, KVM_EXIT_SET_TPR, KVM_EXIT_TPR_ACCESS,
		KVM_EXIT_NMI, KVM_EXIT_IOAPIC_EOI,
	};
	struct kvm_run *run = vcpu->run;
	uint32_t reason = (uint32_t)take(in, 1), before = stops();

	if (reason == KVM_EXIT_IO || reason == KVM_EXIT_MMIO)
		return;
	if (reason >= 0xf0)
		reason = (uint32_t)take(in, 4) | 0x100;
	bytes(in, (uint8_t *)&run->internal, 64);
	if (reason == KVM_EXIT_SYSTEM_EVENT)
		run->system_event.type = (uint32_t)take(in, 1) & 3;
	if (reason == KVM_EXIT_INTERNAL_ERROR)
		run->internal.suberror = (uint32_t)take(in, 1) % 6;
	kvm.state = (uint8_t)(reason * 77);
	leave_guest(vcpu, reason);
	report_death();
	MUST(stops() - before ==
	     !(reason < 0x100 && memchr(harmless, (int)reason, sizeof(harmless))));
	(void)hs_vcpu_exit_name(reason);
}

static void power_on(void)
{
	static struct hs_run run;

	fake.config.pv_offer = PV_ALL | CALL_PLATFORM;
	fake.config.vcpus = 2;
	fake.config.debug_exit = 0xf4;
	fake.config.machine = HS_MACHINE_PC;
	MUST(fake_disk(0, 1 << 20, HS_MODELS_BOTH));
	fuzz_power_on();
	fake.vm.run = &run;
	kvm.refuses_routes = true;
	MUST(hs_irq_create(&fake.vm.irq, -1, true) == -ENOSPC);
	kvm.refuses_routes = false;
	MUST(hs_irq_create(&fake.vm.irq, -1, false) == 0);
	hs_irq_destroy(fake.vm.irq);
	MUST(hs_irq_create(&fake.vm.irq, -1, true) == 0);
	MUST(hs_pv_create(&fake.vm) == 0 && hs_debug_exit_create(&fake.vm) == 0);
	fake_platform_create(&fake.vm);
	add_regions();
	for (unsigned int i = 0; i < 2; i++) {
		struct hs_vcpu *vcpu = fake.vm.vcpu[i];

		vcpu->vm = &fake.vm;
		vcpu->run = (struct kvm_run *)run_page;
	}
}

static void account(void)
{
	static FILE *nowhere;

	if (!nowhere)
		nowhere = fopen("/dev/null", "w");
	MUST(nowhere);
	hs_pv_json(fake.vm.pv, nowhere);
	hs_io_json(fake.vm.io, nowhere);
}

/* As a BAR that the guest moves: also onto another, which is refused. */
static void move_region(unsigned int i)
{
	hs_io_remove(fake.vm.io, &region[i]);
	region[i].base ^= 64;
	if (hs_io_add(fake.vm.io, &region[i]) == 0)
		return;
	region[i].base ^= 64;
	MUST(hs_io_add(fake.vm.io, &region[i]) == 0);
}

/* As PV devices and chips do, from threads of their own. */
static void interrupt(struct input *in)
{
	uint8_t what = (uint8_t)take(in, 1);

	if (what & 0x80)
		hs_irq_msi_raise(fake.vm.irq, what & 0x7f);
	else
		hs_irq_line(fake.vm.irq, what & 0x3f, what >> 6 & 1);
}

static void end(void)
{
	kvm.refuses_routes = false;
	kvm.refuses_irqfds = false;
	fake_con.room = sizeof(fake_con.text) * 64;
	(void)pv_until_done(PVK_CALL_LEAVE, 0);
	(void)pv_until_done(PVK_CALL_PLATFORM_LEAVE, 0);
	MUST(!kvm.routed && fake_doorbells() == 0);
	memset(fake.stops, 0, sizeof(fake.stops));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	if (!fake.vm.pv)
		power_on();
	memset(fake_ram(PV_STRUCTS, CALL_STRUCTS * 256), 0, CALL_STRUCTS * 256);
	fake_con.room = 4096;
	if (take(&in, 1) & 1)
		MUST(pv_negotiate(PV_ALL) == 0);
	while (in.left) {
		uint8_t what = (uint8_t)take(&in, 1);
		struct hs_vcpu *vcpu = fake.vm.vcpu[what >> 7];

		switch (what & 7) {
		case 0:
		case 1:
			port(vcpu, &in);
			break;
		case 2:
			memory(vcpu, &in);
			break;
		case 3:
			interrupt(&in);
			break;
		case 4:
			other(vcpu, &in);
			break;
		case 5:
			kvm.refuses_routes = what & 0x10;
			kvm.refuses_irqfds = what & 0x20;
			if (what & 0x40)
				account();
			if (what & 0x08)
				move_region(take(&in, 1) & 3);
			break;
		default:
			call(vcpu, &in);
		}
	}
	end();
	return 0;
}
