// SPDX-License-Identifier: BSD-2-Clause
/*
 * Fuzzer of the emulated 82540EM: an input is a series of register and
 * configuration accesses, descriptors of both rings, frames that come in, and
 * pauses, with the unplug in between. Whatever they are: the stub survives,
 * what it sends is well formed (wire_net.h ends the process otherwise), and a
 * reset gives back a NIC that sends and receives.
 */
/* LINK: host-stub/emu/e1000.c host-stub/emu/e1000_irq.c host-stub/emu/e1000_eeprom.c host-stub/emu/e1000_tx.c host-stub/emu/e1000_frame.c host-stub/emu/e1000_rx.c host-stub/emu/pci.c host-stub/net/net_soft.c host-stub/disk/disk.c host-stub/disk/disk_open.c host-stub/worker.c host-stub/mem.c host-stub/io.c host-stub/log.c */
/* LIBS: -luring -lpthread -Wl,--wrap=ioctl */
#define FAKE_IDE
#include "fuzz.h"
#include "tests/unit/e1000_guest.h"
#include "frames.h"

#define NIC	HS_PCI_NIC(0)

static uint8_t frame[HS_NET_MAX_FRAME];
static unsigned int tail;

/* Somewhere in RAM, at its edges, or nowhere. */
static uint64_t place(struct input *in)
{
	switch (take(in, 1) & 7) {
	case 0:
		return take(in, 8);
	case 1:
		return HS_MEM_MIN - take(in, 1);
	default:
		return TX_BUFFER + take(in, 2);
	}
}

/* A register: those that matter, or any. */
static uint32_t reg(struct input *in)
{
	static const uint32_t often[] = {
		N_CTRL, N_EECD, N_EERD, N_MDIC, N_ICR, N_ITR, N_ICS, N_IMS, N_IMC, N_RCTL, N_TCTL,
		N_RDBAL, N_RDLEN, N_RDH, N_RDT, N_TDBAL, N_TDLEN, N_TDH, N_TDT, N_RXCSUM, N_VET,
		N_RA + 4, N_GOTCL + 4, 0x1000,
	};
	uint8_t which = (uint8_t)take(in, 1);

	if (which & 0x80)
		return (uint32_t)take(in, 3) & 0x1ffffu;
	return often[which % (sizeof(often) / sizeof(often[0]))];
}

/* A reset waits for frames on their way, which a back end ends in bounded time. */
static uint64_t may_reset(uint64_t value)
{
	if ((value | value >> 32) & 1u << 26)
		wire_release();
	return value;
}

static void access_register(struct input *in)
{
	static const unsigned int sizes[] = { 4, 4, 4, 4, 4, 1, 2, 8 };
	uint8_t what = (uint8_t)take(in, 1);
	uint32_t at = reg(in);
	uint64_t value = 0;

	if (what & 8) {
		fake_out(HS_PORT_NIC(0), 4, at);
		if (what & 0x10)
			fake_out((uint16_t)(HS_PORT_NIC(0) + 4), 4,
				 (uint32_t)may_reset(take(in, 4)));
		else
			(void)fake_in((uint16_t)(HS_PORT_NIC(0) + 4), 4);
		return;
	}
	if (what & 0x10)
		value = may_reset(what & 0x20 ? take(in, 2) : take(in, 8));
	hs_io_dispatch(fake.vm.io, HS_MMIO, HS_MMIO_NIC(0) + at, what & 0x10, sizes[what & 7],
		       &value, 1);
}

/* A few transmit descriptors that are nearly right, and their bell. */
static void transmit(struct input *in)
{
	for (unsigned int n = 1 + (take(in, 1) & 15); n && in->left; n--) {
		uint8_t kind = (uint8_t)take(in, 1);
		uint32_t flags = (kind & 1 ? EOP : 0) | (kind & 2 ? IFCS : 0) |
				 (kind & 4 ? RS : 0) | (kind & 8 ? TSE : 0) | (kind & 16 ? VLE : 0);

		switch (kind >> 5) {
		case 0:
			tx_put(&tail, take(in, 8), DEXT | flags | 3u << 24 | (uint32_t)take(in, 2),
			       (uint32_t)take(in, 4));
			break;
		case 1:
			tx_context(&tail, 14, 24, 33, 34, 50, 0, TSE | 3u << 24 |
				   (uint32_t)take(in, 2), 54, (uint16_t)take(in, 2));
			break;
		case 2:
			tx_put(&tail, place(in), flags | (uint32_t)take(in, 3),
			       (uint32_t)take(in, 4));
			break;
		case 3:
			tx_put(&tail, take(in, 8), (uint32_t)take(in, 4), (uint32_t)take(in, 4));
			break;
		default:
			tx_put(&tail, place(in), DATA | flags | (uint32_t)take(in, 2),
			       (uint32_t)take(in, 1) << 8);
		}
	}
	nic_out(N_TDT, tail % DESCS);
}

/* A packet, and the context and descriptors that a driver makes for it. */
static void packet(struct input *in)
{
	uint8_t what = (uint8_t)take(in, 1);
	uint32_t length = 60 + (uint32_t)take(in, 2) % (what & 0x80 ? 65000 : 6000),
		 parts = 1 + (what & 3);
	uint32_t flags = DATA | (what & 4 ? TSE : 0) | (what & 8 ? VLE : 0) | IFCS | RS, at = 0;
	struct hs_net_meta meta;
	bool six;

	if (!frame_packet(in, frame, length, &meta))
		return;
	memcpy(fake_ram(TX_BUFFER, length), frame, length);
	six = frame[12] == 0x86 || frame[16] == 0x86;
	tx_context(&tail, (uint8_t)(frame[12] & 0x80 && frame[13] != 0xdd ? 18 : 14),
		   (uint8_t)(frame[12] & 0x80 && frame[13] != 0xdd ? 28 : 24),
		   (uint16_t)(meta.csum_start - 1), (uint8_t)meta.csum_start,
		   (uint8_t)(meta.csum_start + meta.csum_offset), 0,
		   (what & 4 ? TSE | (length - meta.hdr_len) : 0) | (six ? 0 : 1u << 25) |
			   (meta.csum_offset == 16 ? 1u << 24 : 0),
		   (uint8_t)meta.hdr_len, meta.gso_size);
	for (uint32_t i = 0; i < parts; i++) {
		uint32_t part = i + 1 == parts ? length - at : (length - at) / 2;

		tx_put(&tail, TX_BUFFER + at, flags | part | (i + 1 == parts ? EOP : 0),
		       (what & 0x10 ? 0x300u : 0) | (what & 0x20 ? 0x200u : 0) | 0x70000u);
		at += part;
	}
	nic_out(N_TDT, tail % DESCS);
	if (what & 0x40)
		wire_settle();
}

/* EEPROM and PHY as drivers have them: bit by bit, and by their register. */
static void serial(struct input *in)
{
	uint8_t what = (uint8_t)take(in, 1);
	uint32_t bits = (uint32_t)take(in, 4);

	if (what & 1) {
		nic_out(N_MDIC, (bits & 0x1fffff) | 1u << 21 | (what & 2 ? 1u : 2u) << 26);
		(void)nic_in(N_MDIC);
		return;
	}
	/* start bit and opcode: read, write, erase, enable; 6 bits of address; 16 of data */
	bits = 1u << 24 | (bits & 0xffffff);
	nic_out(N_EECD, 0x40);
	nic_out(N_EECD, 0x42);
	for (unsigned int i = 0; i < 25u + (what >> 4); i++) {
		uint32_t di = (bits >> (i < 25 ? 24 - i : 0) & 1) << 2;

		nic_out(N_EECD, 0x42 | di);
		nic_out(N_EECD, 0x43 | di);
		(void)nic_in(N_EECD);
	}
	nic_out(N_EECD, what & 8 ? 0 : 0x40);
}

/* Causes faster than the throttle lets them through. */
static void interrupts(struct input *in)
{
	nic_out(N_ITR, (uint32_t)take(in, 1));
	nic_out(N_IMS, 0x1f6dc);
	for (unsigned int i = 0; i < 3; i++) {
		nic_out(N_ICS, (uint32_t)take(in, 1) | 4);
		(void)nic_in(N_ICR);
	}
}

/* A packet from outside, its sums right or not, tagged or not, for a chip that checks. */
static void receive_packet(struct input *in)
{
	uint8_t what = (uint8_t)take(in, 1);
	uint32_t length = 60 + (uint32_t)take(in, 2) % 9000;
	struct hs_net_meta meta;

	if (!frame_packet(in, frame, length, &meta))
		return;
	memcpy(frame, wire.info.mac, 6);
	nic_out(N_RXCSUM, (uint32_t)(what & 3) << 8);
	if (what & 4)
		(void)hs_net_fill_csum(&meta, frame, length);
	if (what & 8) {		/* filters of tags, and their taking out */
		nic_out(N_CTRL, nic_in(N_CTRL) | 1u << 30);
		nic_out(N_RCTL, nic_in(N_RCTL) | 1u << 18 | (what & 0x10 ? 1u << 19 : 0));
		nic_out(N_VFTA, what & 0x20 ? 0x80 : 0);
	}
	(void)wire_receive(frame, length, 1, what & 0x40);
}

static void receive(struct input *in)
{
	uint32_t length = (uint32_t)take(in, 2);
	uint8_t what = (uint8_t)take(in, 1);

	if (!(what & 0x80))
		length %= 1600;
	if (length < HS_NET_MIN_FRAME)
		length = HS_NET_MIN_FRAME;
	for (unsigned int i = 0; i < 60 && in->left; i++)
		frame[i] = (uint8_t)take(in, 1);
	if (what & 1)
		memcpy(frame, wire.info.mac, 6);
	if (what & 2)
		memcpy(frame + 12, what & 4 ? "\x08\x00\x45" : "\x86\xdd\x60", 3);
	if (what & 8)
		memcpy(frame + 12, "\x81\x00", 2);
	(void)wire_receive(frame, length, 1 + (what >> 4 & 3), what & 0x40);
}

static void hand_over(bool back)
{
	hs_e1000_detach(&fake.vm, 0);
	if (back)
		hs_e1000_attach(&fake.vm, 0);
}

/* As after power-on, whatever it was. */
static void recover(void)
{
	unsigned int sent;

	wire_release();
	hand_over(true);
	wire_settle();
	MUST(pci_in(NIC, 0, 4) == 0x100e8086);
	nic_open(0x8002);
	tail = 0;
	memset(fake_ram(TX_BUFFER, 100), 0x11, 100);
	sent = atomic_load(&wire.sent);
	tx_put(&tail, TX_BUFFER, 100 | LAST, 0);
	nic_out(N_TDT, tail);
	MUST(FAKE_UNTIL(txd_done(0)));
	MUST(atomic_load(&wire.sent) == sent + 1);
	memcpy(frame, wire.info.mac, 6);
	MUST(wire_receive(frame, 100, 1, false) == 1);
	MUST((rxd_at(0)->status & 3) == 3);
}

static void power_on(void)
{
	fuzz_power_on();
	MUST(wire_create() == 0 && hs_pci_create(&fake.vm) == 0 && hs_e1000_create(&fake.vm) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	if (!fake.vm.pci) {
		power_on();
		recover();
		wire_release();
		fake_destroy();
		wire_destroy();
		power_on();	/* what went leaves nothing behind */
		recover();
	}
	while (in.left) {
		uint8_t what = (uint8_t)take(&in, 1);

		switch (what & 7) {
		case 0:
			transmit(&in);
			break;
		case 1:
			if (what & 0x80)
				serial(&in);
			else if (what & 0x40)
				interrupts(&in);
			else
				packet(&in);
			break;
		case 2:
			if (what & 0x80)
				receive_packet(&in);
			else
				receive(&in);
			break;
		case 3:
			*rxd_at(what >> 3) = (struct rxd){ .address = place(&in) };
			nic_out(N_RDT, (uint32_t)take(&in, 1) % (DESCS + 2));
			break;
		case 4:
			if (what & 0x80)
				wire_settle();
			else if (what & 0x40)
				atomic_store(&wire.hold, what & 0x20);
			else
				wire_set_link(what & 0x20);
			break;
		case 5:
			if ((what & 0xf0) == 0xf0)
				recover();
			else
				pci_out(NIC, what & 0x10 ? 0x04 : (uint32_t)take(&in, 1) & 0xfcu, 4,
					(uint32_t)take(&in, 4));
			break;
		default:
			access_register(&in);
		}
	}
	recover();
	return 0;
}
