// SPDX-License-Identifier: BSD-2-Clause
/*
 * Starting CPUs by call (abi/smp.h). All that the CPU could refuse is checked
 * here, so that the guest hears of it; the state is set by the vCPU's own
 * thread (vcpu.c).
 */
#include "../vm.h"
#include "pv_priv.h"

#define SELECTOR_BAD	7u	/* RPL and TI bits */

/* All bits from `bits` - 1 up are the same. */
static bool canonical(uint64_t address, unsigned int bits)
{
	int64_t high = (int64_t)address >> (bits - 1);

	return high == 0 || high == -1;
}

int64_t hs_pv_cpu_start(struct hs_pv *pv, const uint64_t arg[4])
{
	struct pvk_cpu_start s;
	struct hs_cpu_state state;
	struct hs_vcpu *vcpu;
	unsigned int bits;
	int ret = hs_pv_struct_in(pv, arg[0], arg[1], &s, sizeof(s));

	if (ret < 0)
		return ret;
	if (s.apic_id >= pv->vm->config->vcpus)
		return -PVK_ENOENT;
	vcpu = pv->vm->vcpu[s.apic_id];
	bits = s.flags & PVK_CPU_LA57 ? 57 : 48;
	if (s.flags & ~PVK_CPU_LA57 || (bits == 57 && !hs_vcpu_has(vcpu, HS_CPU_LA57)) ||
	    !s.cs || s.cs & SELECTOR_BAD || !s.ds || s.ds & SELECTOR_BAD || s.reserved ||
	    s.gdt_limit > 0xffff || !canonical(s.rip, bits) || !canonical(s.rsp, bits) ||
	    !canonical(s.gs_base, bits) || !canonical(s.gdt_base, bits) || hs_vcpu_is_own(vcpu))
		return -PVK_EINVAL;
	if (s.cr3 & 4095 || !hs_mem_at(pv->vm->mem, s.cr3, 4096))
		return -PVK_EFAULT;
	state = (struct hs_cpu_state){
		.rip = s.rip, .rsp = s.rsp, .rdi = s.arg, .cr3 = s.cr3, .gs_base = s.gs_base,
		.gdt_base = s.gdt_base, .gdt_limit = (uint16_t)s.gdt_limit, .cs = s.cs, .ds = s.ds,
		.la57 = bits == 57,
	};
	ret = hs_vcpu_restart(vcpu, &state);
	if (ret < 0)
		return -PVK_EAGAIN;
	pv->cpu_starts++;
	hs_debug(HS_LOG_VCPU, "vCPU %u: started by call at 0x%llx", vcpu->id,
		 (unsigned long long)state.rip);
	return 0;
}
