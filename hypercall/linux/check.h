/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the core demands of the host's answers: pure functions over private
 * copies. They are in a header so that the KUnit suite compiles the very code
 * that the core uses, without exports.
 *
 * The host is not trusted: what passes here cannot make the core index, size
 * or shift by a value out of range. Values that this version does not know
 * (device types, kinds of counterpart, features) pass when they are harmless.
 */
#ifndef PVK_LINUX_CHECK_H
#define PVK_LINUX_CHECK_H

#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/types.h>

#include "../abi/pvk.h"
#include "../detect.h"

#define PVK_KNOWN_FEATURES \
	(PVK_FEAT_EVENT | PVK_FEAT_BUS | PVK_FEAT_BATCH | PVK_FEAT_UNPLUG)

/* The core's own bounds, above anything a sane host offers */
#define PVK_MAX_DEVICES		256u
#define PVK_MAX_CHANNELS	4096u
#define PVK_MAX_QUEUES		4096u
#define PVK_MAX_CONFIG		65536u
#define PVK_MAX_BATCH		64u

/*
 * Status of a call -> 0 or a positive result, or a Linux -errno. An error
 * number that the ABI does not define becomes -EIO, as does a result that no
 * call of version 1 can have.
 */
static inline int pvk_errno(s64 status)
{
	if (status >= 0)
		return status <= INT_MAX ? (int)status : -EIO;
	switch (-status) {
	case PVK_EPERM:
		return -EPERM;
	case PVK_ENOENT:
		return -ENOENT;
	case PVK_EAGAIN:
		return -EAGAIN;
	case PVK_EFAULT:
		return -EFAULT;
	case PVK_EBUSY:
		return -EBUSY;
	case PVK_EINVAL:
		return -EINVAL;
	case PVK_ENOSPC:
		return -ENOSPC;
	case PVK_EROFS:
		return -EROFS;
	case PVK_ERANGE:
		return -ERANGE;
	case PVK_ENOSYS:
		return -EOPNOTSUPP;
	case PVK_EPROTO:
		return -EPROTO;
	case PVK_ENOTSUP:
		return -EOPNOTSUPP;
	case PVK_EVERSION:
		return -EPROTONOSUPPORT;
	case PVK_EIO:
	default:
		return -EIO;
	}
}

/* Features to accept: known, offered, not switched off, and what they rest on. */
static inline u64 pvk_choose_features(u64 offered, u64 wanted)
{
	u64 accept = offered & wanted & PVK_KNOWN_FEATURES;

	if (!(accept & PVK_FEAT_BUS))
		accept &= ~PVK_FEAT_UNPLUG;	/* a model belongs to a device */
	return accept;
}

/* 0; -EIO: features in force that were not accepted, or another major version */
static inline int pvk_check_negotiate(const struct pvk_negotiate *answer, u64 accept)
{
	if (answer->active & ~accept)
		return -EIO;
	if (PVK_VERSION_MAJOR(answer->version) != PVK_VERSION_MAJOR(PVK_ABI_VERSION))
		return -EIO;
	return 0;
}

static inline int pvk_check_bus_info(const struct pvk_bus_info *info)
{
	return info->devices <= PVK_MAX_DEVICES ? 0 : -EIO;
}

/* 0; -EIO: a field that the ABI does not allow, or out of the core's bounds */
static inline int pvk_check_dev_info(const struct pvk_dev_info *info)
{
	if (!info->type || info->state > PVK_DEV_RESETTING)
		return -EIO;
	if (info->accepted & ~info->features)
		return -EIO;
	if (info->model != PVK_MODEL_EMULATED && info->model != PVK_MODEL_PVKIT)
		return -EIO;
	if (info->counterpart == PVK_COUNTERPART_NONE && info->model == PVK_MODEL_EMULATED)
		return -EIO;
	if (!info->max_queues || info->max_queues > PVK_MAX_QUEUES)
		return -EIO;
	if (info->max_entries < PVK_RING_MIN_ENTRIES ||
	    info->max_entries > PVK_RING_MAX_ENTRIES)
		return -EIO;
	if (info->config_size > PVK_MAX_CONFIG)
		return -EIO;
	return 0;
}

/* 0; -EIO: the device changed in what stays for its life */
static inline int pvk_check_dev_same(const struct pvk_dev_info *was,
				     const struct pvk_dev_info *now)
{
	if (was->id != now->id || was->type != now->type || was->counterpart != now->counterpart ||
	    was->counterpart_location != now->counterpart_location ||
	    was->max_queues != now->max_queues ||
	    was->max_entries != now->max_entries ||
	    was->config_size != now->config_size)
		return -EIO;
	return 0;
}

/* Bytes that a call says it wrote: as they are, or -EIO beyond the buffer */
static inline int pvk_check_written(int result, size_t size)
{
	return result < 0 || (size_t)result <= size ? result : -EIO;
}

/* Answer of PVK_CALL_BATCH: the index to go on from, or -errno */
static inline int pvk_check_batch(int result, u32 start, u32 count)
{
	if (result < 0)
		return result;
	return (u32)result >= start && (u32)result <= count ? result : -EIO;
}

/* 0; -EINVAL: a ring of that size cannot be had from this device */
static inline int pvk_check_entries(u32 entries, u32 most)
{
	if (entries < PVK_RING_MIN_ENTRIES || entries > PVK_RING_MAX_ENTRIES)
		return -EINVAL;
	return is_power_of_2(entries) && entries <= most ? 0 : -EINVAL;
}

#endif /* PVK_LINUX_CHECK_H */
