// SPDX-License-Identifier: BSD-2-Clause
/*
 * The porting library: power, CPUs, unused memory: a call each.
 */
#include "power.h"

int pvp_power(struct pvp_host *host, __u32 op, __u32 flags, __u32 code, const char *text)
{
	struct pvk_power p = { .size = sizeof(p), .op = op, .flags = flags, .code = code };
	int ret;

	if (!(host->active & PVK_FEAT_POWER))
		return -PVK_ENOTSUP;
	for (; text && text[p.length] && p.length < PVK_POWER_TEXT; p.length++)
		p.text[p.length] = (__u8)text[p.length];
	ret = pvp_call_struct(host, PVK_CALL_POWER, 0, 0, &p, sizeof(p));
	return ret > 0 ? -PVK_EIO : ret;
}

int pvp_power_request(struct pvp_host *host)
{
	int ret;

	if (!(host->active & PVK_FEAT_POWER))
		return -PVK_ENOTSUP;
	ret = pvp_call(host, PVK_CALL_POWER_REQUEST, 0, 0, 0, 0);
	return ret <= PVK_POWER_REBOOT ? ret : -PVK_EIO;
}

int pvp_cpu_start(struct pvp_host *host, struct pvk_cpu_start *s)
{
	int ret;

	if (!(host->active & PVK_FEAT_SMP))
		return -PVK_ENOTSUP;
	s->size = sizeof(*s);
	ret = pvp_call_struct(host, PVK_CALL_CPU_START, 0, 0, s, sizeof(*s));
	return ret > 0 ? -PVK_EIO : ret;
}

int pvp_mem_report(struct pvp_host *host, const __u64 *blocks, __u32 count)
{
	__u64 *to = host->page;
	__u32 i, done = 0;
	int ret = 0;

	if (!(host->active & PVK_FEAT_MEM))
		return -PVK_ENOTSUP;
	if (!count || count > PVK_MEM_REPORT_MAX)
		return -PVK_EINVAL;
	pvp_os_lock(&host->lock);
	for (i = 0; i < count; i++)
		to[i] = blocks[i];
	/* a call takes as many as its time allows, at least one */
	while (done < count) {
		ret = pvp_call(host, PVK_CALL_MEM_REPORT, host->page_gpa + done * sizeof(*to),
			       count - done, 0, 0);
		if (ret >= 0 && (!ret || ret > (int)(count - done)))
			ret = -PVK_EIO;
		if (ret < 0)
			break;
		done += (__u32)ret;
	}
	pvp_os_unlock(&host->lock);
	return ret < 0 ? ret : 0;
}
