// SPDX-License-Identifier: BSD-2-Clause
/*
 * Calls (abi/call.h): the session, the table, batches, and the rules for
 * structures. Everything runs on the calling vCPU's thread under pv->lock and
 * never waits for a disk: what would, answers -PVK_EAGAIN.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../boot/boot.h"
#include "../emu/emu.h"
#include "../liar.h"
#include "pv_priv.h"
#include "../util.h"

/* ---- structures ---- */

int hs_pv_struct_check(struct hs_pv *pv, uint64_t gpa, uint64_t size)
{
	if (size < 8 || size > HS_PV_STRUCT)
		return -PVK_EINVAL;
	if (gpa & 7 || !hs_mem_at(pv->vm->mem, gpa, size))
		return -PVK_EFAULT;
	return 0;
}

int hs_pv_struct_in(struct hs_pv *pv, uint64_t gpa, uint64_t size, void *to, uint32_t known)
{
	uint32_t stated;
	int ret = hs_pv_struct_check(pv, gpa, size);

	if (ret < 0)
		return ret;
	/* No older version knows less than version 1's structures. */
	if (size < known)
		return -PVK_EINVAL;
	(void)hs_mem_read(pv->vm->mem, gpa, to, known);
	memcpy(&stated, to, sizeof(stated));	/* of the copy: memory may change */
	return stated == size ? 0 : -PVK_EINVAL;
}

void hs_pv_struct_out(struct hs_pv *pv, uint64_t gpa, uint64_t size, const void *from,
		      uint32_t known)
{
	uint8_t copy[HS_PV_STRUCT] = { 0 };

	memcpy(copy, from, known < size ? known : size);
	hs_liar_struct(copy, size);
	(void)hs_mem_write(pv->vm->mem, gpa, copy, size);
}

/* ---- sessions ---- */

/* Ends what the devices' session holds: 0, or -PVK_EAGAIN and to be repeated. */
static int64_t end_session(struct hs_pv *pv)
{
	int64_t ret;

	if (!pv->session)
		return 0;
	pv->leaving |= ~PVK_FEAT_PLATFORM;
	ret = hs_pv_bus_end(pv);
	if (ret < 0)
		return ret;
	hs_pv_event_end(pv);
	atomic_store(&pv->notify, PVK_CHANNEL_NONE);
	pv->active &= PVK_FEAT_PLATFORM;
	pv->session = false;
	pv->leaving &= PVK_FEAT_PLATFORM;
	return 0;
}

/* The same for the platform's. */
static int64_t end_platform(struct hs_pv *pv)
{
	if (!pv->platform)
		return 0;
	pv->leaving |= PVK_FEAT_PLATFORM;
	if (!hs_pv_console_end(pv, false))
		return -PVK_EAGAIN;
	hs_pv_event_end_fixed(pv);
	atomic_store(&pv->power_request, PVK_POWER_NONE);
	pv->active &= ~PVK_FEAT_PLATFORM;
	pv->platform = false;
	pv->leaving &= ~PVK_FEAT_PLATFORM;
	return 0;
}

static int64_t nop(struct hs_pv *pv, const uint64_t arg[4])
{
	(void)pv;
	(void)arg;
	return 0;
}

/*
 * Opens a session with features of `party`. A platform's begins a new kernel,
 * so it ends both of the kernel before.
 */
static int64_t open_session(struct hs_pv *pv, const uint64_t arg[4], uint64_t party, bool *session)
{
	struct pvk_negotiate n;
	int64_t ret = hs_pv_struct_in(pv, arg[0], arg[1], &n, sizeof(n));
	uint32_t version;

	if (ret < 0)
		return ret;	/* n was not filled */
	version = n.version;
	ret = end_session(pv);
	if (!ret && party == PVK_FEAT_PLATFORM)
		ret = end_platform(pv);
	if (ret < 0)
		return ret;
	n.active = 0;
	n.version = PVK_ABI_VERSION;
	if (PVK_VERSION_MAJOR(version) != PVK_VERSION_MAJOR(PVK_ABI_VERSION) ||
	    version < HS_PV_OLDEST) {
		ret = -PVK_EVERSION;
	} else if (n.accept & ~(pv->vm->config->pv_offer & party) || n.reserved) {
		return -PVK_EINVAL;
	} else {
		pv->active |= n.accept;
		*session = true;
		pv->sessions++;
		n.active = n.accept;
	}
	n.reserved = 0;
	hs_pv_struct_out(pv, arg[0], arg[1], &n, sizeof(n));
	return ret;
}

static int64_t negotiate(struct hs_pv *pv, const uint64_t arg[4])
{
	return open_session(pv, arg, ~PVK_FEAT_PLATFORM, &pv->session);
}

static int64_t call_leave(struct hs_pv *pv, const uint64_t arg[4])
{
	(void)arg;
	return pv->session ? end_session(pv) : -PVK_EPERM;
}

static int64_t platform_negotiate(struct hs_pv *pv, const uint64_t arg[4])
{
	return open_session(pv, arg, PVK_FEAT_PLATFORM, &pv->platform);
}

static int64_t platform_leave(struct hs_pv *pv, const uint64_t arg[4])
{
	(void)arg;
	return pv->platform ? end_platform(pv) : -PVK_EPERM;
}

/* ---- the table ---- */

static int64_t batch(struct hs_pv *pv, const uint64_t arg[4]);

#define ALWAYS		1u	/* served without a session */
#define UNBATCHED	2u	/* not inside a batch */
#define ANY		4u	/* one of the features will do: the handler knows which */

#define CHANNELS	(PVK_FEAT_EVENT | PVK_FEAT_INFO | PVK_FEAT_POWER | PVK_FEAT_CONSOLE)

static const struct call {
	uint32_t number;
	uint64_t feature;	/* all needed; 0: none */
	unsigned int flags;
	hs_pv_handler handler;
} table[] = {
	{ PVK_CALL_NOP, 0, ALWAYS, nop },
	{ PVK_CALL_NEGOTIATE, 0, ALWAYS | UNBATCHED, negotiate },
	{ PVK_CALL_LEAVE, 0, UNBATCHED, call_leave },
	{ PVK_CALL_PLATFORM_NEGOTIATE, 0, ALWAYS | UNBATCHED, platform_negotiate },
	{ PVK_CALL_PLATFORM_LEAVE, 0, UNBATCHED, platform_leave },
	{ PVK_CALL_BATCH, PVK_FEAT_BATCH, UNBATCHED, batch },
	{ PVK_CALL_EVENT_BIND, CHANNELS, ANY, hs_pv_event_bind },
	{ PVK_CALL_EVENT_UNBIND, CHANNELS, ANY, hs_pv_event_unbind },
	{ PVK_CALL_EVENT_RAISE, PVK_FEAT_EVENT, 0, hs_pv_event_raise },
	{ PVK_CALL_BUS_INFO, PVK_FEAT_BUS, 0, hs_pv_bus_info },
	{ PVK_CALL_BUS_NOTIFY, PVK_FEAT_BUS | PVK_FEAT_EVENT, 0, hs_pv_bus_notify },
	{ PVK_CALL_DEV_INFO, PVK_FEAT_BUS, 0, hs_pv_dev_info },
	{ PVK_CALL_DEV_CONFIG, PVK_FEAT_BUS, 0, hs_pv_dev_config },
	{ PVK_CALL_DEV_ACCEPT, PVK_FEAT_BUS, 0, hs_pv_dev_accept },
	{ PVK_CALL_DEV_START, PVK_FEAT_BUS, 0, hs_pv_dev_start },
	{ PVK_CALL_DEV_RESET, PVK_FEAT_BUS, 0, hs_pv_dev_reset },
	{ PVK_CALL_DEV_CONTROL, PVK_FEAT_BUS, 0, hs_pv_dev_control },
	{ PVK_CALL_QUEUE_SETUP, PVK_FEAT_BUS, 0, hs_pv_queue_setup },
	{ PVK_CALL_UNPLUG, PVK_FEAT_BUS | PVK_FEAT_UNPLUG, 0, hs_pv_unplug },
	{ PVK_CALL_REPLUG, PVK_FEAT_BUS | PVK_FEAT_UNPLUG, 0, hs_pv_replug },
	{ PVK_CALL_POWER, PVK_FEAT_POWER, 0, hs_pv_power },
	{ PVK_CALL_POWER_REQUEST, PVK_FEAT_POWER, 0, hs_pv_power_request },
	{ PVK_CALL_CPU_START, PVK_FEAT_SMP, 0, hs_pv_cpu_start },
	{ PVK_CALL_CONSOLE_SETUP, PVK_FEAT_CONSOLE, 0, hs_pv_console_setup },
	{ PVK_CALL_CONSOLE_FLUSH, PVK_FEAT_CONSOLE, 0, hs_pv_console_flush },
	{ PVK_CALL_MEM_REPORT, PVK_FEAT_MEM, 0, hs_pv_mem_report },
};

static int64_t call_serve(struct hs_pv *pv, uint64_t number, const uint64_t arg[4], bool in_batch)
{
	const struct call *call = NULL;
	uint64_t have;

	for (unsigned int i = 0; i < HS_COUNT(table) && !call; i++)
		if (table[i].number == number)
			call = &table[i];
	if (!pv->session && !pv->platform && !(call && call->flags & ALWAYS))
		return -PVK_EPERM;
	if (!call)
		return -PVK_ENOSYS;
	if (in_batch && call->flags & UNBATCHED)
		return -PVK_EINVAL;
	/* A session that is ending serves nothing that could begin something. */
	if (pv->leaving & call->feature && !(call->flags & ANY))
		return -PVK_EPROTO;
	have = pv->active & call->feature;
	if (call->flags & ANY ? !have : have != call->feature)
		return -PVK_EPERM;
	return call->handler(pv, arg);
}

static int64_t dispatch(struct hs_pv *pv, uint64_t number, const uint64_t arg[4], bool in_batch)
{
	int64_t status = 0;

	if (hs_liar_refuses(pv, number, arg, &status))
		return status;
	return hs_liar_status(number, call_serve(pv, number, arg, in_batch));
}

static int64_t batch(struct hs_pv *pv, const uint64_t arg[4])
{
	uint64_t gpa = arg[0], count = arg[1], start = arg[2];
	uint64_t begun = hs_now();
	struct pvk_batch_entry e;
	uint64_t i, args[4];

	if (count > HS_PV_BATCH_COUNT || start > count)
		return -PVK_EINVAL;
	if (start == count)
		return (int64_t)count;
	if (gpa & 7 || !hs_mem_at(pv->vm->mem, gpa, count * sizeof(e)))
		return -PVK_EFAULT;
	for (i = start; i < count && i - start < HS_PV_BATCH; i++) {
		uint64_t at = gpa + i * sizeof(e);

		/* Progress first: at least one entry is served in each call. */
		if (i != start && hs_now() - begun > HS_PV_BATCH_NS)
			break;
		(void)hs_mem_read(pv->vm->mem, at, &e, sizeof(e));
		for (unsigned int k = 0; k < 4; k++)
			args[k] = e.arg[k];
		if (e.reserved || e.reserved2[0] || e.reserved2[1])
			e.status = -PVK_EINVAL;
		else
			e.status = dispatch(pv, e.call, args, true);
		(void)hs_mem_write(pv->vm->mem, at + offsetof(struct pvk_batch_entry, status),
				   &e.status, sizeof(e.status));
	}
	return (int64_t)i;
}

void hs_pv_call(struct hs_pv *pv, struct hs_call *call)
{
	pthread_mutex_lock(&pv->lock);
	call->status = dispatch(pv, call->number, call->arg, false);
	pv->calls++;
	if (call->status < 0 && call->status != -PVK_EAGAIN)
		pv->calls_refused++;
	pthread_mutex_unlock(&pv->lock);
}

/* ---- the offer ---- */

void hs_pv_cpuid(const struct hs_config *config, uint32_t index, uint32_t reg[4])
{
	memset(reg, 0, 4 * sizeof(reg[0]));
	switch (index) {
	case PVK_CPUID_SIGNATURE:
		reg[0] = PVK_CPUID_MAX;		/* the caller adds the base */
		reg[1] = PVK_SIGNATURE_EBX;
		reg[2] = PVK_SIGNATURE_ECX;
		reg[3] = PVK_SIGNATURE_EDX;
		break;
	case PVK_CPUID_VERSION:
		reg[0] = PVK_ABI_VERSION;
		reg[1] = HS_PV_OLDEST;
		break;
	case PVK_CPUID_FEATURES:
		reg[0] = (uint32_t)config->pv_offer;
		reg[1] = (uint32_t)config->pv_offer;	/* all that is offered is worth using */
		reg[2] = (uint32_t)(config->pv_offer >> 32);
		reg[3] = (uint32_t)(config->pv_offer >> 32);
		break;
	case PVK_CPUID_TRANSFER:
		reg[0] = PVK_TRANSFER_PIO;
		reg[1] = HS_PORT_PVK_CALL;
		reg[2] = HS_PORT_PVK_DOORBELL;
		break;
	case PVK_CPUID_LIMITS:
		reg[0] = HS_PV_CHANNELS;
		reg[1] = HS_PV_ENTRIES;
		reg[2] = HS_PV_BATCH;
		reg[3] = HS_PV_STRUCT;
		break;
	case PVK_CPUID_INFO:
		if (config->pv_offer & PVK_FEAT_INFO) {
			reg[0] = HS_BOOT_INFO;
			reg[2] = HS_BOOT_INFO_BYTES;
		}
		break;
	default:
		break;
	}
	hs_liar_offer(index, reg);
}

/* ---- life ---- */

/* A doorbell that no queue has: counted, ignored. */
static void stray_doorbell(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	struct hs_pv *pv = opaque;

	(void)offset;
	(void)size;
	(void)value;
	atomic_fetch_add_explicit(&pv->doorbells_unmatched, 1, memory_order_relaxed);
}

static uint64_t doorbell_read(void *opaque, uint64_t offset, unsigned int size)
{
	(void)opaque;
	(void)offset;
	(void)size;
	return ~0ull;
}

static void pv_reset(struct hs_chip *chip)
{
	/* A reset of the VM is a new one; nothing of this one is used again. */
	(void)chip;
}

static void pv_destroy(struct hs_chip *chip)
{
	struct hs_pv *pv = (struct hs_pv *)chip;

	(void)hs_pv_console_end(pv, true);
	hs_pv_bus_destroy(pv);
	hs_io_remove(pv->vm->io, &pv->doorbell);
	pv->vm->pv = NULL;
	pthread_mutex_destroy(&pv->console.lock);
	pthread_mutex_destroy(&pv->lock);
	free(pv);
}

int hs_pv_create(struct hs_vm *vm)
{
	static const struct hs_reg doorbell = { 0, 4, HS_REG_W, "unmatched" };
	struct hs_pv *pv = calloc(1, sizeof(*pv));
	int ret;

	if (!pv)
		return -ENOMEM;
	pv->chip.name = "pv";
	pv->chip.reset = pv_reset;
	pv->chip.destroy = pv_destroy;
	pv->vm = vm;
	pv->notify = PVK_CHANNEL_NONE;
	/* For each vCPU one with an interrupt and one that is polled. */
	pv->max_queues = 2 * vm->config->vcpus;
	if (pv->max_queues > HS_PV_QUEUES)
		pv->max_queues = HS_PV_QUEUES;
	pthread_mutex_init(&pv->lock, NULL);
	pthread_mutex_init(&pv->console.lock, NULL);
	pv->doorbell = (struct hs_region){
		.device = "doorbell", .space = HS_PIO, .base = HS_PORT_PVK_DOORBELL, .len = 4,
		.regs = &doorbell, .nregs = 1, .unlocked = true,
		.read = doorbell_read, .write = stray_doorbell, .opaque = pv,
	};
	ret = hs_io_add(vm->io, &pv->doorbell);
	if (ret < 0) {
		hs_error("pv: doorbell port 0x%x is taken", HS_PORT_PVK_DOORBELL);
		goto err_free;
	}
	ret = hs_pv_bus_create(pv);
	if (ret < 0) {
		hs_error("pv: out of memory");
		goto err_io;
	}
	vm->pv = pv;
	hs_chip_add(vm, &pv->chip);
	return 0;

err_io:
	hs_io_remove(vm->io, &pv->doorbell);
err_free:
	pthread_mutex_destroy(&pv->console.lock);
	pthread_mutex_destroy(&pv->lock);
	free(pv);
	return ret;
}
