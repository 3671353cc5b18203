// SPDX-License-Identifier: BSD-2-Clause
/*
 * The tables of tables.h. Sources of the signatures: the hypervisors' own
 * interface documents and sources where there are any, else what other tools have
 * seen; docs/detect.md says which are confirmed by a recording of ours.
 */
#include "tables.h"

#define COUNT(table)	((__u32)(sizeof(table) / sizeof((table)[0])))

#define SIGNATURE(text_, kind_, hv_, weight_) \
	{ .text = text_, .len = PVK_SIGNATURE_LEN, .kind = PVK_IF_ ## kind_, \
	  .hv = PVK_HV_ ## hv_, .weight = PVK_W_ ## weight_, .least = 1 }

const struct pvk_signature pvk_signature[] = {
	/* EAX of old hosts is 0, which means +1 (Linux, virt/kvm/x86/cpuid.rst) */
	{ .text = "KVMKVMKVM", .len = PVK_SIGNATURE_LEN, .kind = PVK_IF_KVM, .hv = PVK_HV_KVM,
	  .weight = PVK_W_SHARED, .least = 2 },
	{ .text = PVK_SIGNATURE, .len = PVK_SIGNATURE_LEN, .kind = PVK_IF_PVKIT, .hv = PVK_HV_KVM,
	  .platform = PVK_PLATFORM_PVKIT, .weight = PVK_W_OWN, .least = 1 },
	{ .text = "LKVMLKVMLKVM", .len = PVK_SIGNATURE_LEN, .kind = PVK_IF_NONE, .hv = PVK_HV_KVM,
	  .platform = PVK_PLATFORM_KVMTOOL, .weight = PVK_W_OWN, .least = 1 },
	SIGNATURE("Linux KVM Hv", HYPERV, KVM, OWN),
	SIGNATURE("Microsoft Hv", HYPERV, HYPERV, IMITATED),
	SIGNATURE("XenVMMXenVMM", XEN, XEN, OWN),
	SIGNATURE("VMwareVMware", VMWARE, VMWARE, OWN),
	SIGNATURE("VBoxVBoxVBox", HYPERV, VIRTUALBOX, OWN),
	SIGNATURE("prl hyperv  ", HYPERV, PARALLELS, OWN),	/* sources disagree */
	SIGNATURE(" prl hyperv ", HYPERV, PARALLELS, OWN),
	SIGNATURE(" lrpepyh  vr", HYPERV, PARALLELS, OWN),
	{ .text = "TCGTCGTCGTCG", .len = PVK_SIGNATURE_LEN, .kind = PVK_IF_NONE, .hv = PVK_HV_TCG,
	  .platform = PVK_PLATFORM_QEMU, .weight = PVK_W_OWN, .least = 1 },
	SIGNATURE("bhyve bhyve ", BHYVE, BHYVE, OWN),
	SIGNATURE("BHyVE BHyVE ", BHYVE, BHYVE, OWN),
	SIGNATURE("ACRNACRNACRN", ACRN, ACRN, OWN),
	SIGNATURE("Jailhouse", JAILHOUSE, JAILHOUSE, OWN),
	/* QNX compares EBX and ECX after a change of byte order; others do not */
	{ .text = "QXNQSBMV", .len = 8, .kind = PVK_IF_QNX, .hv = PVK_HV_QNX,
	  .weight = PVK_W_OWN, .least = 1 },
	{ .text = "QNXQVMBS", .len = 8, .kind = PVK_IF_QNX, .hv = PVK_HV_QNX,
	  .weight = PVK_W_OWN, .least = 1 },
	SIGNATURE("Apple VZ", NONE, APPLE, OWN),
	SIGNATURE("OpenBSDVMM58", NONE, OPENBSD, OWN),
	SIGNATURE("___ NVMM ___", NONE, NVMM, OWN),
	SIGNATURE("HAXMHAXMHAXM", NONE, HAXM, OWN),
	SIGNATURE("UnisysSpar64", NONE, SPAR, OWN),
	SIGNATURE("SRESRESRESRE", NONE, SRE, OWN),
	SIGNATURE("EVMMEVMMEVMM", NONE, EVMM, OWN),
};

const __u32 pvk_signatures = COUNT(pvk_signature);

#define RULE(fact_, match_, text_, hv_, platform_, weight_, alone_) \
	{ .fact = PVK_FACT_ ## fact_, .match = PVK_ ## match_, .text = text_, \
	  .hv = PVK_HV_ ## hv_, .platform = PVK_PLATFORM_ ## platform_, \
	  .weight = PVK_W_ ## weight_, .alone = alone_ }

/*
 * The first that names a platform decides that: the special ones come first.
 * Clouds rent whole machines, too, so theirs never count alone; nor does Microsoft's
 * name, which stands on laptops.
 */
const struct pvk_fact_rule pvk_fact_rule[] = {
	RULE(CHASSIS_TAG, IS, "7783-7084-3265-9085-8269-3286-77", NONE, AZURE, NONE, 0),
	RULE(SYS_VENDOR, IS, "Nutanix", KVM, NUTANIX, COMPANY, 0),
	RULE(SYS_VENDOR, BEGINS, "oVirt", KVM, OVIRT, COMPANY, 0),
	RULE(PRODUCT_NAME, BEGINS, "oVirt", KVM, OVIRT, COMPANY, 0),
	RULE(PRODUCT_NAME, BEGINS, "RHEV", KVM, RHEV, COMPANY, 0),
	RULE(PRODUCT_NAME, BEGINS, "OpenStack", NONE, OPENSTACK, NONE, 0),
	RULE(SYS_VENDOR, BEGINS, "OpenStack", NONE, OPENSTACK, NONE, 0),
	RULE(PRODUCT_NAME, IS, "Google Compute Engine", KVM, GCE, COMPANY, 0),
	RULE(SYS_VENDOR, IS, "Amazon EC2", NONE, EC2, NONE, 0),
	RULE(BIOS_VERSION, HAS, ".amazon", NONE, EC2, NONE, 0),
	RULE(SYS_VENDOR, IS, "DigitalOcean", KVM, DIGITALOCEAN, COMPANY, 0),
	RULE(SYS_VENDOR, IS, "Hetzner", KVM, HETZNER, COMPANY, 0),
	RULE(SYS_VENDOR, IS, "Alibaba Cloud", KVM, ALIBABA, COMPANY, 0),
	RULE(SYS_VENDOR, IS, "Cloud Hypervisor", KVM, CLOUD_HYPERVISOR, COMPANY, 1),
	RULE(SYS_VENDOR, IS, "QEMU", KVM, QEMU, COMPANY, 1),
	RULE(PRODUCT_NAME, IS, "KVM", KVM, QEMU, COMPANY, 1),
	RULE(PRODUCT_NAME, IS, "Bochs", UNKNOWN, BOCHS, COMPANY, 1),
	RULE(SYS_VENDOR, IS, "innotek GmbH", VIRTUALBOX, NONE, MAKER, 1),
	RULE(PRODUCT_NAME, IS, "VirtualBox", VIRTUALBOX, NONE, MAKER, 1),
	RULE(SYS_VENDOR, BEGINS, "Parallels", PARALLELS, NONE, MAKER, 1),
	RULE(SYS_VENDOR, BEGINS, "VMware", VMWARE, NONE, MAKER, 1),
	RULE(PRODUCT_SERIAL, BEGINS, "VMware-", VMWARE, NONE, MAKER, 1),
	/* QEMU answers on VMware's port, too */
	RULE(VMWARE_PORT, IS, "1", VMWARE, NONE, IMITATED, 1),
	RULE(SYS_VENDOR, IS, "Xen", XEN, NONE, MAKER, 1),
	RULE(BIOS_VENDOR, IS, "BHYVE", BHYVE, NONE, MAKER, 1),
	{ .fact = PVK_FACT_PRODUCT_NAME, .match = PVK_IS, .text = "Virtual Machine",
	  .and_fact = PVK_FACT_SYS_VENDOR, .and_text = "Microsoft Corporation",
	  .hv = PVK_HV_HYPERV, .weight = PVK_W_COMPANY, .alone = 1 },
};

const __u32 pvk_fact_rules = COUNT(pvk_fact_rule);

const struct pvk_root_rule pvk_root_rule[] = {
	/* TLFS, feature discovery: CpuManagement, and no Isolation */
	{ .kind = PVK_IF_HYPERV, .leaf = 3, .reg = 1, .bit = 12, .not_bit = 22 },
	/* ACRN: privileged VM */
	{ .kind = PVK_IF_ACRN, .leaf = 1, .reg = 0, .bit = 0, .not_bit = 32 },
};

const __u32 pvk_root_rules = COUNT(pvk_root_rule);

const struct pvk_name pvk_hv_name[PVK_HVS] = {
	[PVK_HV_NONE] = { "none", "none" },
	[PVK_HV_UNKNOWN] = { "unknown", "a hypervisor without a name" },
	[PVK_HV_KVM] = { "kvm", "KVM" },
	[PVK_HV_HYPERV] = { "hyperv", "Microsoft Hyper-V" },
	[PVK_HV_XEN] = { "xen", "Xen" },
	[PVK_HV_VMWARE] = { "vmware", "VMware" },
	[PVK_HV_VIRTUALBOX] = { "virtualbox", "VirtualBox" },
	[PVK_HV_PARALLELS] = { "parallels", "Parallels" },
	[PVK_HV_TCG] = { "tcg", "QEMU's software emulation (TCG)" },
	[PVK_HV_PVM] = { "pvm", "KVM without VMX or SVM (PVM)" },
	[PVK_HV_BHYVE] = { "bhyve", "bhyve" },
	[PVK_HV_ACRN] = { "acrn", "ACRN" },
	[PVK_HV_JAILHOUSE] = { "jailhouse", "Jailhouse" },
	[PVK_HV_QNX] = { "qnx", "QNX Hypervisor" },
	[PVK_HV_APPLE] = { "apple", "Apple Virtualization" },
	[PVK_HV_OPENBSD] = { "openbsd", "OpenBSD vmm" },
	[PVK_HV_NVMM] = { "nvmm", "NetBSD NVMM" },
	[PVK_HV_HAXM] = { "haxm", "Intel HAXM" },
	[PVK_HV_SPAR] = { "spar", "Unisys s-Par" },
	[PVK_HV_SRE] = { "sre", "Lockheed Martin SRE" },
	[PVK_HV_EVMM] = { "evmm", "Intel EVMM" },
	[PVK_HV_TDX] = { "tdx", "Intel TDX module" },
	[PVK_HV_GVISOR] = { "gvisor", "gVisor" },
};

const struct pvk_name pvk_if_name[PVK_IFS] = {
	[PVK_IF_NONE] = { "none", "no known interface" },
	[PVK_IF_KVM] = { "kvm", "KVM" },
	[PVK_IF_HYPERV] = { "hyperv", "Hyper-V" },
	[PVK_IF_XEN] = { "xen", "Xen" },
	[PVK_IF_VMWARE] = { "vmware", "VMware" },
	[PVK_IF_PVKIT] = { "pvkit", "pvkit" },
	[PVK_IF_PVM] = { "pvm", "PVM" },
	[PVK_IF_ACRN] = { "acrn", "ACRN" },
	[PVK_IF_BHYVE] = { "bhyve", "bhyve" },
	[PVK_IF_JAILHOUSE] = { "jailhouse", "Jailhouse" },
	[PVK_IF_QNX] = { "qnx", "QNX" },
	[PVK_IF_TIMING] = { "timing", "frequencies only" },
	[PVK_IF_TDX] = { "tdx", "TDX" },
};

/* Number and arguments of a call on x86-64, and where its status comes back */
const char *const pvk_if_registers[PVK_IFS] = {
	[PVK_IF_KVM] = "number RAX; RBX RCX RDX RSI; status RAX",
	[PVK_IF_HYPERV] = "control word RCX; input RDX, output R8 (addresses); status RAX",
	[PVK_IF_XEN] = "number RAX; RDI RSI RDX R10 R8; status RAX",
	[PVK_IF_VMWARE] = "magic 0x564d5868 EAX; argument EBX, number CX, port or flags DX",
	[PVK_IF_PVKIT] = "number EAX; RBX RCX RSI RDI; status RAX",
	[PVK_IF_PVM] = "number RAX; status RAX",
	[PVK_IF_ACRN] = "number R8; RDI RSI; status RAX",
	[PVK_IF_JAILHOUSE] = "number EAX; RDI RSI; status EAX",
	[PVK_IF_TDX] = "leaf RAX; status RAX",
};

const struct pvk_name pvk_platform_name[PVK_PLATFORMS] = {
	[PVK_PLATFORM_NONE] = { "none", "none" },
	[PVK_PLATFORM_QEMU] = { "qemu", "QEMU" },
	[PVK_PLATFORM_PVKIT] = { "pvkit", "pvkit-vm" },
	[PVK_PLATFORM_KVMTOOL] = { "kvmtool", "kvmtool" },
	[PVK_PLATFORM_CLOUD_HYPERVISOR] = { "cloud-hypervisor", "Cloud Hypervisor" },
	[PVK_PLATFORM_OVIRT] = { "ovirt", "oVirt" },
	[PVK_PLATFORM_RHEV] = { "rhev", "Red Hat Virtualization" },
	[PVK_PLATFORM_NUTANIX] = { "nutanix", "Nutanix AHV" },
	[PVK_PLATFORM_OPENSTACK] = { "openstack", "OpenStack" },
	[PVK_PLATFORM_GCE] = { "gce", "Google Compute Engine" },
	[PVK_PLATFORM_EC2] = { "ec2", "Amazon EC2" },
	[PVK_PLATFORM_AZURE] = { "azure", "Microsoft Azure" },
	[PVK_PLATFORM_DIGITALOCEAN] = { "digitalocean", "DigitalOcean" },
	[PVK_PLATFORM_HETZNER] = { "hetzner", "Hetzner Cloud" },
	[PVK_PLATFORM_ALIBABA] = { "alibaba", "Alibaba Cloud" },
	[PVK_PLATFORM_BOCHS] = { "bochs", "Bochs" },
};

const struct pvk_name pvk_confidence_name[PVK_CONFIDENCES] = {
	[PVK_GUESS] = { "guess", "a guess" },
	[PVK_LIKELY] = { "likely", "likely" },
	[PVK_CERTAIN] = { "certain", "certain" },
};

const struct pvk_name pvk_role_name[PVK_ROLES] = {
	[PVK_ROLE_GUEST] = { "guest", "a guest" },
	[PVK_ROLE_ROOT] = { "root", "the system that owns the hardware" },
};

const struct pvk_name pvk_via_name[PVK_VIAS] = {
	[PVK_VIA_CPUID] = { "cpuid", "CPUID" },
	[PVK_VIA_XEN] = { "xen-prefix", "CPUID behind Xen's prefix" },
	[PVK_VIA_PVM] = { "pvm-prefix", "CPUID behind PVM's prefix" },
};

const struct pvk_name pvk_insn_name[PVK_INSNS] = {
	[PVK_INSN_NONE] = { "none", "none" },
	[PVK_INSN_VMCALL] = { "vmcall", "VMCALL" },
	[PVK_INSN_VMMCALL] = { "vmmcall", "VMMCALL" },
};

const char *const pvk_fact_name[PVK_FACTS] = {
	[PVK_FACT_SYS_VENDOR] = "dmi.sys_vendor",
	[PVK_FACT_PRODUCT_NAME] = "dmi.product_name",
	[PVK_FACT_PRODUCT_VERSION] = "dmi.product_version",
	[PVK_FACT_PRODUCT_SERIAL] = "dmi.product_serial",
	[PVK_FACT_BOARD_VENDOR] = "dmi.board_vendor",
	[PVK_FACT_BIOS_VENDOR] = "dmi.bios_vendor",
	[PVK_FACT_BIOS_VERSION] = "dmi.bios_version",
	[PVK_FACT_CHASSIS_TAG] = "dmi.chassis_asset_tag",
	[PVK_FACT_SYS_HYPERVISOR] = "sys.hypervisor.type",
	[PVK_FACT_XEN_GUEST] = "sys.hypervisor.guest_type",
	[PVK_FACT_XEN_CAPS] = "proc.xen.capabilities",
	[PVK_FACT_GVISOR] = "proc.gvisor",
	[PVK_FACT_VMWARE_PORT] = "vmware.port",
};
