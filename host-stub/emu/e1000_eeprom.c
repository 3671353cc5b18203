/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 82540EM: the serial EEPROM (SDM 5), by its pins in EECD as Linux's e1000
 * reads it and by EERD; and the copper PHY behind MDIC (SDM 8, registers 13.5),
 * whose link partner is always a 1000BASE-T one that has negotiated.
 *
 * What the guest writes into the EEPROM lasts until it is powered off.
 */
#include <string.h>

#include "e1000.h"

/* EECD (SDM 13.4.3) */
#define EECD_SK		(1u << 0)
#define EECD_CS		(1u << 1)
#define EECD_DI		(1u << 2)
#define EECD_DO		(1u << 3)
#define EECD_FWE	(3u << 4)
#define EECD_FWE_OFF	(1u << 4)
#define EECD_REQ	(1u << 6)
#define EECD_GNT	(1u << 7)
#define EECD_PRES	(1u << 8)
#define EECD_WRITABLE	(EECD_SK | EECD_CS | EECD_DI | EECD_FWE | EECD_REQ)

/* EERD (SDM 13.4.4) */
#define EERD_START	(1u << 0)
#define EERD_DONE	(1u << 4)

/* Words (SDM 5.6) */
#define WORD_INIT1	0x0a
#define WORD_SUBSYSTEM	0x0b
#define WORD_CHECKSUM	0x3f
#define CHECKSUM	0xbaba	/* what all words add up to */

/* Microwire: start bit, two of opcode, six of address; then data (SDM 5.2) */
#define MW_COMMAND_BITS	9
#define MW_WRITE_BITS	25
#define MW_OP(in)	((in) >> 6 & 7)
#define MW_ADDRESS(in)	((in) & 0x3f)
enum { MW_ENABLE = 4, MW_WRITE = 5, MW_READ = 6, MW_ERASE = 7 };

/* MDIC (SDM 13.4.6) */
#define MDIC_REG(v)	((v) >> 16 & 0x1f)
#define MDIC_PHY(v)	((v) >> 21 & 0x1f)
#define MDIC_OP_WRITE	(1u << 26)
#define MDIC_OP_READ	(2u << 26)
#define MDIC_OP		(3u << 26)
#define MDIC_READY	(1u << 28)
#define MDIC_INTERRUPT	(1u << 29)
#define MDIC_ERROR	(1u << 30)
#define PHY_ADDRESS	1

/* PHY registers (IEEE 802.3, 22.2.4 and 40.5; SDM 13.5 for those from 16 on) */
enum {
	PHY_CONTROL = 0, PHY_STATUS = 1, PHY_ID1 = 2, PHY_ID2 = 3, PHY_ADVERTISED = 4,
	PHY_PARTNER = 5, PHY_EXPANSION = 6, PHY_1000T_CONTROL = 9, PHY_1000T_STATUS = 10,
	PHY_EXTENDED_STATUS = 15, PHY_SPECIFIC_CONTROL = 16, PHY_SPECIFIC_STATUS = 17,
	PHY_INTERRUPT_STATUS = 19, PHY_EXT_SPECIFIC_CONTROL = 20,
};

#define PHY_CONTROL_SELF_CLEARING 0x8200u	/* reset, restart of negotiation */
#define PHY_STATUS_LINK		0x0004u
#define PHY_STATUS_NEGOTIATED	0x0020u
#define PHY_SPECIFIC_LINK	0x0400u
#define PHY_1000T_RECEIVERS	0x3000u

static const uint16_t phy_power_on[32] = {
	[PHY_CONTROL] = 0x1140,			/* negotiates, full duplex, 1000 */
	[PHY_STATUS] = 0x7949,			/* 10, 100; extended status; can negotiate */
	[PHY_ID1] = 0x0141,			/* Marvell 88E1000 family, as in the 82540EM */
	[PHY_ID2] = 0x0c20,
	[PHY_ADVERTISED] = 0x01e1,
	[PHY_PARTNER] = 0xc1e1,			/* acknowledged, 10 and 100, both duplexes */
	[PHY_EXPANSION] = 0x0003,
	[PHY_1000T_CONTROL] = 0x0300,
	[PHY_1000T_STATUS] = 0x0800,		/* partner: 1000, full duplex */
	[PHY_EXTENDED_STATUS] = 0x3000,
	[PHY_SPECIFIC_CONTROL] = 0x0068,
	[PHY_SPECIFIC_STATUS] = 0xa840,		/* 1000, full duplex, resolved, MDI-X */
	[PHY_EXT_SPECIFIC_CONTROL] = 0x0d60,
};

static const uint16_t phy_writable[32] = {
	[PHY_CONTROL] = 0x7dff & ~PHY_CONTROL_SELF_CLEARING,
	[PHY_ADVERTISED] = 0xffff,
	[7] = 0xffff,
	[PHY_1000T_CONTROL] = 0xffff,
	[PHY_SPECIFIC_CONTROL] = 0xffff,
	[18] = 0xffff,
	[PHY_EXT_SPECIFIC_CONTROL] = 0xffff,
	[22] = 0xffff, [23] = 0xffff, [24] = 0xffff, [25] = 0xffff, [26] = 0xffff,
	[29] = 0xffff, [30] = 0xffff,
};

/* ---- EEPROM ---- */

void e1000_eeprom_init(struct hs_e1000 *nic, const uint8_t mac[6])
{
	uint16_t *word = nic->eeprom, sum = 0;

	memset(word, 0, sizeof(nic->eeprom));
	for (unsigned int i = 0; i < 3; i++)
		word[i] = (uint16_t)(mac[2 * i] | mac[2 * i + 1] << 8);
	word[WORD_INIT1] = 0x4408;	/* signature, loads of the IDs */
	word[WORD_SUBSYSTEM] = 0x001e;
	word[WORD_SUBSYSTEM + 1] = 0x8086;
	word[WORD_SUBSYSTEM + 2] = 0x100e;
	word[WORD_SUBSYSTEM + 3] = 0x8086;
	for (unsigned int i = 0; i < WORD_CHECKSUM; i++)
		sum = (uint16_t)(sum + word[i]);
	word[WORD_CHECKSUM] = (uint16_t)(CHECKSUM - sum);
}

uint32_t e1000_eecd_reset(struct hs_e1000 *nic)
{
	memset(&nic->microwire, 0, sizeof(nic->microwire));
	return EECD_PRES | EECD_FWE_OFF | EECD_DO;
}

/* A bit is taken in, and one put out: SK went up while CS is. True: DO is high now. */
static bool microwire_clock(struct hs_e1000 *nic, bool in)
{
	unsigned int *bits = &nic->microwire.bits;
	uint32_t *taken = &nic->microwire.in;

	if (!*bits && !in)
		return true;		/* no start bit yet */
	if (*bits < 32) {
		*taken = *taken << 1 | in;
		++*bits;
	}
	if (*bits < MW_COMMAND_BITS)
		return true;
	if (*bits == MW_COMMAND_BITS) {
		/* A zero comes before the data. */
		nic->microwire.out = MW_OP(*taken) == MW_READ ?
			nic->eeprom[MW_ADDRESS(*taken)] : 0x1ffff;
		switch (MW_OP(*taken)) {
		case MW_ENABLE:
			if (MW_ADDRESS(*taken) >> 4 == 3)
				nic->microwire.write_enabled = true;
			else if (MW_ADDRESS(*taken) >> 4 == 0)
				nic->microwire.write_enabled = false;
			break;
		case MW_ERASE:
			if (nic->microwire.write_enabled)
				nic->eeprom[MW_ADDRESS(*taken)] = 0xffff;
			break;
		}
	} else if (MW_OP(*taken >> (*bits - MW_COMMAND_BITS)) == MW_READ) {
		nic->microwire.out <<= 1;
	} else if (*bits == MW_WRITE_BITS && MW_OP(*taken >> 16) == MW_WRITE &&
		   nic->microwire.write_enabled) {
		nic->eeprom[MW_ADDRESS(*taken >> 16)] = (uint16_t)*taken;
	}
	return nic->microwire.out >> 16 & 1;
}

void e1000_eecd_write(struct hs_e1000 *nic, uint32_t value)
{
	uint32_t *eecd = e1000_reg(nic, R_EECD), old = *eecd;
	bool out = old & EECD_DO;

	value &= EECD_WRITABLE;
	if (!(value & EECD_CS)) {
		nic->microwire.bits = 0;
		nic->microwire.in = 0;
		out = true;		/* writing takes no time: ready */
	} else if (old & EECD_CS && value & ~old & EECD_SK) {
		out = microwire_clock(nic, value & EECD_DI);
	}
	*eecd = value | EECD_PRES | (out ? EECD_DO : 0) | (value & EECD_REQ ? EECD_GNT : 0);
}

void e1000_eerd_write(struct hs_e1000 *nic, uint32_t value)
{
	uint32_t word = value >> 8 & 0xff;

	if (!(value & EERD_START))
		return;
	*e1000_reg(nic, R_EERD) = (value & 0xff00u) | EERD_DONE |
		(word < E1000_EEPROM_WORDS ? (uint32_t)nic->eeprom[word] << 16 : 0);
}

/* ---- PHY ---- */

/* What follows from the state of the link, but the link bit of PHY_STATUS. */
static void phy_link_bits(struct hs_e1000 *nic)
{
	uint16_t *phy = nic->phy;

	if (nic->link) {
		phy[PHY_STATUS] |= PHY_STATUS_NEGOTIATED;
		phy[PHY_SPECIFIC_STATUS] |= PHY_SPECIFIC_LINK;
		phy[PHY_1000T_STATUS] |= PHY_1000T_RECEIVERS;
	} else {
		phy[PHY_STATUS] &= (uint16_t)~(PHY_STATUS_LINK | PHY_STATUS_NEGOTIATED);
		phy[PHY_SPECIFIC_STATUS] &= (uint16_t)~PHY_SPECIFIC_LINK;
		phy[PHY_1000T_STATUS] &= (uint16_t)~PHY_1000T_RECEIVERS;
	}
}

void e1000_phy_reset(struct hs_e1000 *nic)
{
	memcpy(nic->phy, phy_power_on, sizeof(nic->phy));
	if (nic->link)
		nic->phy[PHY_STATUS] |= PHY_STATUS_LINK;
	phy_link_bits(nic);
}

/* The link bit goes down at once and up when it was read (IEEE 802.3, 22.2.4.2.13). */
void e1000_phy_link(struct hs_e1000 *nic, bool up)
{
	nic->link = up;
	phy_link_bits(nic);
}

static uint16_t phy_read(struct hs_e1000 *nic, unsigned int reg)
{
	uint16_t value = nic->phy[reg];

	if (reg == PHY_STATUS && nic->link)
		nic->phy[PHY_STATUS] |= PHY_STATUS_LINK;
	if (reg == PHY_INTERRUPT_STATUS)
		nic->phy[reg] = 0;
	return value;
}

static void phy_write(struct hs_e1000 *nic, unsigned int reg, uint16_t value)
{
	if (reg == PHY_CONTROL && value & 0x8000u) {
		/* Back to 0 at once, and to what was configured but for bit 15. */
		nic->phy[PHY_CONTROL] = (uint16_t)(value & phy_writable[PHY_CONTROL]);
		return;
	}
	nic->phy[reg] = (uint16_t)((nic->phy[reg] & ~phy_writable[reg]) |
				   (value & phy_writable[reg]));
}

void e1000_mdic_write(struct hs_e1000 *nic, uint32_t value)
{
	uint32_t answer = value & ~(MDIC_READY | MDIC_ERROR);
	unsigned int reg = MDIC_REG(value);

	if (value & MDIC_READY)
		return;		/* no command: software clears it to give one */
	if (MDIC_PHY(value) != PHY_ADDRESS)
		answer |= MDIC_ERROR;
	else if ((value & MDIC_OP) == MDIC_OP_READ)
		answer = (answer & 0xffff0000u) | phy_read(nic, reg);
	else if ((value & MDIC_OP) == MDIC_OP_WRITE)
		phy_write(nic, reg, (uint16_t)value);
	else
		answer |= MDIC_ERROR;
	*e1000_reg(nic, R_MDIC) = answer | MDIC_READY;
	if (value & MDIC_INTERRUPT)
		e1000_cause(nic, ICR_MDAC);
}
