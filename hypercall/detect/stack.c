// SPDX-License-Identifier: BSD-2-Clause
/*
 * From CPUID and facts to a description: see stack.h. Three steps: read every
 * block, find the layers that lie above what CPUID shows, weigh what names the
 * one that CPUID shows.
 */
#include "tables.h"

#define HV1		0x31237648u	/* "Hv#1": this is Hyper-V's interface (TLFS) */
#define TDX_LEAF	0x21u		/* Intel TDX module spec, CPUID leaf 0x21 */

static const struct pvk_cpuid_regs zero_regs;
static const struct pvk_stack zero_stack;

/* ---- texts, without a libc ---- */

static int begins(const char *text, const char *with)
{
	while (*with)
		if (*text++ != *with++)
			return 0;
	return 1;
}

static int same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

static int has(const char *text, const char *part)
{
	for (; *text; text++)
		if (begins(text, part))
			return 1;
	return 0;
}

/* ---- blocks ---- */

static int regs_equal(const struct pvk_cpuid_regs *a, const struct pvk_cpuid_regs *b)
{
	return a->eax == b->eax && a->ebx == b->ebx && a->ecx == b->ecx && a->edx == b->edx;
}

/* The row of a signature, or NULL */
static const struct pvk_signature *signature_row(const struct pvk_cpuid_regs *r)
{
	for (__u32 i = 0; i < pvk_signatures; i++) {
		const struct pvk_signature *s = &pvk_signature[i];
		__u32 n = 0;

		while (n < s->len && pvk_signature_byte(r, n) == (__u8)s->text[n])
			n++;
		if (n == s->len)
			return s;
	}
	return (const struct pvk_signature *)0;
}

/* What a block that no table knows may be: a name of at least 4 letters, or timing only. */
static int block_plausible(const struct pvk_cpuid_regs *r, __u32 base)
{
	char text[PVK_SIGNATURE_TEXT];

	if (r->eax < base || r->eax >= base + PVK_CPUID_STEP)
		return 0;
	if (!r->ebx && !r->ecx && !r->edx)
		return r->eax == base + PVK_LEAF_TIMING;
	return !pvk_signature_text(text, r) && text[3];
}

static void versions(struct pvk_interface *b)
{
	const struct pvk_cpuid_regs *leaf = b->leaf;

	switch (b->kind) {
	case PVK_IF_XEN:
		b->major = leaf[1].eax >> 16;
		b->minor = leaf[1].eax & 0xffff;
		b->tsc_khz = leaf[3].ecx;
		break;
	case PVK_IF_HYPERV:
		b->major = leaf[2].ebx >> 16;
		b->minor = leaf[2].ebx & 0xffff;
		b->build = leaf[2].eax;
		break;
	case PVK_IF_PVKIT:
		b->major = PVK_VERSION_MAJOR(leaf[PVK_CPUID_VERSION].eax);
		b->minor = PVK_VERSION_MINOR(leaf[PVK_CPUID_VERSION].eax);
		break;
	default:
		break;
	}
	/* VMware's convention, taken up by ACRN, QEMU and VirtualBox */
	if (!b->tsc_khz)
		b->tsc_khz = b->timing.eax;
}

/* The way to call, by what the block says; nothing here was tried. */
static void calling(struct pvk_interface *b, int amd)
{
	__u8 native = amd ? PVK_INSN_VMMCALL : PVK_INSN_VMCALL;

	switch (b->kind) {
	case PVK_IF_KVM:
	case PVK_IF_JAILHOUSE:
		b->calling = PVK_CALLING_INSTRUCTION;
		b->insn = native;
		break;
	case PVK_IF_ACRN:
		b->calling = PVK_CALLING_INSTRUCTION;
		b->insn = PVK_INSN_VMCALL;
		break;
	case PVK_IF_TDX:
		b->calling = PVK_CALLING_INSTRUCTION;
		break;
	case PVK_IF_HYPERV:
		/* after the guest's identity in MSR 0x40000000; EAX bit 5: may be used */
		if (b->leaf[3].eax & 1u << 5) {
			b->calling = PVK_CALLING_PAGE;
			b->where = 0x40000001;
		}
		break;
	case PVK_IF_XEN:
		if (b->via == PVK_VIA_XEN) {
			b->calling = PVK_CALLING_SYSCALL;
		} else if (b->leaf[2].eax) {
			b->calling = PVK_CALLING_PAGE;
			b->where = b->leaf[2].ebx;
			b->insn = native;
		}
		break;
	case PVK_IF_VMWARE:
		b->calling = PVK_CALLING_PORT;
		b->where = 0x5658;
		if (b->timing.ecx & 1)
			b->insn = PVK_INSN_VMMCALL;
		else if (b->timing.ecx & 2)
			b->insn = PVK_INSN_VMCALL;
		break;
	case PVK_IF_PVKIT:
		if (b->leaf[PVK_CPUID_TRANSFER].eax & PVK_TRANSFER_PIO) {
			b->calling = PVK_CALLING_PORT;
			b->where = b->leaf[PVK_CPUID_TRANSFER].ebx;
		}
		break;
	case PVK_IF_PVM:
		b->calling = PVK_CALLING_SYSCALL;
		break;
	default:
		break;
	}
}

/* What the rest of a block's first leaf and its +1 say of its kind. */
static __u8 kind_of(const struct pvk_signature *row, const struct pvk_interface *b)
{
	__u8 kind = row ? row->kind : PVK_IF_NONE;
	int hv1 = b->leaves > 1 && b->leaf[1].eax == HV1;

	if (!row && !b->signature[0])
		return PVK_IF_TIMING;
	if (b->via == PVK_VIA_PVM)
		return PVK_IF_PVM;
	/* the interface counts, not the name (TLFS): ACRN, too, can be built to offer it */
	if (kind == PVK_IF_NONE || kind == PVK_IF_HYPERV || kind == PVK_IF_ACRN)
		return hv1 ? PVK_IF_HYPERV : kind == PVK_IF_HYPERV ? PVK_IF_NONE : kind;
	return kind;
}

/* The block at base, if there is one, becomes the next interface. */
static void read_block(struct pvk_stack *s, pvk_cpuid_fn cpuid, void *context, __u8 via, __u32 base)
{
	/* the one signature that can be behind a prefix */
	static const __u8 prefixed[PVK_VIAS] = {
		[PVK_VIA_XEN] = PVK_IF_XEN, [PVK_VIA_PVM] = PVK_IF_KVM,
	};
	const struct pvk_signature *row;
	struct pvk_interface *b;
	struct pvk_cpuid_regs r = zero_regs;
	__u32 last, i;

	cpuid(context, base, &r);
	row = signature_row(&r);
	if (via != PVK_VIA_CPUID ? !row || row->kind != prefixed[via] :
	    !row && !block_plausible(&r, base))
		return;
	for (i = 0; i < s->interfaces; i++) {
		b = &s->interface[i];
		if (regs_equal(&b->leaf[0], &r) && (b->via == via || via == PVK_VIA_XEN)) {
			if (s->echoes < 255)
				s->echoes++;
			return;
		}
	}
	if (s->interfaces == PVK_INTERFACES) {
		if (s->left_out < 255)
			s->left_out++;
		return;
	}
	b = &s->interface[s->interfaces++];
	b->base = base;
	b->via = via;
	b->leaf[0] = r;
	b->hv = row ? row->hv : r.ebx ? PVK_HV_UNKNOWN : PVK_HV_NONE;
	if (row && row->platform && !s->platform)
		s->platform = row->platform;
	pvk_signature_text(b->signature, &r);

	last = r.eax >= base && r.eax < base + PVK_CPUID_STEP ? r.eax - base : 0;
	if (row && last + 1 < row->least)
		last = row->least - 1u;
	b->leaves = last + 1;
	for (i = 1; i <= last && i < PVK_LEAVES; i++)
		cpuid(context, base + i, &b->leaf[i]);
	if (last >= PVK_LEAF_TIMING)
		cpuid(context, base + PVK_LEAF_TIMING, &b->timing);
	b->kind = kind_of(row, b);
	if (b->kind == PVK_IF_PVM)
		b->hv = PVK_HV_PVM;
	versions(b);
	calling(b, s->amd);
}

/* Intel's TDX module answers like a basic leaf: the signature in EBX, EDX, ECX. */
static void read_tdx(struct pvk_stack *s, const struct pvk_machine *m)
{
	static const char text[] = "IntelTDX    ";
	struct pvk_cpuid_regs r, t;
	struct pvk_interface *b;

	m->cpuid(m->context, 0, &r);
	if (r.eax < TDX_LEAF || s->interfaces == PVK_INTERFACES)
		return;
	m->cpuid(m->context, TDX_LEAF, &r);
	t = r;
	t.ecx = r.edx;
	t.edx = r.ecx;
	for (__u32 i = 0; i < PVK_SIGNATURE_LEN; i++)
		if (pvk_signature_byte(&t, i) != (__u8)text[i])
			return;
	b = &s->interface[s->interfaces++];
	b->base = TDX_LEAF;
	b->kind = PVK_IF_TDX;
	b->hv = PVK_HV_TDX;
	b->leaf[0] = r;
	b->leaves = 1;
	pvk_signature_text(b->signature, &t);
	calling(b, s->amd);
}

/* ---- layers ---- */

static void say(struct pvk_stack *s, __u32 layer, __u8 saying, __u32 what, __u8 hv)
{
	struct pvk_evidence *e;

	if (s->evidences == PVK_EVIDENCE)
		return;
	e = &s->evidence[s->evidences++];
	e->saying = saying;
	e->what = (__u8)what;
	e->hv = hv;
	e->layer = (__u8)layer;
}

/* The next layer below; there is always room: no more kinds are looked for. */
static struct pvk_layer *add_layer(struct pvk_stack *s, __u8 hv, __u8 confidence)
{
	struct pvk_layer *l = &s->layer[s->layers++];

	l->hv = hv;
	l->confidence = confidence;
	return l;
}

static int fact_holds(const struct pvk_machine *m, const struct pvk_fact_rule *r)
{
	const char *text = m->fact[r->fact];

	if (!text || (r->and_text && (!m->fact[r->and_fact] ||
				      !same(m->fact[r->and_fact], r->and_text))))
		return 0;
	return r->match == PVK_IS ? same(text, r->text) :
	       r->match == PVK_BEGINS ? begins(text, r->text) : has(text, r->text);
}

static int fact_is(const struct pvk_machine *m, __u32 fact, const char *text)
{
	return m->fact[fact] && same(m->fact[fact], text);
}

static int told(const struct pvk_machine *m, __u32 fact)
{
	return m->fact[fact] && m->fact[fact][0];
}

/* Of the interfaces of this kind, or read this way, the first; else -1. */
static int find_interface(const struct pvk_stack *s, int kind, int via)
{
	for (__u32 i = 0; i < s->interfaces; i++)
		if ((kind < 0 || s->interface[i].kind == kind) &&
		    (via < 0 || s->interface[i].via == via))
			return (int)i;
	return -1;
}

/* The layers above the one that plain CPUID shows, and their interfaces. */
static void upper_layers(struct pvk_stack *s, const struct pvk_machine *m)
{
	int i;

	if (fact_is(m, PVK_FACT_GVISOR, "1")) {
		say(s, s->layers, PVK_SAYS_FACT, PVK_FACT_GVISOR, PVK_HV_GVISOR);
		add_layer(s, PVK_HV_GVISOR, PVK_CERTAIN);
	}
	i = find_interface(s, -1, PVK_VIA_PVM);
	if (i >= 0) {
		s->interface[i].layer = s->layers;
		say(s, s->layers, PVK_SAYS_SIGNATURE, (__u32)i, PVK_HV_PVM);
		add_layer(s, PVK_HV_PVM, PVK_CERTAIN);
	}
	i = find_interface(s, -1, PVK_VIA_XEN);
	if (i >= 0) {
		s->interface[i].layer = s->layers;
		say(s, s->layers, PVK_SAYS_SIGNATURE, (__u32)i, PVK_HV_XEN);
		add_layer(s, PVK_HV_XEN, PVK_CERTAIN);
	} else if (find_interface(s, PVK_IF_XEN, -1) < 0 &&
		   fact_is(m, PVK_FACT_SYS_HYPERVISOR, "xen")) {
		say(s, s->layers, PVK_SAYS_FACT, PVK_FACT_SYS_HYPERVISOR, PVK_HV_XEN);
		add_layer(s, PVK_HV_XEN, PVK_CERTAIN);
	}
	i = find_interface(s, PVK_IF_TDX, -1);
	if (i >= 0) {
		s->interface[i].layer = s->layers;
		say(s, s->layers, PVK_SAYS_SIGNATURE, (__u32)i, PVK_HV_TDX);
		add_layer(s, PVK_HV_TDX, PVK_CERTAIN);
	}
}

enum { BY_SIGNATURE = 1, BY_DMI = 2, BY_PORT = 4 };

struct scale {
	__u8 weight[PVK_HVS];	/* the heaviest sign of each */
	__u8 by[PVK_HVS];	/* the ways that speak for it */
};

static void weigh(struct scale *w, __u8 hv, __u8 weight, __u8 by)
{
	w->by[hv] |= by;
	if (weight > w->weight[hv])
		w->weight[hv] = weight;
}

/* Blocks of plain CPUID, TDX's left out. Returns how many. */
static __u32 weigh_blocks(struct pvk_stack *s, struct scale *w)
{
	__u32 blocks = 0;

	for (__u32 i = 0; i < s->interfaces; i++) {
		struct pvk_interface *b = &s->interface[i];
		const struct pvk_signature *row;

		if (b->via != PVK_VIA_CPUID || b->kind == PVK_IF_TDX)
			continue;
		blocks++;
		b->layer = s->layers;
		say(s, s->layers, PVK_SAYS_SIGNATURE, i, b->hv);
		row = signature_row(&b->leaf[0]);
		if (row)
			weigh(w, row->hv, row->weight, BY_SIGNATURE);
		else if (b->kind == PVK_IF_TIMING)	/* what VirtualBox's "Minimal" shows */
			weigh(w, PVK_HV_VIRTUALBOX, PVK_W_IMITATED, 0);
		else
			weigh(w, PVK_HV_UNKNOWN, PVK_W_IMITATED, BY_SIGNATURE);
	}
	return blocks;
}

static void weigh_facts(struct pvk_stack *s, const struct pvk_machine *m, struct scale *w)
{
	for (__u32 i = 0; i < pvk_fact_rules; i++) {
		const struct pvk_fact_rule *r = &pvk_fact_rule[i];

		if ((!s->hypervisor_bit && !r->alone) || !fact_holds(m, r))
			continue;
		if (r->platform && (!s->platform || s->platform == PVK_PLATFORM_QEMU))
			s->platform = r->platform;
		if (r->hv) {
			say(s, s->layers, PVK_SAYS_FACT, r->fact, r->hv);
			weigh(w, r->hv, r->weight,
			      r->fact == PVK_FACT_VMWARE_PORT ? BY_PORT : BY_DMI);
		}
	}
}

/* The interface of the layer that says so, or -1 */
static int root_by(const struct pvk_stack *s, __u32 layer)
{
	for (__u32 i = 0; i < s->interfaces; i++) {
		const struct pvk_interface *b = &s->interface[i];

		for (__u32 n = 0; n < pvk_root_rules; n++) {
			const struct pvk_root_rule *r = &pvk_root_rule[n];
			__u32 value;

			if (b->layer != layer || b->kind != r->kind)
				continue;
			value = pvk_reg(&b->leaf[r->leaf], r->reg);
			if (value >> r->bit & 1 && (r->not_bit > 31 || !(value >> r->not_bit & 1)))
				return (int)i;
		}
	}
	return -1;
}

/* The layer that plain CPUID, or DMI alone, shows. */
static void shown_layer(struct pvk_stack *s, const struct pvk_machine *m)
{
	static const struct scale empty;
	struct scale w = empty;
	__u32 blocks = weigh_blocks(s, &w);
	__u8 best = PVK_HV_UNKNOWN, by;
	struct pvk_layer *l;
	int root;

	weigh_facts(s, m, &w);
	/* KVM can offer Xen's interface (QEMU's xen-version); Xen never offers KVM's */
	if (w.by[PVK_HV_XEN] & w.by[PVK_HV_KVM] & BY_SIGNATURE)
		weigh(&w, PVK_HV_KVM, PVK_W_PROOF, 0);
	for (__u8 hv = 0; hv < PVK_HVS; hv++)
		if (w.weight[hv] > w.weight[best])
			best = hv;
	if (!w.weight[best] && !s->hypervisor_bit)
		return;
	if (!s->hypervisor_bit && w.weight[best] < PVK_W_MAKER)
		best = PVK_HV_UNKNOWN;	/* QEMU has several engines */
	if (!w.weight[best] && s->hypervisor_bit)
		say(s, s->layers, PVK_SAYS_BIT, 0, PVK_HV_UNKNOWN);
	l = add_layer(s, best, PVK_LIKELY);
	by = w.by[best];
	root = root_by(s, s->layers - 1u);
	if (root >= 0) {
		l->role = PVK_ROLE_ROOT;
		say(s, s->layers - 1u, PVK_SAYS_ROOT, (__u32)root, best);
	}
	if (w.weight[best] >= PVK_W_OWN || (by & (by - 1)) || l->role == PVK_ROLE_ROOT ||
	    (w.weight[best] == PVK_W_SHARED &&
	     (told(m, PVK_FACT_SYS_VENDOR) || told(m, PVK_FACT_PRODUCT_NAME))))
		l->confidence = PVK_CERTAIN;
	else if (w.weight[best] < PVK_W_MAKER && (!blocks || !s->hypervisor_bit))
		l->confidence = PVK_GUESS;
}

/* Hyper-V tells its guests that it is itself a guest of another Hyper-V. */
static void lower_layer(struct pvk_stack *s)
{
	int i = find_interface(s, PVK_IF_HYPERV, PVK_VIA_CPUID);

	if (i < 0 || !(s->interface[i].leaf[4].eax & 1u << 12))
		return;
	say(s, s->layers, PVK_SAYS_NESTED, (__u32)i, PVK_HV_HYPERV);
	add_layer(s, PVK_HV_HYPERV, PVK_LIKELY);
}

static int is_amd(const struct pvk_cpuid_regs *r)
{
	/* "AuthenticAMD", "HygonGenuine": EBX, EDX, ECX */
	return (r->ebx == 0x68747541 && r->edx == 0x69746e65 && r->ecx == 0x444d4163) ||
	       (r->ebx == 0x6f677948 && r->edx == 0x6e65476e && r->ecx == 0x656e6975);
}

void pvk_stack_detect(const struct pvk_machine *m, struct pvk_stack *s)
{
	struct pvk_cpuid_regs r = zero_regs;
	__u32 base;
	int i;

	*s = zero_stack;
	m->cpuid(m->context, 0, &r);
	s->amd = (__u8)is_amd(&r);
	m->cpuid(m->context, 1, &r);
	s->hypervisor_bit = r.ecx >> 31;
	if (s->hypervisor_bit) {
		for (base = PVK_CPUID_FIRST; base <= PVK_CPUID_LAST; base += PVK_CPUID_STEP)
			read_block(s, m->cpuid, m->context, PVK_VIA_CPUID, base);
		read_tdx(s, m);
	}
	/* behind a prefix only these two answer, at the first base */
	if (m->cpuid_xen)
		read_block(s, m->cpuid_xen, m->context, PVK_VIA_XEN, PVK_CPUID_FIRST);
	if (m->cpuid_pvm)
		read_block(s, m->cpuid_pvm, m->context, PVK_VIA_PVM, PVK_CPUID_FIRST);

	upper_layers(s, m);
	shown_layer(s, m);
	lower_layer(s);
	if (m->fact[PVK_FACT_XEN_CAPS] && has(m->fact[PVK_FACT_XEN_CAPS], "control_d"))
		for (i = 0; i < s->layers; i++)
			if (s->layer[i].hv == PVK_HV_XEN) {
				s->layer[i].role = PVK_ROLE_ROOT;
				say(s, (__u32)i, PVK_SAYS_FACT, PVK_FACT_XEN_CAPS, PVK_HV_XEN);
			}
}

int pvk_feature_offered(const struct pvk_interface *b, const struct pvk_feature *f)
{
	const struct pvk_cpuid_regs *r = f->leaf == PVK_LEAF_TIMING ? &b->timing :
					 f->leaf < PVK_LEAVES ? &b->leaf[f->leaf] : &zero_regs;

	return f->kind == b->kind && (pvk_reg(r, f->reg) >> f->bit & 1);
}
