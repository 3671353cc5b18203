// SPDX-License-Identifier: BSD-2-Clause
/*
 * The porting library: clocks. KVM's and Xen's share a layout (Linux,
 * Documentation/virt/kvm/x86/msr.rst; Xen, public/xen.h, struct vcpu_time_info),
 * Hyper-V's is in the TLFS, "Partition Reference Time Enlightenment". The host writes
 * them at any time, and says so by a number that a reader sees change.
 */
#include "clock.h"

#define KVM_SYSTEM_TIME		0x4b564d01u
#define KVM_HAS_CLOCK		3u	/* leaf +1, EAX */
#define KVM_STABLE		24u
#define KVM_ON			1ull

#define HV_REFERENCE_COUNT	0x40000020u
#define HV_REFERENCE_TSC	0x40000021u
#define HV_HAS_COUNT		1u	/* leaf +3, EAX */
#define HV_HAS_TSC		9u
#define HV_ON			1ull

#define XEN_ADD_TO_PHYSMAP	7u	/* memory_op */
#define XEN_SHARED_INFO		0u	/* its space */
#define XEN_SELF		0x7ff0u	/* domain */
#define XEN_TIME		32u	/* of a CPU's 64 bytes in the shared page */
#define XEN_CPUS		32u	/* that the shared page has room for */

#define TRIES			1000u
#define STABLE			1u	/* flags of KVM's and Xen's */

const char *const pvp_clock_name[PVP_CLOCK_KINDS] = { "none", "pvkit", "kvm", "hyperv", "xen" };

/* KVM's and Xen's, per CPU */
struct pvclock {
	__u32 version, pad;
	__u64 tsc, ns;
	__u32 mul;
	signed char shift;
	__u8 flags;
	__u8 reserved[2];
};

PVK_ASSERT_SIZE(struct pvclock, 32);

/* Hyper-V's, one for all */
struct reference {
	__u32 sequence, reserved;	/* 0: not to be used now */
	__u64 scale, offset;
};

/* (ticks << shift) * mul >> 32, modulo 2^64; shift is -31 to 31 */
static __u64 scaled(__u64 ticks, __u32 mul, __s32 shift)
{
	if (shift < 0)
		ticks >>= -shift;
	else
		ticks <<= shift;
	return (ticks >> 32) * mul + ((ticks & 0xffffffffu) * mul >> 32);
}

/* a * b >> 64 */
static __u64 high(__u64 a, __u64 b)
{
	__u64 al = (__u32)a, ah = a >> 32, bl = (__u32)b, bh = b >> 32;
	__u64 middle = ah * bl + (al * bl >> 32);
	__u64 low = al * bh + (__u32)middle;

	return ah * bh + (middle >> 32) + (low >> 32);
}

/* *n / by, the rest stays in *n; a 32-bit compiler would call a library for it */
static __u64 divided(__u64 *n, __u32 by)
{
	__u64 quotient = 0, rest = 0;
	int i;

	for (i = 63; i >= 0; i--) {
		rest = rest << 1 | (*n >> i & 1);
		if (rest >= by) {
			rest -= by;
			quotient |= 1ull << i;
		}
	}
	*n = rest;
	return quotient;
}

/* mul and shift for ticks of so many kHz: a fraction below 1 with all of 32 bits */
static void set_rate(struct pvp_clock *clock, __u32 khz)
{
	__u64 num = 1000000, den = khz;
	__u32 i;

	clock->shift = 0;
	clock->mul = 0;
	for (; num >= den; clock->shift++)
		den <<= 1;
	for (; num << 1 < den; clock->shift--)
		num <<= 1;
	for (i = 0; i < 32; i++) {
		num <<= 1;
		clock->mul <<= 1;
		if (num >= den) {
			num -= den;
			clock->mul |= 1;
		}
	}
}

/* ---- one host each: 0, or why not ---- */

static int open_pvkit(struct pvp_clock *clock, const struct pvp_hv *hv)
{
	struct pvk_info_clock c;
	int ret;

	(void)hv;
	if (!clock->info)
		return -PVK_ENOENT;
	ret = pvp_info_clock(clock->info, &c);
	if (ret)
		return ret;
	if (!c.tsc_khz || !(c.flags & PVK_CLOCK_TSC_STABLE))
		return -PVK_ENOENT;
	clock->tsc_khz = c.tsc_khz;
	clock->start_tsc = c.tsc;
	clock->start_sec = c.sec;
	clock->start_nsec = c.nsec;
	clock->stable = 1;
	set_rate(clock, c.tsc_khz);
	return 0;
}

static int open_kvm(struct pvp_clock *clock, const struct pvp_hv *hv)
{
	if (!pvp_hv_has(hv->kvm, 1, KVM_HAS_CLOCK))
		return -PVK_ENOENT;
	clock->stable = (__u32)pvp_hv_has(hv->kvm, 1, KVM_STABLE);
	return 0;
}

static int open_hyperv(struct pvp_clock *clock, const struct pvp_hv *hv)
{
	if (!pvp_hv_has(hv->hyperv, 3, HV_HAS_TSC) || !pvp_hv_has(hv->hyperv, 3, HV_HAS_COUNT))
		return -PVK_ENOENT;
	clock->page = pvp_os_alloc(PVP_PAGE, &clock->page_gpa);
	if (!clock->page)
		return -PVP_ENOMEM;
	pvp_os_wrmsr(HV_REFERENCE_TSC, clock->page_gpa | HV_ON);
	clock->stable = 1;
	return 0;
}

/* struct xen_add_to_physmap: domain, size, space, index, frame; words of the guest's size */
static int open_xen(struct pvp_clock *clock, const struct pvp_hv *hv)
{
	struct {
		__u16 domain, size;
		__u32 space;
		__UINTPTR_TYPE__ index, frame;
	} add = { .domain = XEN_SELF, .space = XEN_SHARED_INFO };
	__u64 arg[5] = { XEN_ADD_TO_PHYSMAP, (__u64)(__UINTPTR_TYPE__)&add };

	if (!hv->xen)
		return -PVK_ENOENT;
	clock->page = pvp_os_alloc(PVP_PAGE, &clock->page_gpa);
	if (!clock->page)
		return -PVP_ENOMEM;
	add.frame = (__UINTPTR_TYPE__)(clock->page_gpa / PVP_PAGE);
	return pvp_xen_call(hv, PVP_XEN_MEMORY_OP, arg) ? -PVK_EIO : 0;
}

int pvp_clock_open(struct pvp_clock *clock, const struct pvp_hv *hv, const struct pvp_info *info,
		   __u32 kind)
{
	static int (*const open[PVP_CLOCK_KINDS])(struct pvp_clock *, const struct pvp_hv *) = {
		0, open_pvkit, open_kvm, open_hyperv, open_xen,
	};
	int ret = -PVK_ENOENT;
	__u32 i;

	for (i = PVP_CLOCK_PVKIT; i < PVP_CLOCK_KINDS; i++) {
		if (kind && i != kind)
			continue;
		*clock = (struct pvp_clock){ .kind = i, .info = info };
		ret = open[i](clock, hv);
		if (ret != -PVK_ENOENT)
			break;
	}
	if (!ret)
		return 0;
	if (clock->page)
		pvp_os_free(clock->page, PVP_PAGE);
	*clock = (struct pvp_clock){ .kind = PVP_CLOCK_NONE };
	return ret;
}

void pvp_clock_close(struct pvp_clock *clock)
{
	if (clock->kind == PVP_CLOCK_HYPERV)
		pvp_os_wrmsr(HV_REFERENCE_TSC, 0);
	/*
	 * Xen's page is not ours any more: the frame behind it is Xen's for the life of
	 * the guest, and whoever got the address next would write the clock.
	 */
	if (clock->page && clock->kind != PVP_CLOCK_XEN)
		pvp_os_free(clock->page, PVP_PAGE);
	*clock = (struct pvp_clock){ .kind = PVP_CLOCK_NONE };
}

void pvp_clock_start(const struct pvp_clock *clock, struct pvp_cpu *cpu)
{
	if (clock->kind != PVP_CLOCK_KVM)
		return;
	pvp_os_wrmsr(KVM_SYSTEM_TIME, (cpu->gpa + PVP_CPU_CLOCK) | KVM_ON);
	cpu->clock = 1;
}

void pvp_clock_stop(const struct pvp_clock *clock, struct pvp_cpu *cpu)
{
	(void)clock;
	if (cpu->clock)
		pvp_os_wrmsr(KVM_SYSTEM_TIME, 0);
	cpu->clock = 0;
}

/* 1 and *ns, or 0: never at rest, or numbers that no clock has */
static int read_pvclock(const volatile struct pvclock *p, __u64 *ns, __u32 *flags)
{
	__u32 i, version, mul;
	__u64 tsc, base, now;
	__s32 shift;

	for (i = 0; i < TRIES; i++) {
		version = pvk_load_acquire(&p->version);
		tsc = p->tsc;
		base = p->ns;
		mul = p->mul;
		shift = p->shift;
		*flags = p->flags;
		now = pvp_os_rdtsc();
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (version & 1 || p->version != version) {
			pvp_os_relax();
			continue;
		}
		if (!version || !mul || shift < -31 || shift > 31)
			return 0;
		/* A TSC that is a little behind the one that the host took: no time since. */
		*ns = base + scaled(now > tsc ? now - tsc : 0, mul, shift);
		return 1;
	}
	return 0;
}

static int read_reference(const volatile struct reference *p, __u64 *ns)
{
	__u32 i, sequence;
	__u64 scale, offset, now;

	for (i = 0; i < TRIES; i++) {
		sequence = pvk_load_acquire(&p->sequence);
		if (!sequence) {		/* by an exit, then */
			*ns = pvp_os_rdmsr(HV_REFERENCE_COUNT) * 100;
			return 1;
		}
		scale = p->scale;
		offset = p->offset;
		now = pvp_os_rdtsc();
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (p->sequence == sequence) {
			*ns = (high(now, scale) + offset) * 100;	/* units of 100 ns */
			return 1;
		}
		pvp_os_relax();
	}
	return 0;
}

__u64 pvp_clock_ns(struct pvp_clock *clock, const struct pvp_cpu *cpu)
{
	__u64 ns = 0, now;
	__u32 flags = 0;
	int good = 0;

	switch (clock->kind) {
	case PVP_CLOCK_PVKIT:
		now = pvp_os_rdtsc();
		ns = scaled(now > clock->start_tsc ? now - clock->start_tsc : 0, clock->mul,
			    clock->shift);
		good = 1;
		break;
	case PVP_CLOCK_KVM:
		good = cpu->clock && read_pvclock((const volatile void *)(cpu->page + PVP_CPU_CLOCK),
						  &ns, &flags);
		break;
	case PVP_CLOCK_HYPERV:
		good = read_reference(clock->page, &ns);
		break;
	case PVP_CLOCK_XEN:
		good = cpu->vp < XEN_CPUS &&
		       read_pvclock((const volatile void *)((const __u8 *)clock->page +
							    cpu->vp * 64 + XEN_TIME), &ns, &flags);
		break;
	}
	/* KVM's leaf says that the flag counts, the flag that it holds now. */
	if (good && clock->stable && (clock->kind != PVP_CLOCK_KVM || flags & STABLE))
		return ns;
	pvp_os_lock(&clock->lock);
	if (good && ns > clock->last)
		clock->last = ns;
	ns = clock->last;
	pvp_os_unlock(&clock->lock);
	return ns;
}

int pvp_clock_utc(struct pvp_clock *clock, __u64 *sec, __u32 *nsec)
{
	struct pvk_info_clock c;
	__u64 ns, now;
	int ret;

	if (clock->kind != PVP_CLOCK_PVKIT)
		return -PVK_ENOTSUP;
	/* Read anew: the host sets it after a pause, and when its own clock is set. */
	ret = pvp_info_clock(clock->info, &c);
	if (ret)
		return ret;
	now = pvp_os_rdtsc();
	ns = c.nsec + scaled(now > c.tsc ? now - c.tsc : 0, clock->mul, clock->shift);
	*sec = c.sec + divided(&ns, 1000000000u);
	*nsec = (__u32)ns;
	return 0;
}
