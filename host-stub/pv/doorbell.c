// SPDX-License-Identifier: BSD-2-Clause
/*
 * Doorbells: KVM turns a 32-bit OUT of a bound value to the doorbell port into
 * a signal of an eventfd, without an exit to user space (KVM API,
 * KVM_IOEVENTFD with DATAMATCH and PIO). A file of its own, so that tests can
 * put theirs in its place.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

#include "../emu/emu.h"
#include "pv_priv.h"

static int doorbell(struct hs_vm *vm, uint32_t value, int eventfd, uint32_t flags)
{
	struct kvm_ioeventfd io = {
		.datamatch = value,
		.addr = HS_PORT_PVK_DOORBELL,
		.len = 4,
		.fd = eventfd,
		.flags = KVM_IOEVENTFD_FLAG_PIO | KVM_IOEVENTFD_FLAG_DATAMATCH | flags,
	};

	return ioctl(vm->vm_fd, KVM_IOEVENTFD, &io) < 0 ? -errno : 0;
}

int hs_doorbell_bind(struct hs_vm *vm, uint32_t value, int eventfd)
{
	return doorbell(vm, value, eventfd, 0);
}

void hs_doorbell_unbind(struct hs_vm *vm, uint32_t value, int eventfd)
{
	(void)doorbell(vm, value, eventfd, KVM_IOEVENTFD_FLAG_DEASSIGN);
}
