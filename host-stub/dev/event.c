// SPDX-License-Identifier: BSD-2-Clause
/*
 * Event channels (abi/event.h): channel n is message n of irq.h. The guest
 * writes the message, so it is checked to be what a channel may be: an
 * ordinary interrupt, no NMI, SMI, INIT or start-up message.
 */
#include "pv_priv.h"

#define MSI_FIRST	0xfee00000ull	/* Intel SDM vol. 3, "Message Signalled Interrupts" */
#define MSI_LAST	0xfeefffffull
#define MSI_VECTOR(data)	((data) & 0xffu)
#define MSI_DELIVERY(data)	(((data) >> 8) & 7u)
#define MSI_LOWEST	1u	/* and 0 is fixed */

int64_t hs_pv_event_bind(struct hs_pv *pv, const uint64_t arg[4])
{
	struct pvk_event_bind bind;
	int ret = hs_pv_struct_in(pv, arg[0], arg[1], &bind, sizeof(bind));

	if (ret < 0)
		return ret;
	if (bind.channel >= HS_PV_CHANNELS || bind.reserved ||
	    bind.msi_address < MSI_FIRST || bind.msi_address > MSI_LAST ||
	    MSI_DELIVERY(bind.msi_data) > MSI_LOWEST || MSI_VECTOR(bind.msi_data) < 16)
		return -PVK_EINVAL;
	ret = hs_irq_message_bind(pv->vm->irq, bind.channel, bind.msi_address, bind.msi_data);
	return ret < 0 ? -PVK_EIO : 0;
}

int64_t hs_pv_event_unbind(struct hs_pv *pv, const uint64_t arg[4])
{
	if (arg[0] >= HS_PV_CHANNELS)
		return -PVK_EINVAL;
	hs_irq_message_unbind(pv->vm->irq, (unsigned int)arg[0]);
	return 0;
}

int64_t hs_pv_event_raise(struct hs_pv *pv, const uint64_t arg[4])
{
	if (arg[0] >= HS_PV_CHANNELS)
		return -PVK_EINVAL;
	hs_irq_message_raise(pv->vm->irq, (unsigned int)arg[0]);
	return 0;
}

void hs_pv_event_end(struct hs_pv *pv)
{
	for (unsigned int i = 0; i < HS_PV_CHANNELS; i++)
		hs_irq_message_unbind(pv->vm->irq, i);
}
