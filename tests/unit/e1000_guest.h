/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A driver of the emulated 82540EM for tests, after Intel's "PCI/PCI-X Family
 * of Gigabit Ethernet Controllers Software Developer's Manual".
 */
#ifndef TESTS_E1000_GUEST_H
#define TESTS_E1000_GUEST_H

#include "wire_net.h"

#define N_CTRL		0x0000u
#define N_STATUS	0x0008u
#define N_EECD		0x0010u
#define N_EERD		0x0014u
#define N_MDIC		0x0020u
#define N_VET		0x0038u
#define N_ICR		0x00c0u
#define N_ITR		0x00c4u
#define N_ICS		0x00c8u
#define N_IMS		0x00d0u
#define N_IMC		0x00d8u
#define N_RCTL		0x0100u
#define N_TCTL		0x0400u
#define N_RDBAL		0x2800u
#define N_RDLEN		0x2808u
#define N_RDH		0x2810u
#define N_RDT		0x2818u
#define N_TDBAL		0x3800u
#define N_TDLEN		0x3808u
#define N_TDH		0x3810u
#define N_TDT		0x3818u
#define N_MPC		0x4010u
#define N_GPRC		0x4074u
#define N_BPRC		0x4078u
#define N_GPTC		0x4080u
#define N_GOTCL		0x4090u
#define N_RNBC		0x40a0u
#define N_ROC		0x40acu
#define N_TSCTC		0x40f8u
#define N_RXCSUM	0x5000u
#define N_MTA		0x5200u
#define N_RA		0x5400u
#define N_VFTA		0x5600u

#define TX_RING		0x200000ull
#define RX_RING		0x210000ull
#define TX_BUFFER	0x400000ull
#define RX_BUFFER	0x800000ull	/* 16 KiB apart */
#define DESCS		64u

#define DEXT		(1u << 29)
#define EOP		(1u << 24)
#define IFCS		(1u << 25)
#define IC		(1u << 26)
#define TSE		(1u << 26)
#define RS		(1u << 27)
#define VLE		(1u << 30)
#define DATA		(DEXT | 1u << 20)
#define LAST		(EOP | IFCS | RS)

struct txd {
	uint64_t address;
	uint32_t lower, upper;
};

struct rxd {
	uint64_t address;
	uint16_t length, checksum;
	uint8_t status, errors;
	uint16_t special;
};

static inline uint32_t nic_in(uint32_t reg)
{
	uint32_t value = 0;

	hs_io_dispatch(fake.vm.io, HS_MMIO, HS_MMIO_NIC(0) + reg, false, 4, &value, 1);
	return value;
}

static inline void nic_out(uint32_t reg, uint32_t value)
{
	hs_io_dispatch(fake.vm.io, HS_MMIO, HS_MMIO_NIC(0) + reg, true, 4, &value, 1);
}

static inline uint32_t pci_in(unsigned int devfn, unsigned int at, unsigned int size)
{
	fake_out(HS_PORT_PCI_CONFIG, 4, 0x80000000u | devfn << 8 | (at & 0xfcu));
	return fake_in((uint16_t)(HS_PORT_PCI_CONFIG + 4 + (at & 3)), size);
}

static inline void pci_out(unsigned int devfn, unsigned int at, unsigned int size, uint32_t value)
{
	fake_out(HS_PORT_PCI_CONFIG, 4, 0x80000000u | devfn << 8 | (at & 0xfcu));
	fake_out((uint16_t)(HS_PORT_PCI_CONFIG + 4 + (at & 3)), size, value);
}

static inline struct txd *txd_at(unsigned int n)
{
	return (struct txd *)fake_ram(TX_RING + 16ull * (n % DESCS), 16);
}

static inline volatile struct rxd *rxd_at(unsigned int n)
{
	return (volatile struct rxd *)fake_ram(RX_RING + 16ull * (n % DESCS), 16);
}

static inline bool txd_done(unsigned int n)
{
	return __atomic_load_n(&txd_at(n)->upper, __ATOMIC_ACQUIRE) & 1;
}

/* Rings of DESCS, all receive buffers given but one; both sides on. */
static inline void nic_open(uint32_t rctl)
{
	memset(fake_ram(TX_RING, 16 * DESCS), 0, 16 * DESCS);
	for (unsigned int i = 0; i < DESCS; i++)
		*rxd_at(i) = (struct rxd){ .address = RX_BUFFER + 0x4000ull * i };
	pci_out(HS_PCI_NIC(0), 4, 2, 0x07);
	nic_out(N_CTRL, nic_in(N_CTRL) | 0x40);	/* set link up */
	nic_out(N_TDBAL, (uint32_t)TX_RING);
	nic_out(N_TDLEN, 16 * DESCS);
	nic_out(N_TDH, 0);
	nic_out(N_TDT, 0);
	nic_out(N_TCTL, 2);
	nic_out(N_RDBAL, (uint32_t)RX_RING);
	nic_out(N_RDLEN, 16 * DESCS);
	nic_out(N_RDH, 0);
	nic_out(N_RCTL, rctl);
	nic_out(N_RDT, DESCS - 1);
}

/* Puts a descriptor at the driver's tail *n. */
static inline void tx_put(unsigned int *n, uint64_t address, uint32_t lower, uint32_t upper)
{
	*txd_at((*n)++) = (struct txd){ address, lower, upper };
}

static inline void tx_context(unsigned int *n, uint8_t ipcss, uint8_t ipcso, uint16_t ipcse,
			      uint8_t tucss, uint8_t tucso, uint16_t tucse, uint32_t command,
			      uint8_t hdrlen, uint16_t mss)
{
	tx_put(n, ipcss | (uint64_t)ipcso << 8 | (uint64_t)ipcse << 16 | (uint64_t)tucss << 32 |
	       (uint64_t)tucso << 40 | (uint64_t)tucse << 48, DEXT | command,
	       (uint32_t)hdrlen << 8 | (uint32_t)mss << 16);
}

/* Rings; true when `frames` more frames were sent and all is done within the time limit. */
static inline bool tx_ring(unsigned int n, unsigned int frames)
{
	unsigned int before = atomic_load(&wire.sent);
	bool ok;

	nic_out(N_TDT, n % DESCS);
	ok = FAKE_UNTIL(nic_in(N_TDH) == n % DESCS);
	return ok && atomic_load(&wire.sent) - before == frames;
}

#endif /* TESTS_E1000_GUEST_H */
