// SPDX-License-Identifier: BSD-2-Clause
/* Questions to a snapshot: see look.h. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "look.h"

#define COUNT(table)	(sizeof(table) / sizeof((table)[0]))

/*
 * Functions that are there if the symbol is on, and never if it is off; in 5.10 to
 * 6.12. Used where no configuration can be read.
 */
static const struct {
	const char *symbol, *function;
} proof[] = {
	{ "PARAVIRT", "native_steal_clock" },
	{ "PARAVIRT_SPINLOCKS", "__pv_queued_spin_lock_slowpath" },
	{ "KVM_GUEST", "kvm_steal_clock" },
	{ "HYPERV", "hv_cpu_init" },
	{ "HYPERV_TIMER", "hv_init_clocksource" },
	{ "XEN_PVHVM", "xen_hvm_cpu_up_prepare" },
	{ "XEN", "xen_vcpu_setup" },
	{ "HYPERVISOR_GUEST", "init_hypervisor_platform" },
	{ "SMP", "smp_call_function_many" },
	{ "PVKIT_GUEST", "pvkit_call" },
};

void look_line(const struct snap *s, const char *path, char *text, size_t size)
{
	const char *from = snap_text(s, path);
	size_t n = 0;

	text[0] = 0;
	if (!from)
		return;
	from += strspn(from, " \t");
	n = strcspn(from, "\n");
	while (n && isspace((unsigned char)from[n - 1]))
		n--;
	snprintf(text, size, "%.*s", (int)n, from);
}

bool look_word(const char *text, const char *word)
{
	size_t len = strlen(word);

	while (*text) {
		size_t n = strcspn(text, " \t\n");

		if (n == len && !strncmp(text, word, n))
			return true;
		text += n;
		text += strspn(text, " \t\n");
	}
	return false;
}

static bool same(char a, char b)
{
	return (a == '-' ? '_' : a) == (b == '-' ? '_' : b);
}

bool look_same_module(const char *a, size_t len, const char *b)
{
	if (strlen(b) != len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!same(a[i], b[i]))
			return false;
	return true;
}

void look_release(const struct snap *s, char *text, size_t size)
{
	look_line(s, "/proc/sys/kernel/osrelease", text, size);
}

bool look_older(const struct snap *s, unsigned int major, unsigned int minor)
{
	unsigned int a, b;
	char text[128];

	look_release(s, text, sizeof(text));
	if (sscanf(text, "%3u.%4u", &a, &b) != 2)
		return false;
	return a < major || (a == major && b < minor);
}

/* ---- the command line ---- */

/* The word at *at; its length, 0 at the end. A double quote may hold blanks. */
static size_t next_word(const char **at)
{
	bool quoted = false;
	size_t n = 0;

	*at += strspn(*at, " \t\n");
	for (; (*at)[n] && (quoted || !isspace((unsigned char)(*at)[n])); n++)
		if ((*at)[n] == '"')
			quoted = !quoted;
	return n;
}

bool look_cmdline(const struct snap *s, const char *word, char *value, size_t size)
{
	const char *at = snap_text(s, "/proc/cmdline");
	bool found = false;
	size_t n, name;

	if (!at)
		return false;
	while ((n = next_word(&at)) > 0) {
		size_t quote = *at == '"' && n > 1;

		if (n == 2 && !strncmp(at, "--", 2))
			break;			/* the rest is init's */
		for (name = quote; name < n && at[name] != '=' && at[name] != '"'; name++)
			;
		if (look_same_module(at + quote, name - quote, word)) {
			found = true;
			if (value && name < n && at[name] == '=') {
				size_t from = name + 1, end = n;

				from += from < end && at[from] == '"';
				end -= end > from && at[end - 1] == '"';
				snprintf(value, size, "%.*s", (int)(end - from), at + from);
			} else if (value) {
				value[0] = 0;
			}
		}
		at += n;
	}
	return found;
}

/* Is the name in a list a,b,c? */
static bool in_list(const char *list, const char *name)
{
	while (*list) {
		size_t n = strcspn(list, ",");

		if (look_same_module(list, n, name))
			return true;
		list += n + (list[n] == ',');
	}
	return false;
}

/* ---- the configuration ---- */

enum look_config look_config(const struct snap *s, const char *symbol)
{
	const char *text = snap_text(s, LOOK_CONFIG), *functions = snap_text(s, LOOK_SYMBOLS);
	char line[96];
	size_t len;

	if (text) {
		len = (size_t)snprintf(line, sizeof(line), "CONFIG_%s=", symbol);
		for (; *text; text += strcspn(text, "\n"), text += *text == '\n')
			if (!strncmp(text, line, len))
				return text[len] == 'm' ? LOOK_MODULE : LOOK_BUILTIN;
		return LOOK_OFF;
	}
	for (size_t i = 0; functions && *functions && i < COUNT(proof); i++)
		if (!strcmp(proof[i].symbol, symbol))
			return look_word(functions, proof[i].function) ? LOOK_BUILTIN : LOOK_OFF;
	return LOOK_CONFIG_UNKNOWN;
}

bool look_wants_symbol(const char *function, size_t len)
{
	for (size_t i = 0; i < COUNT(proof); i++)
		if (strlen(proof[i].function) == len && !strncmp(proof[i].function, function, len))
			return true;
	return false;
}

/* ---- modules ---- */

/* Is it in a list of module files: lines PATH/NAME.ko[.xz][:...]? */
static bool listed(const char *text, const char *module)
{
	while (text && *text) {
		size_t path = strcspn(text, ":\n"), at = path, dot;

		while (at && text[at - 1] != '/')
			at--;
		dot = at + strcspn(text + at, ".:\n");
		if (look_same_module(text + at, dot - at, module))
			return true;
		text += path;
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	return false;
}

static bool loaded(const struct snap *s, const char *module)
{
	const char *text = snap_text(s, "/proc/modules");

	while (text && *text) {
		size_t n = strcspn(text, " \n");

		if (look_same_module(text, n, module))
			return true;
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	return false;
}

/* Is the line "blacklist MODULE", or "install MODULE" of a command that loads nothing? */
static bool forbids(const char *line, const char *module)
{
	size_t n = strcspn(line, " \t"), name;
	const char *at = line + n + strspn(line + n, " \t"), *rest;

	name = strcspn(at, " \t\n");
	if (!look_same_module(at, name, module))
		return false;
	if (n == 9 && !strncmp(line, "blacklist", n))
		return true;
	rest = at + name + strspn(at + name, " \t");
	n = n == 7 && !strncmp(line, "install", n) ? strcspn(rest, " \t\n") : 0;
	while (n && memchr(rest, '/', n)) {
		rest++;
		n--;
	}
	return (n == 4 && !strncmp(rest, "true", n)) || (n == 5 && !strncmp(rest, "false", n));
}

static bool blacklisted(const struct snap *s, const char *module, char *where, size_t size)
{
	static const char *const word[] = { "module_blacklist", "modprobe.blacklist" };
	char list[512];

	for (size_t i = 0; i < COUNT(word); i++) {
		if (!look_cmdline(s, word[i], list, sizeof(list)) || !in_list(list, module))
			continue;
		snprintf(where, size, "%s= on the kernel's command line", word[i]);
		return true;
	}
	for (size_t i = 0; i < s->count; i++) {
		const char *line = s->entry[i].text;

		if (s->entry[i].kind != SNAP_FILE || !strstr(s->entry[i].path, "/modprobe.d/"))
			continue;
		for (; *line; line += strcspn(line, "\n"), line += *line == '\n') {
			if (!forbids(line, module))
				continue;
			snprintf(where, size, "%s", s->entry[i].path);
			return true;
		}
	}
	return false;
}

enum look_module look_module(const struct snap *s, const char *module, const char *config,
			     char *where, size_t size)
{
	char path[SNAP_PATH], release[128];
	const char *builtin, *dep;
	enum look_config built = config ? look_config(s, config) : LOOK_CONFIG_UNKNOWN;

	where[0] = 0;
	look_release(s, release, sizeof(release));
	snprintf(path, sizeof(path), "/sys/module/%s", module);
	if (loaded(s, module) || snap_has(s, path) || built == LOOK_BUILTIN)
		return LOOK_LOADED;
	snprintf(path, sizeof(path), "/lib/modules/%s/modules.builtin", release);
	builtin = snap_text(s, path);
	if (listed(builtin, module))
		return LOOK_LOADED;
	snprintf(path, sizeof(path), "/lib/modules/%s/modules.dep", release);
	dep = snap_text(s, path);
	if (dep && listed(dep, module))
		return blacklisted(s, module, where, size) ? LOOK_BLACKLISTED : LOOK_AVAILABLE;
	snprintf(where, size, "/lib/modules/%s", release);
	if (built == LOOK_OFF)
		return LOOK_COMPILED_OUT;
	return dep || built == LOOK_MODULE ? LOOK_MISSING : LOOK_MODULE_UNKNOWN;
}

/* ---- what it does ---- */

unsigned int look_cpus(const struct snap *s)
{
	char text[256], *last = text;

	look_line(s, "/sys/devices/system/cpu/possible", text, sizeof(text));
	if (!isdigit((unsigned char)*text))
		return 0;
	for (char *c = text; *c; c++)
		if (*c == '-' || *c == ',')
			last = c + 1;
	return (unsigned int)strtoul(last, NULL, 10) + 1;
}

bool look_flag(const struct snap *s, const char *flag)
{
	const char *text = snap_text(s, "/proc/cpuinfo");

	return text && look_word(text, flag);
}

const char *look_log(const struct snap *s, const char *text)
{
	const char *log = snap_text(s, LOOK_LOG), *at = log ? strstr(log, text) : NULL;

	while (at && at > log && at[-1] != '\n')
		at--;
	return at;
}

bool look_log_complete(const struct snap *s)
{
	return look_log(s, "Linux version ") != NULL;
}

long look_interrupts(const struct snap *s, const char *label)
{
	const char *text = snap_text(s, "/proc/interrupts");
	size_t len = strlen(label);

	for (; text && *text; text += strcspn(text, "\n"), text += *text == '\n') {
		const char *at = text + strspn(text, " ");
		char *end;
		long sum = 0;

		if (strncmp(at, label, len) || at[len] != ':')
			continue;
		at += len + 1;
		for (;;) {
			at += strspn(at, " ");
			if (!isdigit((unsigned char)*at))
				return sum;
			sum += strtol(at, &end, 10);
			at = end;
		}
	}
	return -1;
}
