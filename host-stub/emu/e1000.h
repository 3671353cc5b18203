/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Intel 82540EM, seen from inside. Sections are those of Intel's "PCI/PCI-X
 * Family of Gigabit Ethernet Controllers Software Developer's Manual", SDM.
 *
 *   e1000.c		registers, interrupts, statistics, life and unplug
 *   e1000_eeprom.c	EEPROM and PHY
 *   e1000_tx.c		transmit ring
 *   e1000_frame.c	frames to send, with their offloads
 *   e1000_rx.c		filters, receive ring, checksum status
 *
 * Threads: vCPUs write registers; everything that touches rings and frames
 * runs on the worker of the back end's queue 0 ("the worker"). nic->lock, taken
 * after vm->lock and never before it, protects all fields.
 */
#ifndef HS_EMU_E1000_H
#define HS_EMU_E1000_H

#include "../net/net.h"
#include "../worker_io.h"
#include "../hs.h"
#include "../io.h"
#include "../mem.h"
#include "pci.h"

/* Registers (SDM 13.2, 13.3) */
enum {
	R_CTRL = 0x0000, R_STATUS = 0x0008, R_EECD = 0x0010, R_EERD = 0x0014,
	R_CTRL_EXT = 0x0018, R_MDIC = 0x0020, R_FCAL = 0x0028, R_FCAH = 0x002c,
	R_FCT = 0x0030, R_VET = 0x0038, R_ICR = 0x00c0, R_ITR = 0x00c4, R_ICS = 0x00c8,
	R_IMS = 0x00d0, R_IMC = 0x00d8, R_RCTL = 0x0100, R_TCTL = 0x0400, R_LEDCTL = 0x0e00,
	R_PBA = 0x1000, R_RDBAL = 0x2800, R_RDBAH = 0x2804, R_RDLEN = 0x2808, R_RDH = 0x2810,
	R_RDT = 0x2818, R_TDBAL = 0x3800, R_TDBAH = 0x3804, R_TDLEN = 0x3808, R_TDH = 0x3810,
	R_TDT = 0x3818, R_RXCSUM = 0x5000, R_MTA = 0x5200, R_RA = 0x5400, R_VFTA = 0x5600,
	R_MANC = 0x5820,
	R_END = 0x5a00,		/* nothing that is kept lies behind */
};

#define CTRL_FD		(1u << 0)
#define CTRL_SLU	(1u << 6)
#define CTRL_SPEED_1000	(2u << 8)
#define CTRL_RST	(1u << 26)
#define CTRL_VME	(1u << 30)
#define CTRL_PHY_RST	(1u << 31)

#define STATUS_FD	(1u << 0)
#define STATUS_LU	(1u << 1)
#define STATUS_SPEED_1000 (2u << 6)
#define STATUS_ASDV_1000 (2u << 8)

#define ICR_TXDW	(1u << 0)
#define ICR_TXQE	(1u << 1)
#define ICR_LSC		(1u << 2)
#define ICR_RXDMT0	(1u << 4)
#define ICR_RXT0	(1u << 7)
#define ICR_MDAC	(1u << 9)
/*
 * Causes that the 82540EM has (SDM 13.4.17), and 5 and 8, which are reserved but kept:
 * Linux's interrupt test (ethtool -t) sets each of 0 to 9 by ICS, and passes on the chip.
 */
#define ICR_ALL		0x1f7ffu

#define RCTL_EN		(1u << 1)
#define RCTL_UPE	(1u << 3)
#define RCTL_MPE	(1u << 4)
#define RCTL_LPE	(1u << 5)
#define RCTL_RDMTS(r)	((r) >> 8 & 3)
#define RCTL_MO(r)	((r) >> 12 & 3)
#define RCTL_BAM	(1u << 15)
#define RCTL_BSIZE(r)	((r) >> 16 & 3)
#define RCTL_VFE	(1u << 18)
#define RCTL_CFIEN	(1u << 19)
#define RCTL_CFI	(1u << 20)
#define RCTL_BSEX	(1u << 25)
#define RCTL_SECRC	(1u << 26)

#define TCTL_EN		(1u << 1)
#define TCTL_PSP	(1u << 3)

#define RXCSUM_IPOFL	(1u << 8)
#define RXCSUM_TUOFL	(1u << 9)

#define RAH_AV		(1u << 31)
#define RAH_KEPT	0x8003ffffu	/* AV, ASEL, address (SDM 13.5.3); the rest reads 0 */

/* Statistics (SDM 13.7) that can become other than zero here */
enum {
	S_RXERRC = 0x400c, S_MPC = 0x4010, S_PRC64 = 0x405c, S_GPRC = 0x4074, S_BPRC = 0x4078,
	S_MPRC = 0x407c, S_GPTC = 0x4080, S_GORCL = 0x4088, S_GOTCL = 0x4090, S_RNBC = 0x40a0,
	S_ROC = 0x40ac, S_TORL = 0x40c0, S_TOTL = 0x40c8, S_TPR = 0x40d0, S_TPT = 0x40d4,
	S_PTC64 = 0x40d8, S_MPTC = 0x40f0, S_BPTC = 0x40f4, S_TSCTC = 0x40f8,
	S_FIRST = 0x4000, S_END = 0x4100,
};

#define E1000_DESC	16u	/* bytes of a descriptor, of either ring */
#define E1000_ETH_ADDR	6u
#define E1000_FCS	4u
#define E1000_TAG	4u
#define E1000_MIN_FRAME	60u	/* without FCS */

#define E1000_TX_SLOTS	64u
#define E1000_TX_DESCS	256u	/* of one frame */
#define E1000_TX_HEAD	512u	/* private copy of the headers: HDRLEN <= 255 and a tag */
#define E1000_TX_BOUNCE	(HS_NET_MAX_FRAME + E1000_TX_HEAD)
#define E1000_RX_DESCS	64u	/* of one frame: 16 KiB in buffers of 256 bytes */

#define E1000_EEPROM_WORDS 64u

struct hs_e1000;

/* A context that a context descriptor loads (SDM 3.3.6). */
struct e1000_context {
	uint8_t ipcss, ipcso, tucss, tucso;
	uint16_t ipcse, tucse;
	uint32_t paylen;
	uint8_t hdrlen;
	uint16_t mss;
	bool tcp, ip4;
};

/*
 * Descriptors of a frame, or some that make none: in the ring's order from fetching to
 * write-back.
 */
struct e1000_done {
	uint32_t first;			/* index in the ring */
	uint32_t descs;			/* fetched for it */
	uint64_t report[E1000_TX_DESCS / 64];	/* RS: status is wanted */
	bool finished;
};

/* A frame with the back end: a request of nic->tx_flight. */
struct e1000_tx {
	struct hs_net_tx net;		/* first: done() gets it back */
	struct hs_request request;
	struct hs_e1000 *nic;
	struct e1000_done *of;		/* good as long as the frame is not forgotten */
	struct iovec iov[HS_NET_IOV];
	uint8_t head[E1000_TX_HEAD];
};

/* The frame that is being put together. */
struct e1000_assembly {
	struct e1000_done *of;		/* NULL: between frames */
	bool drop;			/* to its EOP: too long, out of RAM, nonsense */
	bool extended, tse;
	uint8_t popts;			/* of its first descriptor */
	unsigned int pieces;
	struct iovec piece[E1000_TX_DESCS];	/* guest RAM, adjacent ones joined */
	uint32_t length;
};

struct hs_e1000 {
	struct hs_chip chip;
	struct hs_vm *vm;
	struct hs_net *net;
	struct hs_worker *worker;
	unsigned int number;
	struct hs_pci_function pci;
	struct hs_region mmio, io;
	struct hs_net_model model;

	pthread_mutex_t lock;
	pthread_cond_t quiet;		/* the timer has ended */
	bool present;			/* in its slot, attached to the back end */
	uint32_t reg[R_END / 4];
	uint32_t io_address;		/* IOADDR */
	bool link;

	/* interrupts */
	bool line;			/* INTA asserted, by our causes */
	uint64_t silent_until;		/* ITR: no interrupt before, ns of hs_now() */
	bool timer_running;		/* asked for, until its end was seen */
	struct hs_worker_io timer;
	struct __kernel_timespec timer_ns;
	struct hs_work timer_work;	/* starts the timer */

	/* EEPROM and PHY */
	uint16_t eeprom[E1000_EEPROM_WORDS];
	struct {
		bool write_enabled;
		unsigned int bits;	/* taken since CS went up */
		uint32_t in;
		uint32_t out;		/* shifted out from bit 16 */
	} microwire;
	uint16_t phy[32];

	/* transmission */
	struct hs_work tx_work;
	uint32_t tx_fetch; /* next descriptor to fetch; TDH is the oldest not complete */
	unsigned int resetting;		/* CPUs that wait for tx_flight: nothing is fetched */
	struct hs_inflight tx_flight;	/* frames with the back end */
	struct e1000_tx *tx;		/* E1000_TX_SLOTS of them, its pool */
	/* of this life of the ring: e1000_tx_forget() */
	struct e1000_done tx_done[E1000_TX_SLOTS];	/* a ring of their own */
	unsigned int tx_oldest, tx_used;
	struct e1000_context csum_context, tso_context;
	struct e1000_assembly assembly;
	uint8_t *bounce;		/* of one frame of more pieces than the back end takes */
	struct e1000_tx *bounce_user;

	/* reception */
	struct hs_work rx_work;		/* tells the back end that there is room */
	bool rx_stalled;		/* a frame was refused */
	bool rx_notified;			/* causes since the last received() */
};

static inline uint32_t *e1000_reg(struct hs_e1000 *nic, unsigned int at)
{
	return &nic->reg[at / 4];
}

static inline uint16_t e1000_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline void e1000_put_be16(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static inline uint32_t e1000_ring_count(struct hs_e1000 *nic, unsigned int len)
{
	return *e1000_reg(nic, len) / E1000_DESC;
}

static inline hs_gpa e1000_ring_base(struct hs_e1000 *nic, unsigned int low)
{
	return *e1000_reg(nic, low) | (hs_gpa)*e1000_reg(nic, low + 4) << 32;
}

/* May it touch memory? nic->lock held. */
static inline bool e1000_master(struct hs_e1000 *nic)
{
	return nic->present && (hs_pci_command(&nic->pci) & PCI_COMMAND_MASTER);
}

/* ---- e1000.c; nic->lock held ---- */

void e1000_count(struct hs_e1000 *nic, unsigned int stat);	/* by one, up to the maximum */
void e1000_count64(struct hs_e1000 *nic, unsigned int stat_low, uint64_t value);
/* The counters by length: at + 0, 4 ... 20 for 64, -127, -255, -511, -1023, more; FCS included. */
void e1000_count_length(struct hs_e1000 *nic, unsigned int stat_64, uint32_t length);

/* ---- e1000_irq.c; nic->lock held ---- */

void e1000_interrupt_init(struct hs_e1000 *nic);
/* The wire as causes, masks and PCI want it, if it is time; else when it is. */
void e1000_interrupt(struct hs_e1000 *nic);
void e1000_cause(struct hs_e1000 *nic, uint32_t causes);	/* the same, with these set */

/* ---- e1000_eeprom.c; nic->lock held ---- */

void e1000_eeprom_init(struct hs_e1000 *nic, const uint8_t mac[6]);
uint32_t e1000_eecd_reset(struct hs_e1000 *nic);	/* value after power-on or reset */
void e1000_eecd_write(struct hs_e1000 *nic, uint32_t value);
void e1000_eerd_write(struct hs_e1000 *nic, uint32_t value);
void e1000_phy_reset(struct hs_e1000 *nic);
void e1000_phy_link(struct hs_e1000 *nic, bool up);
void e1000_mdic_write(struct hs_e1000 *nic, uint32_t value);

/* ---- e1000_tx.c ---- */

int e1000_tx_init(struct hs_e1000 *nic);	/* 0 or -ENOMEM */
void e1000_tx_free(struct hs_e1000 *nic);
void e1000_tx_kick(struct hs_e1000 *nic);	/* there may be descriptors; lock held */
void e1000_tx_retire(struct hs_e1000 *nic); /* completes the oldest that are finished; lock held */
/* Another life of the ring: nothing is reported to it of what was fetched before. Lock held. */
void e1000_tx_forget(struct hs_e1000 *nic);

/* ---- e1000_rx.c ---- */

void e1000_rx_init(struct hs_e1000 *nic);
void e1000_rx_kick(struct hs_e1000 *nic);	/* there may be room; lock held */

#endif /* HS_EMU_E1000_H */
