// SPDX-License-Identifier: BSD-2-Clause
/* One MSR of a vCPU: see vm.h. */
#include <string.h>
#include <sys/ioctl.h>

#include "vm.h"

int hs_vcpu_msr(const struct hs_vcpu *vcpu, unsigned long request, uint32_t msr,
		uint64_t *value)
{
	_Alignas(struct kvm_msrs) uint8_t buffer[sizeof(struct kvm_msrs) +
						 sizeof(struct kvm_msr_entry)] = { 0 };
	struct kvm_msr_entry entry = { .index = msr, .data = *value };
	struct kvm_msrs *ask = (void *)buffer;

	ask->nmsrs = 1;
	memcpy(buffer + sizeof(*ask), &entry, sizeof(entry));
	if (ioctl(vcpu->fd, request, ask) != 1)
		return 0;
	memcpy(&entry, buffer + sizeof(*ask), sizeof(entry));
	*value = entry.data;
	return 1;
}

/* 1, and the value; 0: there is none. */
