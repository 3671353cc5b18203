// SPDX-License-Identifier: BSD-2-Clause
/*
 * The engine of the tables: see judge.h. A test says whether it holds and what it
 * found; the first rule of a row whose tests both hold gives the verdict.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "judge.h"

#define CLOCKS "/sys/devices/system/clocksource/clocksource0/"

const char *const state_word[STATES] = {
	[IN_USE] = "in-use",
	[MOOT] = "moot",
	[OPTIONAL] = "optional",
	[UNUSED] = "unused",
	[WITHHELD] = "withheld",
	[EMULATED] = "emulated",
	[UNKNOWN] = "unknown",
	[NOT_OFFERED] = "not-offered",
};

#define FOUND	128u

/* ---- verdicts ---- */

struct verdict *verdict_add(struct status *r, const char *name, const char *title)
{
	static struct verdict spare;	/* written, never shown: the caller need not care */
	struct verdict *v = &spare;

	if (r->count < VERDICTS)
		v = &r->verdict[r->count++];
	else
		r->left_out++;
	memset(v, 0, sizeof(*v));
	snprintf(v->name, sizeof(v->name), "%s", name);
	snprintf(v->title, sizeof(v->title), "%s", title);
	return v;
}

void verdict_set(struct verdict *v, enum state state, const char *why, const char *advice)
{
	v->state = (__u8)state;
	snprintf(v->why, sizeof(v->why), "%s", why ? why : "");
	snprintf(v->advice, sizeof(v->advice), "%s", advice ? advice : "");
}

void verdict_evidence(struct verdict *v, const char *format, ...)
{
	va_list args;

	if (v->evidences == EVIDENCE)
		return;
	va_start(args, format);
	vsnprintf(v->evidence[v->evidences++], sizeof(v->evidence[0]), format, args);
	va_end(args);
}

void verdict_module(struct status *r, struct verdict *v, const char *module, const char *config)
{
	char where[SNAP_PATH], why[256], advice[256] = "";
	enum look_module is = look_module(r->snap, module, config, where, sizeof(where));

	v->module = module;
	v->config = config;
	switch (is) {
	case LOOK_LOADED:
		snprintf(why, sizeof(why), "the driver %s is there, and did not take it", module);
		snprintf(advice, sizeof(advice), "see why: dmesg | grep -i %.20s", module);
		break;
	case LOOK_AVAILABLE:
		snprintf(why, sizeof(why), "module %s is not loaded", module);
		snprintf(advice, sizeof(advice), "pvkit load, or modprobe %s", module);
		break;
	case LOOK_BLACKLISTED:
		snprintf(why, sizeof(why), "module %s is blacklisted: %.150s", module, where);
		snprintf(advice, sizeof(advice), "take it off that list");
		break;
	case LOOK_MISSING:
		snprintf(why, sizeof(why), "there is no module %s in %.150s", module, where);
		snprintf(advice, sizeof(advice), "install it%s", strncmp(module, "pvk_", 4) ?
			 ", or add it to the initramfs" : ": docs/modules.md");
		break;
	case LOOK_COMPILED_OUT:
		snprintf(why, sizeof(why), "compiled out: CONFIG_%s is not set", config);
		snprintf(advice, sizeof(advice), "use a kernel with that symbol");
		break;
	default:
		snprintf(why, sizeof(why), "module %s is not loaded, and nothing tells whether "
			 "there is one", module);
		snprintf(advice, sizeof(advice), "modprobe %s", module);
		break;
	}
	verdict_evidence(v, "/proc/modules and /sys/module: %s %s", module,
			 is == LOOK_LOADED ? "is there" : "is not there");
	verdict_set(v, UNUSED, why, advice);
}

/* ---- what is offered ---- */

const struct pvk_interface *report_interface(const struct status *r, __u8 kind)
{
	for (unsigned int i = 0; i < r->stack.interfaces; i++)
		if (r->stack.interface[i].kind == kind)
			return &r->stack.interface[i];
	return NULL;
}

static const struct pvk_feature *feature_of(__u8 kind, const char *name, size_t len)
{
	const struct pvk_feature *f = NULL;

	while ((f = pvk_feature_next(kind, f)) != NULL)
		if (strlen(f->name) == len && !strncmp(f->name, name, len))
			return f;
	return NULL;
}

/* Is one of a|b|c offered? The first that is, or the first. */
static bool offered(const struct status *r, __u8 kind, const char *bits, struct verdict *v)
{
	static const char *const reg_name[] = { "EAX", "EBX", "ECX", "EDX" };
	const struct pvk_interface *b = report_interface(r, kind);

	if (!b)
		return false;
	if (!bits)
		return true;
	while (*bits) {
		size_t len = strcspn(bits, "|");
		const struct pvk_feature *f = feature_of(kind, bits, len);
		bool is = f && pvk_feature_offered(b, f);

		if (f && v)
			verdict_evidence(v, "CPUID 0x%x %s bit %u (%s.%s): %s", b->base + f->leaf,
					 reg_name[f->reg],
					 f->bit, pvk_if_name[kind].word, f->name,
					 is ? "offered" : "not offered");
		if (is)
			return true;
		bits += len + (bits[len] == '|');
	}
	return false;
}

/* INTERFACE.NAME */
static bool bit_offered(const struct status *r, const char *name)
{
	size_t len = strcspn(name, ".");

	for (__u8 kind = 1; kind < PVK_IFS; kind++)
		if (strlen(pvk_if_name[kind].word) == len &&
		    !strncmp(pvk_if_name[kind].word, name, len))
			return offered(r, kind, name + len + 1, NULL);
	return false;
}

/* ---- which interface Linux took ---- */

/* name: as the kernel's log and hypervisor.c have it; need: without it, not compiled in */
static const struct {
	__u8 kind;
	const char *name, *clock, *need;
} candidate[] = {
	{ PVK_IF_XEN, "Xen", "xen", "XEN_PVHVM" },
	{ PVK_IF_VMWARE, "VMware", NULL, NULL },
	{ PVK_IF_HYPERV, "Microsoft Hyper-V", "hyperv_clocksource_tsc_page", NULL },
	{ PVK_IF_KVM, "KVM", "kvm-clock", "KVM_GUEST" },
	{ PVK_IF_JAILHOUSE, "Jailhouse", NULL, "JAILHOUSE_GUEST" },
	{ PVK_IF_ACRN, "ACRN", NULL, "ACRN_GUEST" },
};

#define CANDIDATES	(sizeof(candidate) / sizeof(candidate[0]))

/* What hypervisor.c would choose: the highest leaf, the first of equals */
static __u8 would_take(const struct status *r)
{
	__u8 best = PVK_IF_NONE;
	__u32 highest = 0;

	for (size_t i = 0; i < CANDIDATES; i++) {
		const struct pvk_interface *b = report_interface(r, candidate[i].kind);

		if (!b || (candidate[i].need &&
			   look_config(r->snap, candidate[i].need) == LOOK_OFF))
			continue;
		if (candidate[i].kind == PVK_IF_HYPERV &&
		    (!bit_offered(r, "hyperv.hypercall_msrs") ||
		     !bit_offered(r, "hyperv.vp_index")))
			continue;
		/* Xen is found by its own means, "nopv" or not, and refuses it itself */
		if (look_cmdline(r->snap, "nopv", NULL, 0) ||
		    (candidate[i].kind == PVK_IF_XEN && look_cmdline(r->snap, "xen_nopv", NULL, 0)))
			continue;
		if (b->base > highest) {
			highest = b->base;
			best = candidate[i].kind;
		}
	}
	return best;
}

static void find_taken(struct status *r)
{
	const char *said = look_log(r->snap, "Hypervisor detected: ");
	const char *clocks = snap_text(r->snap, CLOCKS "available_clocksource");
	char type[32];

	said = said ? strstr(said, "detected: ") + strlen("detected: ") : NULL;
	r->taken = would_take(r);
	look_line(r->snap, "/sys/hypervisor/type", type, sizeof(type));
	if (!strcmp(type, "xen") && report_interface(r, PVK_IF_XEN)) {
		r->taken = PVK_IF_XEN;
		r->taken_known = true;
	}
	for (size_t i = 0; i < CANDIDATES; i++) {
		if (!report_interface(r, candidate[i].kind))
			continue;
		/* a kernel with pvkit's patches says "pvkit", and uses KVM's as ever */
		if ((said && !strncmp(said, candidate[i].name, strlen(candidate[i].name))) ||
		    (clocks && candidate[i].clock && look_word(clocks, candidate[i].clock))) {
			r->taken = candidate[i].kind;
			r->taken_known = true;
		}
	}
}

/* ---- tests ---- */

bool next_of(const char **list, char *word, size_t size)
{
	size_t n;

	*list += strspn(*list, " ");
	n = strcspn(*list, " ");
	snprintf(word, size, "%.*s", (int)n, *list);
	*list += n;
	return n > 0;
}

/* WORD or WORD=VALUE on the command line */
static bool on_cmdline(const struct snap *s, const char *what)
{
	size_t len = strcspn(what, "=");
	char word[64], value[64];

	snprintf(word, sizeof(word), "%.*s", (int)len, what);
	return look_cmdline(s, word, value, sizeof(value)) &&
	       (!what[len] || !strcmp(value, what + len + 1));
}

static bool holds_of_list(const struct status *r, unsigned int test, const char *list, char *found)
{
	bool all = test == CONFIG_ON || test == FLAG;
	char word[64], clock[64];

	look_line(r->snap, CLOCKS "current_clocksource", clock, sizeof(clock));
	while (next_of(&list, word, sizeof(word))) {
		bool is = test == CMDLINE ? on_cmdline(r->snap, word) :
			  test == CONFIG_OFF ? look_config(r->snap, word) == LOOK_OFF :
			  test == CONFIG_ON ? look_config(r->snap, word) >= LOOK_MODULE :
			  test == FLAG ? look_flag(r->snap, word) :
			  *clock && (!strcmp(word, "*") || !strcmp(word, clock));

		if (is)
			snprintf(found, FOUND, "%s", word);
		if (is != all)
			return is;
	}
	return all;
}

static bool holds_log(const struct status *r, const char *text, char *found)
{
	const char *line = look_log(r->snap, text);

	if (!line)
		return false;
	if (*line == '[')		/* when it was said is no matter */
		line += strcspn(line, "]\n");
	line += *line == ']' ? 1 + strspn(line + 1, " ") : 0;
	snprintf(found, FOUND, "%.*s", (int)strcspn(line, "\n"), line);
	return true;
}

/* "PATH WORD" */
static bool holds_word(const struct status *r, const char *arg, char *found)
{
	char path[128];
	const char *text;

	next_of(&arg, path, sizeof(path));
	text = snap_text(r->snap, path);
	snprintf(found, FOUND, "%.80s:%.40s", path, arg);
	return text && look_word(text, arg + 1);
}

/* "MODULE SYMBOL": it is not there */
static bool holds_module(const struct status *r, const char *arg)
{
	char module[32], config[32], where[SNAP_PATH];

	next_of(&arg, module, sizeof(module));
	return look_module(r->snap, module, next_of(&arg, config, sizeof(config)) ? config : NULL,
			   where, sizeof(where)) != LOOK_LOADED;
}

static bool holds(const struct status *r, const struct row *row, unsigned int test, const char *arg,
		  char *found)
{
	const char *clocks = snap_text(r->snap, CLOCKS "available_clocksource");
	unsigned int major, minor;

	found[0] = 0;
	switch (test) {
	case NOTHING:
		return true;
	case CMDLINE:
	case CONFIG_OFF:
	case CONFIG_ON:
	case FLAG:
	case CLOCK:
		return holds_of_list(r, test, arg, found);
	case LOG:
		return holds_log(r, arg, found);
	case ONE_CPU:
		return look_cpus(r->snap) == 1;
	case BIT:
	case NO_BIT:
		snprintf(found, FOUND, "%s", arg);
		return bit_offered(r, arg) == (test == BIT);
	case CLOCK_THERE:
		snprintf(found, FOUND, "%s", arg);
		return clocks && look_word(clocks, arg);
	case EXISTS:
		snprintf(found, FOUND, "%s", arg);
		return snap_next(r->snap, arg, NULL) != NULL;
	case HAS_WORD:
		return holds_word(r, arg, found);
	case INTERRUPT:
		snprintf(found, FOUND, "%s", arg);
		return look_interrupts(r->snap, arg) > 0;
	case MODULE:
		snprintf(found, FOUND, "%s", arg);
		return holds_module(r, arg);
	case TAKEN:
		snprintf(found, FOUND, "%s", pvk_if_name[r->taken].name);
		return r->taken != PVK_IF_NONE && r->taken != row->kind;
	case NONE_TAKEN:
		return r->taken == PVK_IF_NONE;
	case OLDER:
		look_release(r->snap, found, FOUND);
		return sscanf(arg, "%u.%u", &major, &minor) == 2 &&
		       look_older(r->snap, major, minor);
	default:
		return false;
	}
}

/* @1, @2: what the tests found; @current: the clock source */
static void fill_in(const struct status *r, char *to, size_t size, const char *text,
		    const char *found1, const char *found2)
{
	char clock[64];
	size_t n = 0;

	look_line(r->snap, CLOCKS "current_clocksource", clock, sizeof(clock));
	while (text && *text && n + 1 < size) {
		const char *in = NULL;
		size_t skip = 0;

		if (!strncmp(text, "@current", 8)) {
			in = clock;
			skip = 8;
		} else if (*text == '@' && (text[1] == '1' || text[1] == '2')) {
			in = text[1] == '1' ? found1 : found2;
			skip = 2;
		}
		if (in)
			n += (size_t)snprintf(to + n, size - n, "%s", in);
		else
			to[n++] = *text;
		if (n >= size)
			n = size - 1;
		text += in ? skip : 1;
	}
	to[n] = 0;
}

static void notify_test(struct verdict *v, unsigned int test, const char *found)
{
	static const char *const means[TESTS] = {
		[CMDLINE] = "kernel's command line: %s",
		[CONFIG_OFF] = "configuration: CONFIG_%s is not set",
		[CONFIG_ON] = "configuration: CONFIG_%s is set",
		[LOG] = "kernel's log: %s",
		[ONE_CPU] = "/sys/devices/system/cpu/possible: one",
		[FLAG] = "/proc/cpuinfo: %s",
		[BIT] = "CPUID: %s is offered",
		[NO_BIT] = "CPUID: %s is not offered",
		[CLOCK] = "clock source: %s",
		[CLOCK_THERE] = "clock source that is there: %s",
		[EXISTS] = "there is %s",
		[HAS_WORD] = "%s",
		[INTERRUPT] = "/proc/interrupts: %s",
		[TAKEN] = "Linux took %s",
		[NONE_TAKEN] = "Linux took no hypervisor's interface",
		[OLDER] = "kernel: %s",
	};
	const char *mean = means[test], *at = mean ? strstr(mean, "%s") : NULL;

	if (at)
		verdict_evidence(v, "%.*s%s%s", (int)(at - mean), mean, found, at + 2);
	else if (mean)
		verdict_evidence(v, "%s", mean);
}

static bool apply(struct status *r, const struct row *row, const struct rule *rule,
		  struct verdict *v)
{
	char found1[FOUND], found2[FOUND], why[256], advice[256], module[32];
	const char *arg = rule->test == MODULE ? rule->arg : rule->arg2;

	if (!rule->why && rule->test != MODULE && rule->test2 != MODULE)
		return false;		/* no rule: the table's end */
	if (!holds(r, row, rule->test, rule->arg, found1) ||
	    !holds(r, row, rule->test2, rule->arg2, found2))
		return false;
	notify_test(v, rule->test, found1);
	notify_test(v, rule->test2, found2);
	if (!rule->why) {
		/* the names go on living in the table of devices */
		next_of(&arg, module, sizeof(module));
		for (unsigned int i = 0; i < device_count; i++) {
			if (device_table[i].module && !strcmp(device_table[i].module, module)) {
				verdict_module(r, v, device_table[i].module,
					       device_table[i].config);
				break;
			}
		}
		return true;
	}
	fill_in(r, why, sizeof(why), rule->why, found1, found2);
	fill_in(r, advice, sizeof(advice), rule->advice, found1, found2);
	v->inferred = rule->inferred;
	verdict_set(v, rule->state, why, advice);
	return true;
}

static void judge_row(struct status *r, const struct row *row)
{
	struct verdict *v;

	if (!report_interface(r, row->kind))
		return;
	v = verdict_add(r, row->name, row->title);
	if (!offered(r, row->kind, row->bits, v)) {
		verdict_set(v, row->usual ? WITHHELD : NOT_OFFERED, row->usual ?
			    "the host does not offer it" : "", row->usual);
		if (row->usual)
			snprintf(v->advice, sizeof(v->advice), "ask the host: %s", row->usual);
		return;
	}
	for (unsigned int i = 0; i < guard_count; i++)
		if (guard_table[i].kind == row->kind && apply(r, row, &guard_table[i].rule, v))
			return;
	for (unsigned int i = 0; i < ROW_RULES; i++)
		if (apply(r, row, &row->rule[i], v))
			return;
	verdict_set(v, UNKNOWN, "no rule fits", NULL);
}

/* A hypervisor whose own interface is hidden: none of its features can be found */
static void judge_hidden(struct status *r)
{
	static const struct {
		__u8 hv, kind;
		const char *name, *advice;
	} own[] = {
		{ PVK_HV_KVM, PVK_IF_KVM, "kvm",
		  "have the host show KVM's signature (QEMU: not kvm=off; libvirt: no <hidden>)" },
		{ PVK_HV_HYPERV, PVK_IF_HYPERV, "hyperv", "ask the host" },
		{ PVK_HV_XEN, PVK_IF_XEN, "xen", "ask the host" },
		{ PVK_HV_VMWARE, PVK_IF_VMWARE, "vmware", "ask the host" },
	};
	struct verdict *v;

	for (size_t i = 0; r->stack.layers && i < sizeof(own) / sizeof(own[0]); i++) {
		if (r->stack.layer[0].hv != own[i].hv || report_interface(r, own[i].kind))
			continue;
		v = verdict_add(r, own[i].name, "the hypervisor's own interface");
		verdict_set(v, WITHHELD, "the hypervisor hides its signature: "
			    "none of its features can be found", own[i].advice);
		verdict_evidence(v, "CPUID: no block of %s from 0x40000000 on",
				 pvk_if_name[own[i].kind].name);
	}
}

void judge(const struct snap *snap, struct status *r)
{
	struct dump dump = snap->dump;	/* the callbacks take one that may be written */
	struct pvk_machine machine;

	memset(r, 0, sizeof(*r));
	r->snap = snap;
	dump_machine(&dump, &machine);
	pvk_stack_detect(&machine, &r->stack);
	find_taken(r);
	judge_hidden(r);
	for (unsigned int i = 0; i < row_count; i++)
		judge_row(r, &row_table[i]);
	if (r->stack.layers)
		judge_devices(r);
	for (unsigned int i = 0; i < r->count; i++)
		r->states[r->verdict[i].state]++;
}
