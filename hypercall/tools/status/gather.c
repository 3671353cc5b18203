// SPDX-License-Identifier: BSD-2-Clause
/*
 * Filling a snapshot: see gather.h. Of long files only the lines that the
 * tables can ask for are kept, so a snapshot is short and tells little else of a system.
 */
#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zlib.h>

#include "gather.h"
#include "judge.h"

#define COUNT(table)	(sizeof(table) / sizeof((table)[0]))

#define FILE_MOST	(64u << 20)	/* bytes read of a file: kallsyms has 12 MB */
#define MODULES		"/lib/modules/%s/"

typedef bool (*keep_fn)(const char *line, size_t len);

static bool keep_config(const char *line, size_t len)
{
	size_t name = len > 7 ? strcspn(line + 7, "= \n") : 0;

	return name && len > 7 + name && line[7 + name] == '=' && !strncmp(line, "CONFIG_", 7) &&
	       wants_config(line + 7, name);
}

/* NAME of PATH/NAME.ko... */
static bool keep_module_file(const char *line, size_t len)
{
	size_t end = 0, at, name;

	while (end < len && line[end] != ':')
		end++;
	for (at = end; at && line[at - 1] != '/'; at--)
		;
	for (name = 0; at + name < end && line[at + name] != '.'; name++)
		;
	return wants_module(line + at, name);
}

static bool keep_module(const char *line, size_t len)
{
	size_t n = 0;

	while (n < len && line[n] != ' ')
		n++;
	return wants_module(line, n);
}

/* blacklist NAME, install NAME ... */
static bool keep_modprobe(const char *line, size_t len)
{
	size_t n = strcspn(line, " \t\n"), at;

	if (n >= len || (strncmp(line, "blacklist", n) && strncmp(line, "install", n)))
		return false;
	at = n + strspn(line + n, " \t");
	return at < len && wants_module(line + at, strcspn(line + at, " \t\n"));
}

static bool keep_interrupts(const char *line, size_t len)
{
	size_t at = strspn(line, " ");

	return len > at + 4 && line[at + 3] == ':' &&
	       (!strncmp(line + at, "HYP", 3) || !strncmp(line + at, "HVS", 3));
}

/* The first processor's flags */
static bool keep_flags(const char *line, size_t len)
{
	return len > 5 && !strncmp(line, "flags", 5);
}

static bool keep_log(const char *line, size_t len)
{
	return wants_log(line, len);
}

/* ADDRESS TYPE NAME [MODULE] */
static bool keep_symbol(const char *line, size_t len)
{
	const char *name = memchr(line, ' ', len);
	size_t n;

	name = name && name + 3 < line + len ? name + 3 : NULL;
	n = name ? strcspn(name, " \t\n") : 0;
	return n && n <= (size_t)(line + len - name) && look_wants_symbol(name, n);
}

/* What of a line is kept: all of it, but for these */
static void trim(keep_fn keep, const char **line, size_t *len)
{
	const char *end = *line + *len, *at;

	if (keep == keep_symbol) {
		at = memchr(*line, ' ', *len);
		*line = at + 3;
		*len = strcspn(*line, " \t\n");
	} else if (keep == keep_log && **line == '<') {
		at = memchr(*line, '>', *len);
		*line = at ? at + 1 : *line;
		*len = (size_t)(end - *line);
	} else if (keep == keep_module) {
		*len = strcspn(*line, " \n");
	} else if (keep == keep_module_file) {
		at = memchr(*line, ':', *len);
		*len = at ? (size_t)(at - *line) + 1 : *len;
	}
}

/*
 * The words of a command line that the tables ask for, and "--": the others may be
 * nobody's business. A word ends as in look_cmdline(). text is changed in place.
 */
static void keep_words(char *text)
{
	char *at = text, *to = text;

	for (;;) {
		size_t n = 0, name = 0;
		bool quoted = false;

		at += strspn(at, " \t\n");
		for (; at[n] && (quoted || !isspace((unsigned char)at[n])); n++)
			quoted ^= at[n] == '"';
		if (!n)
			break;
		name = strcspn(at + (*at == '"'), "=\" \t\n");
		if (wants_word(at + (*at == '"'), name) || (n == 2 && !strncmp(at, "--", 2))) {
			memmove(to, at, n);
			to += n;
			*to++ = ' ';
		}
		at += n;
	}
	to -= to > text;
	*to = 0;
}

/* The lines of text that keep wants; NULL keeps all. NULL: no memory. */
static char *kept(const char *text, keep_fn keep)
{
	char *out = malloc(strlen(text) + 2);
	size_t n = 0;

	if (!out)
		return NULL;
	while (*text && n < SNAP_TEXT - 4096) {
		size_t len = strcspn(text, "\n");
		const char *line = text, *next = text + len + (text[len] != 0);

		if (len < 4096 && (!keep || keep(line, len))) {
			trim(keep, &line, &len);
			memcpy(out + n, line, len);
			n += len;
			out[n++] = '\n';
			if (keep == keep_flags)
				break;
		}
		text = next;
	}
	out[n] = 0;
	return out;
}

/*
 * All of a file, plain or gzip; NULL and errno. To be freed. Devices and pipes of a
 * foreign root are not for reading: they might never end, or wait.
 */
static char *slurp(const char *path)
{
	size_t len = 0, room = 16384;
	char *text, *more;
	struct stat st;
	gzFile f;
	int n;

	if (stat(path, &st))
		return NULL;
	if (!S_ISREG(st.st_mode)) {
		errno = EINVAL;
		return NULL;
	}
	f = gzopen(path, "rbe");
	text = f ? malloc(room) : NULL;

	if (!text) {
		if (f)
			gzclose(f);
		return NULL;
	}
	while ((n = gzread(f, text + len, (unsigned int)(room - len - 1))) > 0) {
		len += (size_t)n;
		if (len + 1 < room)
			continue;
		more = room < FILE_MOST ? realloc(text, 2 * room) : NULL;
		if (!more)
			break;
		text = more;
		room *= 2;
	}
	if (n < 0 && !len) {
		errno = errno ? errno : EIO;
		free(text);
		text = NULL;
	} else {
		text[len] = 0;
		for (size_t i = 0; i < len; i++)
			if (!text[i])
				text[i] = ' ';
	}
	gzclose(f);
	return text;
}

/* Adds a text under a path as kept by keep. 0, -E2BIG, -ENOMEM. */
static int add_text(struct snap *s, const char *path, const char *text, keep_fn keep)
{
	char *lines = kept(text, keep);
	int ret = lines ? snap_add(s, SNAP_FILE, path, lines) : -ENOMEM;

	free(lines);
	return ret;
}

static bool is_denied(void)
{
	return errno == EACCES || errno == EPERM;
}

/* One path of this root: what kind it is decides what is kept. */
static int add_path(struct snap *s, const char *root, const char *full, keep_fn keep)
{
	const char *path = full + strlen(root);
	char target[SNAP_PATH];
	struct stat st;
	ssize_t len;
	char *text;
	int ret;

	if (strchr(path, '\n') || strstr(path, " -> ") || strlen(path) >= SNAP_PATH ||
	    lstat(full, &st))
		return 0;
	if (S_ISLNK(st.st_mode) && !keep) {
		len = readlink(full, target, sizeof(target) - 1);
		if (len < 0)
			return 0;
		target[len] = 0;
		return strchr(target, '\n') ? 0 : snap_add(s, SNAP_LINK, path, target);
	}
	if (S_ISDIR(st.st_mode))
		return snap_add(s, SNAP_DIR, path, "");
	errno = 0;
	text = slurp(full);
	if (text && !strcmp(path, "/proc/cmdline"))
		keep_words(text);
	if (!text)
		return is_denied() ? snap_add(s, SNAP_DENIED, path, "") : 0;
	ret = add_text(s, path, text, keep);
	free(text);
	return ret;
}

static int add_pattern(struct snap *s, const char *root, const char *pattern, keep_fn keep)
{
	char full[PATH_MAX];
	glob_t found;
	int ret = 0;

	if (snprintf(full, sizeof(full), "%s%s", root, pattern) >= (int)sizeof(full))
		return 0;
	if (glob(full, 0, NULL, &found))
		return 0;
	for (size_t i = 0; !ret && i < found.gl_pathc; i++)
		ret = add_path(s, root, found.gl_pathv[i], keep);
	globfree(&found);
	return ret;
}

/* Files and links, in the order of asking; %s is the kernel's release */
static const struct {
	const char *pattern;
	keep_fn keep;
} wanted[] = {
	{ "/proc/cmdline", NULL },
	{ "/proc/modules", keep_module },
	{ "/proc/cpuinfo", keep_flags },
	{ "/proc/interrupts", keep_interrupts },
	{ "/sys/devices/system/cpu/possible", NULL },
	{ "/sys/devices/system/clocksource/clocksource0/current_clocksource", NULL },
	{ "/sys/devices/system/clocksource/clocksource0/available_clocksource", NULL },
	{ "/sys/devices/system/clockevents/clockevent0/current_device", NULL },
	{ "/sys/devices/system/cpu/cpuidle/current_driver", NULL },
	{ "/sys/hypervisor/type", NULL },
	{ "/sys/bus/xen", NULL },
	{ "/sys/bus/pci/drivers/xen-platform-pci", NULL },
	{ "/sys/bus/pci/devices/*/vendor", NULL },
	{ "/sys/bus/pci/devices/*/device", NULL },
	{ "/sys/bus/pci/devices/*/driver", NULL },
	{ "/sys/bus/virtio/devices/*/device", NULL },
	{ "/sys/bus/virtio/devices/*/driver", NULL },
	{ "/sys/bus/xen/devices/*/devtype", NULL },
	{ "/sys/bus/xen/devices/*/driver", NULL },
	{ "/sys/bus/vmbus/devices/*/class_id", NULL },
	{ "/sys/bus/vmbus/devices/*/driver", NULL },
	{ "/sys/bus/acpi/devices/*/hid", NULL },
	{ "/sys/bus/pvk/features_active", NULL },
	{ "/sys/bus/pvk/devices/*/type", NULL },
	{ "/sys/bus/pvk/devices/*/model", NULL },
	{ "/sys/bus/pvk/devices/*/counterpart", NULL },
	{ "/sys/bus/pvk/devices/*/driver", NULL },
	{ "/sys/block/*", NULL },
	{ "/sys/class/net/*", NULL },
	{ "/etc/modprobe.d/*.conf", keep_modprobe },
	{ "/run/modprobe.d/*.conf", keep_modprobe },
	{ "/usr/local/lib/modprobe.d/*.conf", keep_modprobe },
	{ "/usr/lib/modprobe.d/*.conf", keep_modprobe },
	{ "/lib/modprobe.d/*.conf", keep_modprobe },
	{ MODULES "modules.dep", keep_module_file },
	{ MODULES "modules.builtin", keep_module_file },
};

/* Where a kernel's configuration may be found */
static const char *const config_file[] = {
	"/proc/config.gz",
	"/boot/config-%s",
	MODULES "config",
	"/usr" MODULES "config",
	MODULES "build/.config",
};

static void expand(char *to, size_t size, const char *pattern, const char *release)
{
	const char *at = strstr(pattern, "%s");

	if (at)
		snprintf(to, size, "%.*s%s%s", (int)(at - pattern), pattern, release, at + 2);
	else
		snprintf(to, size, "%s", pattern);
}

static int add_config(struct snap *s, const char *root, const char *release)
{
	char full[PATH_MAX], path[SNAP_PATH], *text, *lines;
	int ret = 0;

	for (size_t i = 0; i < COUNT(config_file); i++) {
		expand(path, sizeof(path), config_file[i], release);
		snprintf(full, sizeof(full), "%s%s", root, path);
		text = slurp(full);
		lines = text && strstr(text, "CONFIG_") ? kept(text, keep_config) : NULL;
		free(text);
		if (!lines)
			continue;
		text = malloc(strlen(lines) + strlen(path) + 8);
		if (text) {
			sprintf(text, "# %s\n%s", path, lines);
			ret = snap_add(s, SNAP_FILE, LOOK_CONFIG, text);
		}
		free(text);
		free(lines);
		return ret;
	}
	/* the names of its functions tell, too, and anybody may read them */
	snprintf(full, sizeof(full), "%s/proc/kallsyms", root);
	text = slurp(full);
	if (text && *text)
		ret = add_text(s, LOOK_SYMBOLS, text, keep_symbol);
	free(text);
	return ret;
}

static int add_modules(struct snap *s, const char *root)
{
	char path[SNAP_PATH];
	int ret = 0;

	for (unsigned int i = 0; !ret && i < device_count; i++) {
		if (!device_table[i].module)
			continue;
		snprintf(path, sizeof(path), "/sys/module/%s", device_table[i].module);
		ret = add_pattern(s, root, path, NULL);
	}
	return ret;
}

static int add_log(struct snap *s, const char *root)
{
	int size = *root ? 0 : klogctl(10, NULL, 0), n = -1;	/* SYSLOG_ACTION_SIZE_BUFFER */
	char full[PATH_MAX], *text = NULL;
	int ret = 0;

	if (*root) {
		snprintf(full, sizeof(full), "%s/var/log/dmesg", root);
		text = slurp(full);
		if (text)
			ret = add_text(s, LOOK_LOG, text, keep_log);
		free(text);
		return ret;
	}
	if (size > 0)
		text = malloc((size_t)size + 1);
	if (text)
		n = klogctl(3, text, size);			/* SYSLOG_ACTION_READ_ALL */
	if (n < 0) {
		free(text);
		return snap_add(s, SNAP_DENIED, LOOK_LOG, "");
	}
	text[n] = 0;
	ret = add_text(s, LOOK_LOG, text, keep_log);
	free(text);
	return ret;
}

int gather(struct snap *s, const char *root)
{
	char path[SNAP_PATH], release[128];
	int ret;

	ret = add_pattern(s, root, "/proc/sys/kernel/osrelease", NULL);
	look_line(s, "/proc/sys/kernel/osrelease", release, sizeof(release));
	for (size_t i = 0; !ret && i < COUNT(wanted); i++) {
		if (strstr(wanted[i].pattern, "%s") && (!*release || strchr(release, '/')))
			continue;
		expand(path, sizeof(path), wanted[i].pattern, release);
		ret = add_pattern(s, root, path, wanted[i].keep);
	}
	if (!ret && !snap_has(s, "/proc/cmdline"))
		return -ENOENT;
	ret = ret ? ret : add_modules(s, root);
	ret = ret ? ret : add_config(s, root, release);
	ret = ret ? ret : add_log(s, root);
	if (!ret && !*root && geteuid())
		ret = snap_add(s, SNAP_DIR, LOOK_USER, "");
	return ret;
}
