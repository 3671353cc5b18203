// SPDX-License-Identifier: BSD-2-Clause
/*
 * The header in front of each frame on a TAP (struct virtio_net_hdr with num_buffers, virtio
 * 1.2, 5.1.6; little-endian), from and to what the devices say of a frame.
 */
#include <errno.h>
#include <string.h>

#include "../util.h"
#include "net_priv.h"

/* 5.1.6: flags and gso_type */
#define VNET_NEEDS_CSUM	0x01u
#define VNET_DATA_VALID	0x02u
#define VNET_TCP4	1u
#define VNET_TCP6	4u
#define VNET_UDP_L4	5u
#define VNET_ECN	0x80u

/* Offsets in the header */
enum { AT_FLAGS = 0, AT_GSO = 1, AT_HDR_LEN = 2, AT_GSO_SIZE = 4, AT_START = 6, AT_OFFSET = 8 };

void hs_net_vnet_put(uint8_t *at, const struct hs_net_meta *meta)
{
	static const uint8_t type[] = {
		[PVK_NET_GSO_NONE] = 0, [PVK_NET_GSO_TCP4] = VNET_TCP4,
		[PVK_NET_GSO_TCP6] = VNET_TCP6, [PVK_NET_GSO_UDP] = VNET_UDP_L4,
	};

	memset(at, 0, HS_NET_VNET_LEN);
	if (!meta->csum)
		return;
	at[AT_FLAGS] = VNET_NEEDS_CSUM;
	hs_put_le16(at + AT_START, meta->csum_start);
	hs_put_le16(at + AT_OFFSET, meta->csum_offset);
	if (meta->gso == PVK_NET_GSO_NONE || meta->gso > PVK_NET_GSO_UDP)
		return;
	at[AT_GSO] = (uint8_t)(type[meta->gso] | (meta->ecn ? VNET_ECN : 0));
	hs_put_le16(at + AT_HDR_LEN, meta->hdr_len);
	hs_put_le16(at + AT_GSO_SIZE, meta->gso_size);
}

int hs_net_vnet_get(struct hs_net_meta *meta, const uint8_t *at, uint32_t length)
{
	memset(meta, 0, sizeof(*meta));
	meta->valid = at[AT_FLAGS] & VNET_DATA_VALID;
	if (at[AT_FLAGS] & VNET_NEEDS_CSUM) {
		meta->csum = true;
		meta->csum_start = hs_get_le16(at + AT_START);
		meta->csum_offset = hs_get_le16(at + AT_OFFSET);
	}
	switch (at[AT_GSO] & ~VNET_ECN) {
	case 0:
		return hs_net_check_frame(meta, length);
	case VNET_TCP4:
		meta->gso = PVK_NET_GSO_TCP4;
		break;
	case VNET_TCP6:
		meta->gso = PVK_NET_GSO_TCP6;
		break;
	case VNET_UDP_L4:
		meta->gso = PVK_NET_GSO_UDP;
		break;
	default:
		return -EINVAL;
	}
	/* ECN is TCP's: with UDP the bit says nothing, whoever set it. */
	meta->ecn = at[AT_GSO] & VNET_ECN && meta->gso != PVK_NET_GSO_UDP;
	meta->gso_size = hs_get_le16(at + AT_GSO_SIZE);
	/* Its hdr_len is a hint that may be anything: what needs it looks itself. */
	return hs_net_check_frame(meta, length);
}
