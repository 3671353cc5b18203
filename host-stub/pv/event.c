// SPDX-License-Identifier: BSD-2-Clause
/*
 * Event channels (abi/event.h): channel n is message n of irq.h, the fixed
 * ones of the platform follow. The guest writes the message, so it is checked
 * to be what a channel may be: an ordinary interrupt, no NMI, SMI, INIT or
 * start-up message.
 */
#include "pv_priv.h"

#define MSI_FIRST	0xfee00000ull	/* Intel SDM vol. 3, "Message Signalled Interrupts" */
#define MSI_LAST	0xfeefffffull
#define MSI_VECTOR(data)	((data) & 0xffu)
#define MSI_DELIVERY(data)	(((data) >> 8) & 7u)
#define MSI_LOWEST	1u	/* and 0 is fixed */

_Static_assert(HS_PV_CHANNELS + HS_PV_FIXED <= HS_IRQ_MSIS, "a message for each channel");

/* The feature that each fixed channel belongs to */
static const uint64_t fixed_feature[HS_PV_FIXED] = {
	[PVK_CHANNEL_POWER - PVK_CHANNEL_PLATFORM] = PVK_FEAT_POWER,
	[PVK_CHANNEL_CONSOLE - PVK_CHANNEL_PLATFORM] = PVK_FEAT_CONSOLE,
	[PVK_CHANNEL_CLOCK - PVK_CHANNEL_PLATFORM] = PVK_FEAT_INFO,
};

static uint32_t fixed_bit(uint64_t channel)
{
	return channel < PVK_CHANNEL_PLATFORM ? 0 : 1u << (channel - PVK_CHANNEL_PLATFORM);
}

/* Number of the channel's message, or -PVK_E*. */
static int message_of(struct hs_pv *pv, uint64_t channel)
{
	uint64_t feature = PVK_FEAT_EVENT;
	int message = (int)channel;

	if (channel >= PVK_CHANNEL_PLATFORM && channel < PVK_CHANNEL_PLATFORM_END) {
		feature = fixed_feature[channel - PVK_CHANNEL_PLATFORM];
		message = (int)(HS_PV_CHANNELS + (channel - PVK_CHANNEL_PLATFORM));
	} else if (channel >= HS_PV_CHANNELS) {
		return pv->active & PVK_FEAT_EVENT ? -PVK_EINVAL : -PVK_EPERM;
	}
	if (pv->leaving & feature)
		return -PVK_EPROTO;
	return pv->active & feature ? message : -PVK_EPERM;
}

int64_t hs_pv_event_bind(struct hs_pv *pv, const uint64_t arg[4])
{
	struct pvk_event_bind bind;
	int ret = hs_pv_struct_in(pv, arg[0], arg[1], &bind, sizeof(bind));
	int message;

	if (ret < 0)
		return ret;
	message = message_of(pv, bind.channel);
	if (message < 0)
		return message;
	if (bind.reserved ||
	    bind.msi_address < MSI_FIRST || bind.msi_address > MSI_LAST ||
	    MSI_DELIVERY(bind.msi_data) > MSI_LOWEST || MSI_VECTOR(bind.msi_data) < 16)
		return -PVK_EINVAL;
	ret = hs_irq_msi_bind(pv->vm->irq, (unsigned int)message, bind.msi_address,
				  bind.msi_data);
	if (ret < 0)
		return -PVK_EIO;
	atomic_fetch_or(&pv->fixed_bound, fixed_bit(bind.channel));
	return 0;
}

int64_t hs_pv_event_unbind(struct hs_pv *pv, const uint64_t arg[4])
{
	int message = message_of(pv, arg[0]);

	if (message < 0)
		return message;
	atomic_fetch_and(&pv->fixed_bound, ~fixed_bit(arg[0]));
	hs_irq_msi_unbind(pv->vm->irq, (unsigned int)message);
	return 0;
}

int64_t hs_pv_event_raise(struct hs_pv *pv, const uint64_t arg[4])
{
	if (arg[0] >= HS_PV_CHANNELS)
		return -PVK_EINVAL;
	hs_irq_msi_raise(pv->vm->irq, (unsigned int)arg[0]);
	return 0;
}

void hs_pv_event_end(struct hs_pv *pv)
{
	for (unsigned int i = 0; i < HS_PV_CHANNELS; i++)
		hs_irq_msi_unbind(pv->vm->irq, i);
}

void hs_pv_event_end_fixed(struct hs_pv *pv)
{
	atomic_store(&pv->fixed_bound, 0);
	for (unsigned int i = 0; i < HS_PV_FIXED; i++)
		hs_irq_msi_unbind(pv->vm->irq, HS_PV_CHANNELS + i);
}

bool hs_pv_event_raise_fixed(struct hs_pv *pv, uint32_t channel)
{
	if (!(atomic_load(&pv->fixed_bound) & fixed_bit(channel)))
		return false;
	hs_irq_msi_raise(pv->vm->irq, HS_PV_CHANNELS + (channel - PVK_CHANNEL_PLATFORM));
	return true;
}
