/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What this system runs on: every hypervisor of the stack that can be seen,
 * every interface that is offered, and why it is believed.
 *
 * Interface and hypervisor are kept apart, since many offer what another made:
 * KVM, Xen, VirtualBox and ACRN have Hyper-V's, VirtualBox and Parallels KVM's.
 * Which calls may be made follows from the interfaces; who is to be asked when
 * something is wrong, from the layers.
 *
 * pvk_stack_detect() is a function of what its callbacks answer and of the facts
 * that it is given, and of nothing else: a recorded machine gives the same answer
 * as a live one. Freestanding, no allocation, no floating point; tables are
 * constant. Answers are copied once; no value is believed beyond what is
 * stored: leaves inside their block, at most PVK_INTERFACES blocks.
 * docs/detect.md has the rules.
 */
#ifndef PVK_DETECT_STACK_H
#define PVK_DETECT_STACK_H

#include "cpuid.h"

/* Interfaces: what can be called, by whomever it is offered. */
enum pvk_if {
	PVK_IF_NONE,		/* a signature, and no interface that is known */
	PVK_IF_KVM,
	PVK_IF_HYPERV,
	PVK_IF_XEN,
	PVK_IF_VMWARE,
	PVK_IF_PVKIT,
	PVK_IF_PVM,
	PVK_IF_ACRN,
	PVK_IF_BHYVE,
	PVK_IF_JAILHOUSE,
	PVK_IF_QNX,
	PVK_IF_TIMING,		/* frequencies at +0x10, no signature */
	PVK_IF_TDX,
	PVK_IFS
};

/* Hypervisors */
enum pvk_hv {
	PVK_HV_NONE,
	PVK_HV_UNKNOWN,		/* there is one, nothing names it */
	PVK_HV_KVM,
	PVK_HV_HYPERV,
	PVK_HV_XEN,
	PVK_HV_VMWARE,
	PVK_HV_VIRTUALBOX,
	PVK_HV_PARALLELS,
	PVK_HV_TCG,
	PVK_HV_PVM,
	PVK_HV_BHYVE,
	PVK_HV_ACRN,
	PVK_HV_JAILHOUSE,
	PVK_HV_QNX,
	PVK_HV_APPLE,
	PVK_HV_OPENBSD,
	PVK_HV_NVMM,
	PVK_HV_HAXM,
	PVK_HV_SPAR,
	PVK_HV_SRE,
	PVK_HV_EVMM,
	PVK_HV_TDX,
	PVK_HV_GVISOR,
	PVK_HVS
};

/* Who set the machine up, as far as DMI and signatures tell */
enum pvk_platform {
	PVK_PLATFORM_NONE,
	PVK_PLATFORM_QEMU,
	PVK_PLATFORM_PVKIT,
	PVK_PLATFORM_KVMTOOL,
	PVK_PLATFORM_CLOUD_HYPERVISOR,
	PVK_PLATFORM_OVIRT,
	PVK_PLATFORM_RHEV,
	PVK_PLATFORM_NUTANIX,
	PVK_PLATFORM_OPENSTACK,
	PVK_PLATFORM_GCE,
	PVK_PLATFORM_EC2,
	PVK_PLATFORM_AZURE,
	PVK_PLATFORM_DIGITALOCEAN,
	PVK_PLATFORM_HETZNER,
	PVK_PLATFORM_ALIBABA,
	PVK_PLATFORM_BOCHS,
	PVK_PLATFORMS
};

enum pvk_confidence {
	PVK_GUESS,		/* there are only circumstances */
	PVK_LIKELY,		/* a name that others use, too */
	PVK_CERTAIN,		/* its own name, or two ways that agree */
	PVK_CONFIDENCES
};

enum pvk_role {
	PVK_ROLE_GUEST,
	PVK_ROLE_ROOT,		/* root partition, dom0, service VM: the hardware is this one's */
	PVK_ROLES
};

/* How an interface is called */
enum pvk_calling {
	PVK_CALLING_NONE,
	PVK_CALLING_INSTRUCTION, /* VMCALL or VMMCALL: see insn */
	PVK_CALLING_PAGE,	/* a page that the MSR `where` brings in */
	PVK_CALLING_PORT,	/* I/O port `where` */
	PVK_CALLING_SYSCALL,	/* SYSCALL: the kernel has no ring 0 of its own */
	PVK_CALLINGS
};

enum pvk_insn { PVK_INSN_NONE, PVK_INSN_VMCALL, PVK_INSN_VMMCALL, PVK_INSNS };

/* How a block was read */
enum pvk_via {
	PVK_VIA_CPUID,
	PVK_VIA_XEN,		/* CPUID behind Xen's prefix, for PV guests */
	PVK_VIA_PVM,		/* CPUID behind PVM's prefix */
	PVK_VIAS
};

/* What is known beside CPUID: texts, NULL where it is not known. */
enum pvk_fact {
	PVK_FACT_SYS_VENDOR,	/* DMI; Linux: /sys/class/dmi/id */
	PVK_FACT_PRODUCT_NAME,
	PVK_FACT_PRODUCT_VERSION,
	PVK_FACT_PRODUCT_SERIAL,
	PVK_FACT_BOARD_VENDOR,
	PVK_FACT_BIOS_VENDOR,
	PVK_FACT_BIOS_VERSION,
	PVK_FACT_CHASSIS_TAG,
	PVK_FACT_SYS_HYPERVISOR, /* Linux: /sys/hypervisor/type */
	PVK_FACT_XEN_GUEST,	/* Linux: /sys/hypervisor/guest_type */
	PVK_FACT_XEN_CAPS,	/* Linux: /proc/xen/capabilities */
	PVK_FACT_GVISOR,	/* "1": /proc/gvisor/kernel_is_gvisor exists */
	PVK_FACT_VMWARE_PORT,	/* "1": I/O port 0x5658 answers GETVERSION */
	PVK_FACTS
};

struct pvk_machine {
	void *context;		/* of the callbacks */
	pvk_cpuid_fn cpuid;
	/* NULL where it cannot be tried; all zero when it is not there */
	pvk_cpuid_fn cpuid_xen;	/* ud2; .ascii "xen"; cpuid */
	pvk_cpuid_fn cpuid_pvm;	/* invlpg 0xffffffffff4d5650; cpuid */
	const char *fact[PVK_FACTS];
};

#define PVK_INTERFACES	6u	/* blocks that are kept */
#define PVK_LAYERS	6u
#define PVK_LEAVES	13u	/* of a block that are kept, from +0 on */
#define PVK_LEAF_TIMING	0x10u	/* kept too */
#define PVK_EVIDENCE	16u

struct pvk_interface {
	__u8 kind;		/* enum pvk_if */
	__u8 hv;		/* enum pvk_hv whose name the signature is */
	__u8 via;		/* enum pvk_via */
	__u8 layer;		/* index of the layer that offers it */
	__u32 base;		/* CPUID base; 0x21 for TDX */
	__u32 leaves;		/* that are believed: +0 to +(leaves - 1) */
	__u32 major, minor, build; /* version; all 0 when it is not told */
	__u32 tsc_khz;		/* 0 when it is not told */
	__u8 calling;		/* enum pvk_calling */
	__u8 insn;		/* enum pvk_insn; beside a page or port: also possible */
	__u8 reserved[2];
	__u32 where;		/* MSR or port */
	char signature[PVK_SIGNATURE_TEXT]; /* printable */
	struct pvk_cpuid_regs leaf[PVK_LEAVES]; /* zero from `leaves` on */
	struct pvk_cpuid_regs timing;
};

struct pvk_layer {
	__u8 hv;		/* enum pvk_hv */
	__u8 confidence;	/* enum pvk_confidence */
	__u8 role;		/* enum pvk_role */
	__u8 reserved;
};

/* Why a layer is believed */
enum pvk_saying {
	PVK_SAYS_SIGNATURE,	/* interface[what] has its signature */
	PVK_SAYS_FACT,		/* fact[what] */
	PVK_SAYS_ROOT,		/* interface[what] says that the hardware is this system's */
	PVK_SAYS_NESTED,	/* interface[what]: Hyper-V's leaf +4, EAX bit 12 */
	PVK_SAYS_BIT,		/* the hypervisor bit is set, and nothing else speaks */
	PVK_SAYINGS
};

struct pvk_evidence {
	__u8 saying;		/* enum pvk_saying */
	__u8 what;
	__u8 hv;		/* enum pvk_hv for which it speaks */
	__u8 layer;		/* where that was weighed; hv may differ from the layer's */
};

struct pvk_stack {
	__u8 hypervisor_bit;	/* CPUID.1:ECX[31] */
	__u8 layers;		/* 0: nothing but the hardware */
	__u8 interfaces;
	__u8 evidences;
	__u8 platform;		/* enum pvk_platform */
	__u8 amd;		/* AMD or Hygon: VMMCALL is the native instruction */
	__u8 left_out;		/* blocks for which there was no room, at most 255 */
	__u8 echoes;		/* bases that repeat another block, at most 255 */
	struct pvk_layer layer[PVK_LAYERS];	/* [0] is nearest to this system */
	struct pvk_evidence evidence[PVK_EVIDENCE];
	struct pvk_interface interface[PVK_INTERFACES];
};

/* Fills *stack (about 2 KB: no place for it on a kernel's stack). */
void pvk_stack_detect(const struct pvk_machine *machine, struct pvk_stack *stack);

/* One bit of a block, in words */
struct pvk_feature {
	__u8 kind;		/* enum pvk_if */
	__u8 leaf;		/* from the base */
	__u8 reg;		/* 0 EAX to 3 EDX */
	__u8 bit;
	__u8 reserved[4];
	const char *name;	/* one word, stable */
	const char *words;
};

/* All features of an interface in turn; NULL begins, and NULL ends. */
const struct pvk_feature *pvk_feature_next(__u8 kind, const struct pvk_feature *after);

/* 1 when it is offered, else 0 */
int pvk_feature_offered(const struct pvk_interface *interface, const struct pvk_feature *feature);

/* A word for scripts, and a name for people */
struct pvk_name {
	const char *word, *name;
};

extern const struct pvk_name pvk_hv_name[PVK_HVS];
extern const struct pvk_name pvk_if_name[PVK_IFS];
extern const struct pvk_name pvk_platform_name[PVK_PLATFORMS];
extern const struct pvk_name pvk_confidence_name[PVK_CONFIDENCES];
extern const struct pvk_name pvk_role_name[PVK_ROLES];
extern const struct pvk_name pvk_via_name[PVK_VIAS];
extern const struct pvk_name pvk_insn_name[PVK_INSNS];
extern const char *const pvk_fact_name[PVK_FACTS];
extern const char *const pvk_if_registers[PVK_IFS];	/* of a call; NULL: none */

#endif /* PVK_DETECT_STACK_H */
