/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 82540EM: see e1000.h. Registers and what they do at once, statistics, and the
 * life of the chip: power-on, reset, the unplug to the pvkit model and back.
 *
 * Not there: wake-up, management, flow control frames, the flash, MSI and power
 * management; their registers keep what is written, nothing more.
 */
#include "e1000.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "emu.h"
#include "../util.h"

#define MMIO_LEN	0x20000u
#define IO_LEN		0x40u
#define LOOK_NS		10000000u	/* between looks at whether the VM ends */
#define IO_ADDRESS	0x00	/* IOADDR, IODATA (SDM 13.2.2) */
#define IO_DATA		0x04

#define R	HS_REG_R
#define W	HS_REG_W
#define RW	HS_REG_RW
#define ALL	0xffffffffu

/*
 * Offset, bytes, access, bits that are kept when written, name (SDM 13.2, table
 * 13-2). What a write does besides is in reg_write().
 */
#define REGISTERS(X) \
	X(R_ICR, 4, RW, 0, "ICR")			X(R_TDT, 4, RW, 0xffff, "TDT") \
	X(R_RDT, 4, RW, 0xffff, "RDT")			X(R_IMS, 4, RW, 0, "IMS") \
	X(R_IMC, 4, W, 0, "IMC")			X(R_ITR, 4, RW, 0xffff, "ITR") \
	X(R_ICS, 4, W, 0, "ICS")			X(R_CTRL, 4, RW, ALL, "CTRL") \
	X(R_STATUS, 4, R, 0, "STATUS")			X(R_EECD, 4, RW, 0, "EECD") \
	X(R_EERD, 4, RW, 0, "EERD")			X(R_CTRL_EXT, 4, RW, ALL, "CTRL_EXT") \
	X(R_MDIC, 4, RW, 0, "MDIC")			X(R_FCAL, 4, RW, ALL, "FCAL") \
	X(R_FCAH, 4, RW, 0xffff, "FCAH")		X(R_FCT, 4, RW, 0xffff, "FCT") \
	X(R_VET, 4, RW, 0xffff, "VET")			X(R_RCTL, 4, RW, 0x06dfb3fe, "RCTL") \
	X(0x0170, 4, RW, 0xffff, "FCTTV")		X(0x0178, 4, RW, 0xc000ffff, "TXCW") \
	X(0x0180, 4, R, 0, "RXCW")			X(R_TCTL, 4, RW, 0x037ffffa, "TCTL") \
	X(0x0410, 4, RW, 0x3fffffff, "TIPG")		X(0x0458, 4, RW, 0xffff, "AIT") \
	X(R_LEDCTL, 4, RW, ALL, "LEDCTL")		X(R_PBA, 4, RW, 0xffff, "PBA") \
	X(0x2160, 4, RW, 0x8000fff8, "FCRTL")		X(0x2168, 4, RW, 0xfff8, "FCRTH") \
	X(0x2410, 4, RW, 0x1fff, "RDFH")		X(0x2418, 4, RW, 0x1fff, "RDFT") \
	X(0x2420, 4, RW, 0x1fff, "RDFHS")		X(0x2428, 4, RW, 0x1fff, "RDFTS") \
	X(0x2430, 4, RW, 0x1fff, "RDFPC")		X(R_RDBAL, 4, RW, 0xfffffff0, "RDBAL") \
	X(R_RDBAH, 4, RW, ALL, "RDBAH")			X(R_RDLEN, 4, RW, 0x000fff80, "RDLEN") \
	X(R_RDH, 4, RW, 0xffff, "RDH")			X(0x2820, 4, RW, 0xffff, "RDTR") \
	X(0x2828, 4, RW, ALL, "RXDCTL")			X(0x282c, 4, RW, 0xffff, "RADV") \
	X(0x2c00, 4, RW, 0xfff, "RSRPD")		X(0x3000, 4, RW, 1, "TXDMAC") \
	X(0x3410, 4, RW, 0x7ff, "TDFH")			X(0x3418, 4, RW, 0x7ff, "TDFT") \
	X(0x3420, 4, RW, 0x7ff, "TDFHS")		X(0x3428, 4, RW, 0x7ff, "TDFTS") \
	X(0x3430, 4, RW, 0x7ff, "TDFPC")		X(R_TDBAL, 4, RW, 0xfffffff0, "TDBAL") \
	X(R_TDBAH, 4, RW, ALL, "TDBAH")			X(R_TDLEN, 4, RW, 0x000fff80, "TDLEN") \
	X(R_TDH, 4, RW, 0xffff, "TDH")			X(0x3820, 4, RW, 0xffff, "TIDV") \
	X(0x3828, 4, RW, ALL, "TXDCTL")			X(0x382c, 4, RW, 0xffff, "TADV") \
	X(0x3830, 4, RW, ALL, "TSPMT")			X(S_FIRST, 0x100, R, 0, "statistics") \
	X(R_RXCSUM, 4, RW, 0x7ff, "RXCSUM")		X(R_MTA, 0x200, RW, ALL, "MTA") \
	X(R_RA, 0x80, RW, ALL, "RA")			X(R_VFTA, 0x200, RW, ALL, "VFTA") \
	X(0x5800, 4, RW, 0xf, "WUC")			X(0x5808, 4, RW, 0xf80ff, "WUFC") \
	X(0x5810, 4, RW, 0, "WUS")			X(R_MANC, 4, RW, ALL, "MANC") \
	X(0x5838, 4, RW, 0x1000f, "IPAV")		X(0x5840, 0x20, RW, ALL, "IP4AT") \
	X(0x5880, 0x10, RW, ALL, "IP6AT")		X(0x5900, 4, RW, 0xfff, "WUPL")

#define AS_REG(offset_, size_, access_, mask_, name_) { offset_, size_, access_, name_ },
#define AS_MASK(offset_, size_, access_, mask_, name_) mask_,

static const struct hs_reg regs[] = { REGISTERS(AS_REG) };
static const uint32_t masks[] = { REGISTERS(AS_MASK) };

#define REGS	(HS_COUNT(regs))

_Static_assert(REGS <= HS_IO_MAX_REGS, "the statistics have a place for each register");

static const struct hs_reg io_regs[] = {
	{ IO_ADDRESS, 4, HS_REG_RW, "IOADDR" },
	{ IO_DATA, 4, HS_REG_RW, "IODATA" },
};

/* ---- statistics (SDM 13.7): they stick at their maximum, and reading clears ---- */

void e1000_count(struct hs_e1000 *nic, unsigned int stat)
{
	if (*e1000_reg(nic, stat) != UINT32_MAX)
		++*e1000_reg(nic, stat);
}

void e1000_count64(struct hs_e1000 *nic, unsigned int stat_low, uint64_t value)
{
	uint64_t sum = *e1000_reg(nic, stat_low) | (uint64_t)*e1000_reg(nic, stat_low + 4) << 32;

	sum = sum + value < sum ? UINT64_MAX : sum + value;
	*e1000_reg(nic, stat_low) = (uint32_t)sum;
	*e1000_reg(nic, stat_low + 4) = (uint32_t)(sum >> 32);
}

void e1000_count_length(struct hs_e1000 *nic, unsigned int stat_64, uint32_t length)
{
	unsigned int class = length <= 64 ? 0 : length <= 127 ? 1 : length <= 255 ? 2 :
			     length <= 511 ? 3 : length <= 1023 ? 4 : 5;

	e1000_count(nic, stat_64 + 4 * class);
}

static uint32_t stat_read(struct hs_e1000 *nic, unsigned int at)
{
	uint32_t value = *e1000_reg(nic, at);

	/* The 64-bit ones are read low half first; the high half clears both. */
	if (at == S_GORCL || at == S_GOTCL || at == S_TORL || at == S_TOTL)
		return value;
	if (at == S_GORCL + 4 || at == S_GOTCL + 4 || at == S_TORL + 4 || at == S_TOTL + 4)
		*e1000_reg(nic, at - 4) = 0;
	*e1000_reg(nic, at) = 0;
	return value;
}

/* ---- registers ---- */

static bool link_up(struct hs_e1000 *nic)
{
	return nic->link && (*e1000_reg(nic, R_CTRL) & CTRL_SLU);
}

/* After power-on and CTRL.RST (SDM 14.3); the PHY is not touched. */
static void reset_registers(struct hs_e1000 *nic)
{
	uint16_t *word = nic->eeprom;

	memset(nic->reg, 0, sizeof(nic->reg));
	*e1000_reg(nic, R_CTRL) = CTRL_FD | CTRL_SPEED_1000;
	*e1000_reg(nic, R_EECD) = e1000_eecd_reset(nic);
	*e1000_reg(nic, R_MDIC) = 1u << 28;
	*e1000_reg(nic, R_VET) = 0x8100;
	*e1000_reg(nic, R_LEDCTL) = 0x07061302;
	*e1000_reg(nic, R_PBA) = 0x00100030;	/* KiB: 16 for transmission, 48 for reception */
	*e1000_reg(nic, R_RA) = word[0] | (uint32_t)word[1] << 16;
	*e1000_reg(nic, R_RA + 4) = word[2] | RAH_AV;
	nic->io_address = 0;
	nic->silent_until = 0;
	e1000_tx_forget(nic);
	nic->rx_notified = false;
	e1000_interrupt(nic);
	e1000_rx_kick(nic);
	hs_debug(hs_log_nth(HS_LOG_NIC, nic->number), "nic %u: the 82540EM was reset", nic->number);
}

/* Lets go of the lock until no frame is in flight, for LOOK_NS at most. */
static void wait_a_while(struct hs_e1000 *nic)
{
	uint64_t until = hs_now() + LOOK_NS;
	struct timespec ts = { .tv_sec = (time_t)(until / 1000000000u),
			       .tv_nsec = (long)(until % 1000000000u) };

	pthread_cond_clockwait(&nic->tx_flight.idle, &nic->lock, CLOCK_MONOTONIC, &ts);
}

/*
 * CTRL.RST. Afterwards nothing reads the frames any more that are on their way,
 * as the driver will use their memory for something else: the access lasts until
 * the back end is through with them, which is HS_NET_STUCK_NS at most, or the VM
 * ends, and nothing new is fetched meanwhile. Only the CPU that asked waits: vm->lock is
 * not held, nor is this one while it waits, and others find the registers reset.
 */
static void reset_by_guest(struct hs_e1000 *nic)
{
	reset_registers(nic);
	nic->resetting++;
	while (hs_inflight_count(&nic->tx_flight) && hs_vm_stopped(nic->vm) == HS_STOP_NONE)
		wait_a_while(nic);
	nic->resetting--;
	e1000_tx_kick(nic);	/* for another CPU that has set it up again */
}

static void ctrl_write(struct hs_e1000 *nic, uint32_t value)
{
	bool was = link_up(nic);

	if (value & CTRL_RST) {
		reset_by_guest(nic);
		return;
	}
	if (value & ~*e1000_reg(nic, R_CTRL) & CTRL_PHY_RST)
		e1000_phy_reset(nic);
	*e1000_reg(nic, R_CTRL) = value;
	if (link_up(nic) != was)
		e1000_cause(nic, ICR_LSC);
}

static uint32_t reg_read(struct hs_e1000 *nic, unsigned int at)
{
	uint32_t value;

	switch (at) {
	case R_STATUS:
		return STATUS_FD | STATUS_SPEED_1000 | STATUS_ASDV_1000 |
		       (link_up(nic) ? STATUS_LU : 0);
	case R_ICR:
		value = *e1000_reg(nic, R_ICR);
		*e1000_reg(nic, R_ICR) = 0;
		e1000_interrupt(nic);
		return value;
	default:
		if (at >= S_FIRST && at < S_END)
			return stat_read(nic, at);
		return at < R_END ? *e1000_reg(nic, at) : 0;
	}
}

/* Bits that a write keeps. 0 for what is not in the table. */
static uint32_t mask_of(unsigned int at)
{
	/* Pairs of a low and a high half */
	if (at >= R_RA && at < R_RA + 0x80 && at & 4)
		return RAH_KEPT;
	for (unsigned int i = 0; i < REGS; i++)
		if (at >= regs[i].offset && at - regs[i].offset < regs[i].size)
			return masks[i];
	return 0;
}

static void reg_write(struct hs_e1000 *nic, unsigned int at, uint32_t value)
{
	uint32_t mask = mask_of(at);

	if (at >= R_END)
		return;
	switch (at) {
	case R_CTRL:
		ctrl_write(nic, value & mask);
		return;
	case R_EECD:
		e1000_eecd_write(nic, value);
		return;
	case R_EERD:
		e1000_eerd_write(nic, value);
		return;
	case R_MDIC:
		e1000_mdic_write(nic, value);
		return;
	case R_ICR:	/* ones clear */
		*e1000_reg(nic, R_ICR) &= ~value;
		e1000_interrupt(nic);
		return;
	case R_ICS:
		e1000_cause(nic, value);
		return;
	case R_IMS:
		*e1000_reg(nic, R_IMS) |= value & ICR_ALL;
		e1000_interrupt(nic);
		return;
	case R_IMC:
		*e1000_reg(nic, R_IMS) &= ~value;
		e1000_interrupt(nic);
		return;
	case R_PBA:	/* the rest of 64 KiB is for transmission */
		value &= 0x3f;
		*e1000_reg(nic, R_PBA) = value | (64 - value) << 16;
		return;
	}
	*e1000_reg(nic, at) = (*e1000_reg(nic, at) & ~mask) | (value & mask);
	switch (at) {
	case R_TDH:
	case R_TDBAL:
	case R_TDBAH:
	case R_TDLEN:	/* another ring */
		e1000_tx_forget(nic);
		break;
	case R_TCTL:
	case R_TDT:
		e1000_tx_kick(nic);
		break;
	case R_RCTL:
	case R_RDT:
	case R_RDLEN:
	case R_RDH:
		e1000_rx_kick(nic);
		break;
	}
}

/*
 * Registers are 32 bits (SDM 13.1): less is read from within, and not written. An access
 * may come late, when the card has left its slot.
 */
static uint64_t mmio_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct hs_e1000 *nic = opaque;
	unsigned int at = (unsigned int)offset & ~3u;
	uint64_t value;

	pthread_mutex_lock(&nic->lock);
	if (!nic->present) {
		pthread_mutex_unlock(&nic->lock);
		return ~0ull;
	}
	value = reg_read(nic, at) >> 8 * (offset & 3);
	if (size == 8)
		value |= (uint64_t)reg_read(nic, at + 4) << 32;
	pthread_mutex_unlock(&nic->lock);
	return value;
}

static void mmio_write(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	struct hs_e1000 *nic = opaque;

	if (offset & 3 || size < 4)
		return;
	pthread_mutex_lock(&nic->lock);
	if (nic->present)
		reg_write(nic, (unsigned int)offset, (uint32_t)value);
	if (nic->present && size == 8)
		reg_write(nic, (unsigned int)offset + 4, (uint32_t)(value >> 32));
	pthread_mutex_unlock(&nic->lock);
}

static uint32_t get_io_address(struct hs_e1000 *nic)
{
	uint32_t address;

	pthread_mutex_lock(&nic->lock);
	address = nic->io_address;
	pthread_mutex_unlock(&nic->lock);
	return address;
}

/* I/O mapped access (SDM 13.2.2): Linux resets the 82540EM this way. */
static uint64_t io_read(void *opaque, uint64_t offset, unsigned int size)
{
	struct hs_e1000 *nic = opaque;
	uint32_t address = get_io_address(nic);

	if (size != 4)
		return 0;
	if (offset == IO_ADDRESS)
		return address;
	return offset == IO_DATA && address < MMIO_LEN ? mmio_read(nic, address & ~3u, 4) : 0;
}

static void io_write(void *opaque, uint64_t offset, unsigned int size, uint64_t value)
{
	struct hs_e1000 *nic = opaque;
	uint32_t address;

	if (size != 4)
		return;
	if (offset == IO_ADDRESS) {
		pthread_mutex_lock(&nic->lock);
		nic->io_address = (uint32_t)value;
		pthread_mutex_unlock(&nic->lock);
		return;
	}
	address = get_io_address(nic);
	if (offset == IO_DATA && address < MMIO_LEN)
		mmio_write(nic, address & ~3u, 4, value);
}

/* ---- PCI ---- */

/* What a BIOS leaves: BARs placed and decoded, no bus master (SDM 4.1). */
static void pci_power_on(struct hs_e1000 *nic)
{
	struct hs_pci_function *f = &nic->pci;
	static const uint8_t id[] = {
		0x86, 0x80, 0x0e, 0x10,
		PCI_COMMAND_IO | PCI_COMMAND_MEMORY, 0, 0x20, 0x02,	/* 66 MHz, medium DEVSEL */
		0x02, 0x00, 0x00, 0x02,			/* revision 2, Ethernet controller */
		[0x2c] = 0x86, 0x80, 0x1e, 0x00,	/* subsystem */
		[0x3c] = HS_IRQ_NIC_PIC, 0x01, 0xff, 0x00,
	};
	uint32_t bar[] = { HS_MMIO_NIC(nic->number), 0, HS_PORT_NIC(nic->number) | 1 };

	f->devfn = HS_PCI_NIC(nic->number);
	memset(f->config, 0, sizeof(f->config));
	memcpy(f->config, id, sizeof(id));
	memcpy(f->config + PCI_BAR0, bar, sizeof(bar));
	memset(f->writable, 0, sizeof(f->writable));
	f->writable[PCI_COMMAND] = 0x57;
	f->writable[PCI_COMMAND + 1] = 0x05;
	f->writable[0x0c] = f->writable[0x0d] = 0xff;
	f->writable[0x3c] = 0xff;
	f->bar[0] = &nic->mmio;
	f->bar[2] = &nic->io;
}

/* vm->lock held: the guest wrote to configuration space. */
static void pci_written(struct hs_pci_function *f, uint8_t offset, unsigned int size)
{
	struct hs_e1000 *nic = hs_container_of(f, struct hs_e1000, pci);

	(void)size;
	if (offset > PCI_COMMAND + 1)
		return;
	pthread_mutex_lock(&nic->lock);
	e1000_interrupt(nic);
	e1000_tx_retire(nic);	/* what ended while it was no bus master */
	e1000_tx_kick(nic);
	e1000_rx_kick(nic);
	pthread_mutex_unlock(&nic->lock);
}

/* ---- link ---- */

static void model_link(struct hs_net_model *model, bool up)
{
	struct hs_e1000 *nic = hs_container_of(model, struct hs_e1000, model);
	bool was;

	pthread_mutex_lock(&nic->lock);
	was = link_up(nic);
	e1000_phy_link(nic, up);
	if (link_up(nic) != was)
		e1000_cause(nic, ICR_LSC);
	pthread_mutex_unlock(&nic->lock);
}

/* ---- life and unplug ---- */

static void e1000_nothing(void *arg)
{
	(void)arg;
}

/*
 * Out of its slot and off the back end. Frames being sent are done within
 * HS_NET_STUCK_NS at most, the timer within 17 ms: vm->lock is held for the slot alone. One
 * e1000_leave() or e1000_enter() of a card at a time: pv->lock, or no vCPU runs.
 */
static void e1000_leave(struct hs_e1000 *nic)
{
	hs_vm_lock(nic->vm);
	pthread_mutex_lock(&nic->lock);
	nic->present = false;
	e1000_tx_forget(nic);
	e1000_interrupt(nic);
	pthread_mutex_unlock(&nic->lock);
	hs_pci_remove(nic->vm, &nic->pci);
	hs_vm_unlock(nic->vm);
	hs_net_attach(nic->net, NULL);
	/* What was posted before has run when this has. */
	hs_worker_call(nic->worker, e1000_nothing, NULL);
	pthread_mutex_lock(&nic->lock);
	hs_inflight_wait(&nic->tx_flight);
	while (nic->timer_running)
		pthread_cond_wait(&nic->quiet, &nic->lock);
	pthread_mutex_unlock(&nic->lock);
}

/* Into its slot as after power-on, the back end first: then it is as it was. 0 or -errno. */
static int e1000_enter(struct hs_e1000 *nic)
{
	struct hs_net_info info;
	int ret;

	hs_net_info(nic->net, &info);
	pci_power_on(nic);
	pthread_mutex_lock(&nic->lock);
	e1000_eeprom_init(nic, info.mac);
	nic->link = hs_net_link(nic->net);
	e1000_phy_reset(nic);
	reset_registers(nic);
	nic->present = true;
	pthread_mutex_unlock(&nic->lock);
	hs_net_attach(nic->net, &nic->model);
	hs_vm_lock(nic->vm);
	ret = hs_pci_add(nic->vm, &nic->pci);
	hs_vm_unlock(nic->vm);
	if (ret) {
		nic->present = false;
		hs_net_attach(nic->net, NULL);
		return ret;
	}
	/* The link may have changed before anybody told us of changes. */
	pthread_mutex_lock(&nic->lock);
	e1000_phy_link(nic, hs_net_link(nic->net));
	pthread_mutex_unlock(&nic->lock);
	return 0;
}

void hs_e1000_detach(struct hs_vm *vm, unsigned int n)
{
	if (vm->e1000[n] && vm->e1000[n]->present)
		e1000_leave(vm->e1000[n]);
}

void hs_e1000_attach(struct hs_vm *vm, unsigned int n)
{
	if (vm->e1000[n] && !vm->e1000[n]->present)
		(void)e1000_enter(vm->e1000[n]);	/* its slot is empty: it cannot fail */
}

static void e1000_free(struct hs_e1000 *nic)
{
	e1000_tx_free(nic);
	pthread_cond_destroy(&nic->quiet);
	pthread_mutex_destroy(&nic->lock);
	free(nic);
}

static void e1000_destroy(struct hs_chip *chip)
{
	struct hs_e1000 *nic = (struct hs_e1000 *)chip;

	if (nic->present)
		e1000_leave(nic);
	nic->vm->e1000[nic->number] = NULL;
	e1000_free(nic);
}

static int e1000_create(struct hs_vm *vm, unsigned int n)
{
	static const char * const name[HS_MAX_NICS] = { "e1000.0", "e1000.1", "e1000.2", "e1000.3" };
	struct hs_e1000 *nic = calloc(1, sizeof(*nic));
	int ret;

	if (!nic)
		return -ENOMEM;
	/* Nothing resets it but a boot, which makes another. */
	nic->chip = (struct hs_chip){ .name = "e1000", .destroy = e1000_destroy };
	nic->vm = vm;
	nic->number = n;
	nic->net = vm->net[n];
	nic->worker = hs_net_worker(nic->net, 0);
	pthread_mutex_init(&nic->lock, NULL);
	pthread_cond_init(&nic->quiet, NULL);
	e1000_interrupt_init(nic);
	nic->pci.written = pci_written;
	nic->mmio = (struct hs_region){
		.device = name[n], .space = HS_MMIO, .len = MMIO_LEN, .regs = regs, .nregs = REGS,
		.unlocked = true, .read = mmio_read, .write = mmio_write, .opaque = nic,
	};
	nic->io = (struct hs_region){
		.device = name[n], .space = HS_PIO, .len = IO_LEN, .regs = io_regs,
		.nregs = HS_COUNT(io_regs), .unlocked = true,
		.read = io_read, .write = io_write, .opaque = nic,
	};
	nic->model = (struct hs_net_model){ .link = model_link, .queues = 1, .rx_offloads = 0 };
	e1000_rx_init(nic);
	ret = e1000_tx_init(nic);
	if (ret)
		goto free;
	ret = e1000_enter(nic);
	if (ret)
		goto free;
	vm->e1000[n] = nic;
	hs_chip_add(vm, &nic->chip);
	return 0;
free:
	e1000_free(nic);
	return ret;
}

int hs_e1000_create(struct hs_vm *vm)
{
	for (unsigned int n = 0; n < vm->config->nics; n++) {
		int ret;

		if (vm->config->nic[n].models == HS_MODELS_PVKIT)
			continue;
		ret = e1000_create(vm, n);
		if (ret) {
			hs_error("NIC %u: no emulated 82540EM: %s; use models=pvkit", n,
				 strerror(-ret));
			return ret;
		}
	}
	return 0;
}
