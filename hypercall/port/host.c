// SPDX-License-Identifier: BSD-2-Clause
/*
 * The porting library: sessions and calls of a pvkit host. The call structures
 * go through one page of our own, whose address is known; the host may change
 * that page at any time, so an answer is copied out once and judged as a copy.
 */
#include "host.h"

#define REPEATS		200000u		/* of a call that says EAGAIN */

static void cpuid(void *context, __u32 leaf, struct pvk_cpuid_regs *out)
{
	(void)context;
	pvp_os_cpuid(leaf, out);
}

static void copy(void *to, const void *from, __u32 bytes)
{
	__u8 *t = to;
	const volatile __u8 *f = from;

	while (bytes--)
		*t++ = *f++;
}

/* The status of a call, held to what call.h defines. */
static int judged(__s64 status)
{
	if (status >= 0)
		return status <= 0x7fffffff ? (int)status : -PVK_EIO;
	switch (-status) {
	case PVK_EPERM:
	case PVK_ENOENT:
	case PVK_EIO:
	case PVK_EAGAIN:
	case PVK_EFAULT:
	case PVK_EBUSY:
	case PVK_EINVAL:
	case PVK_ENOSPC:
	case PVK_EROFS:
	case PVK_ERANGE:
	case PVK_ENOSYS:
	case PVK_EPROTO:
	case PVK_ENOTSUP:
	case PVK_EVERSION:
		return (int)status;
	default:
		return -PVK_EIO;
	}
}

int pvp_call(struct pvp_host *host, __u32 number, __u64 a, __u64 b, __u64 c, __u64 d)
{
	const __u64 arg[4] = { a, b, c, d };
	__u32 tries;
	int ret;

	if (!host->page)
		return -PVK_EPERM;	/* not open: there is no port to call */
	for (tries = 0; tries < REPEATS; tries++) {
		ret = judged(pvp_os_port_call((__u16)host->offer.call_port, number, arg));
		if (ret != -PVK_EAGAIN)
			break;
		pvp_os_relax();
	}
	return ret;
}

int pvp_call_struct(struct pvp_host *host, __u32 number, const __u64 *lead, __u32 leads,
		    void *structure, __u32 size)
{
	__u64 arg[4] = { 0, 0, 0, 0 };
	__u32 i;
	int ret;

	if (!host->page)
		return -PVK_EPERM;
	if (leads > 2 || size > PVP_PAGE || size > host->offer.struct_size)
		return -PVK_EINVAL;
	for (i = 0; i < leads; i++)
		arg[i] = lead[i];
	arg[leads] = host->page_gpa;
	arg[leads + 1] = size;
	pvp_os_lock(&host->lock);
	copy(host->page, structure, size);
	ret = pvp_call(host, number, arg[0], arg[1], arg[2], arg[3]);
	copy(structure, host->page, size);
	pvp_os_unlock(&host->lock);
	return ret;
}

/* One session with what is offered of `wanted`; to host->active what is in force. */
static int negotiate(struct pvp_host *host, __u32 number, __u64 wanted)
{
	struct pvk_negotiate n = { .size = sizeof(n), .version = PVK_ABI_VERSION };
	__u64 accept = host->offer.features & wanted;
	int ret;

	if (!accept)
		return 0;
	/* An older host of our major version is spoken to in its own words. */
	if (n.version > host->offer.version)
		n.version = host->offer.version;
	n.accept = accept;
	ret = pvp_call_struct(host, number, 0, 0, &n, sizeof(n));
	if (ret)
		return ret > 0 ? -PVK_EPROTO : ret;
	if (n.active & ~accept ||
	    PVK_VERSION_MAJOR(n.version) != PVK_VERSION_MAJOR(PVK_ABI_VERSION))
		return -PVK_EPROTO;
	host->active |= n.active;
	return 0;
}

int pvp_open(struct pvp_host *host, __u64 wanted)
{
	int ret;

	host->active = 0;
	host->page = 0;
	switch (pvk_detect(cpuid, 0, &host->offer)) {
	case PVK_DETECT_OK:
		break;
	case PVK_DETECT_BARE:
	case PVK_DETECT_OTHER:
		return -PVK_ENOENT;
	case PVK_DETECT_VERSION:
		return -PVK_EVERSION;
	default:
		return -PVK_EPROTO;
	}
	wanted &= PVP_FEATURES;
	if (!(wanted & PVK_FEAT_BUS))
		wanted &= ~PVK_FEAT_UNPLUG;	/* a model belongs to a device */
	if (!(host->offer.features & wanted))
		return -PVK_ENOENT;
	host->lock = (struct pvp_lock){ 0, 0 };
	host->page = pvp_os_alloc(PVP_PAGE, &host->page_gpa);
	if (!host->page)
		return -PVP_ENOMEM;
	/* The platform's first: it ends what a kernel before this one left. */
	ret = negotiate(host, PVK_CALL_PLATFORM_NEGOTIATE, wanted & PVK_FEAT_PLATFORM);
	if (!ret)
		ret = negotiate(host, PVK_CALL_NEGOTIATE, wanted & ~PVK_FEAT_PLATFORM);
	if (ret) {
		pvp_os_log("pvkit: the host refuses the session", ret);
		pvp_close(host);
	}
	return ret;
}

void pvp_close(struct pvp_host *host)
{
	if (!host->page)
		return;
	/* One that is not open answers EPERM. */
	if (host->offer.features & ~PVK_FEAT_PLATFORM)
		(void)pvp_call(host, PVK_CALL_LEAVE, 0, 0, 0, 0);
	if (host->offer.features & PVK_FEAT_PLATFORM)
		(void)pvp_call(host, PVK_CALL_PLATFORM_LEAVE, 0, 0, 0, 0);
	host->active = 0;
	pvp_os_free(host->page, PVP_PAGE);
	host->page = 0;
}

int pvp_bind(struct pvp_host *host, __u32 channel, __u32 apic_id, __u8 vector)
{
	struct pvk_event_bind bind = {
		.size = sizeof(bind), .channel = channel,
		.msi_address = 0xfee00000ull | (__u64)apic_id << 12, .msi_data = vector,
	};

	if (apic_id > 255 || vector < 16)
		return -PVK_EINVAL;
	return pvp_call_struct(host, PVK_CALL_EVENT_BIND, 0, 0, &bind, sizeof(bind));
}
