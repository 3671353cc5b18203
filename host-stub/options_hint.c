// SPDX-License-Identifier: BSD-2-Clause
/*
 * What to say of an option that there is not: the one that was probably meant. One dash in place of
 * two, the options of other VMMs, and slips of the pen.
 */
#include <stdio.h>
#include <string.h>

#include "hs.h"
#include "options.h"
#include "util.h"

#define NAME_MOST	24	/* no option is longer */

/* QEMU's and kvmtool's options, where ours has another name. */
static const struct {
	const char *theirs, *ours;
} others[] = {
	{ "m", "--memory" }, { "mem", "--memory" }, { "smp", "--cpus" }, { "c", "--cpus" },
	{ "cpu", "--kvm-mask or --cpuid" }, { "M", "--machine" }, { "drive", "--disk" },
	{ "hda", "--disk" }, { "blockdev", "--disk" }, { "d", "--disk" }, { "net", "--nic" },
	{ "netdev", "--nic" }, { "n", "--nic" }, { "device", "--disk or --nic" },
	{ "serial", "--console" }, { "chardev", "--console" }, { "nographic", "--console stdio (the default)" },
	{ "k", "--kernel" }, { "i", "--initrd" }, { "p", "--append" }, { "params", "--append" },
	{ "cmdline", "--append" }, { "mem-prealloc", "--prefault" }, { "mem-path", "--pages huge" },
	{ "h", "--help" }, { "?", "--help" }, { "v", "--version" }, { "V", "--version" },
};

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* How many letters must be put in, left out or exchanged to make b of a. */
static size_t distance(const char *a, const char *b)
{
	size_t row[NAME_MOST + 1], length = strlen(b);

	if (strlen(a) > NAME_MOST || length > NAME_MOST)
		return NAME_MOST;
	for (size_t j = 0; j <= length; j++)
		row[j] = j;
	for (size_t i = 0; a[i]; i++) {
		size_t corner = row[0];

		row[0] = i + 1;
		for (size_t j = 0; j < length; j++) {
			size_t other = corner + (a[i] != b[j]);

			corner = row[j + 1];
			row[j + 1] = least(other, least(corner, row[j]) + 1);
		}
	}
	return row[length];
}

/* The option that the name is nearest to, or NULL: none is near. */
static const char *nearest(const char *name, const struct option *options)
{
	size_t best = strlen(name) < 5 ? 2 : 3;		/* below which it counts */
	const char *found = NULL;

	for (; options->name; options++) {
		size_t d = distance(name, options->name);

		if (d < best) {
			best = d;
			found = options->name;
		}
	}
	return found;
}

static const char *of_others(const char *name)
{
	for (size_t i = 0; i < HS_COUNT(others); i++)
		if (!strcmp(others[i].theirs, name))
			return others[i].ours;
	return NULL;
}

/* How many options begin so: getopt takes what is left of a name, if only one does. */
static unsigned int beginnings(const char *name, const struct option *options)
{
	unsigned int n = 0;

	for (; options->name; options++)
		n += !strncmp(options->name, name, strlen(name));
	return n;
}

void hs_options_unknown(const char *word, const struct option *options)
{
	const char *name = word + strspn(word, "-"), *ours, *near;
	bool dashes = word[0] == '-' && word[1] == '-';
	char plain[NAME_MOST + 1];

	snprintf(plain, sizeof(plain), "%.*s", (int)strcspn(name, "="), name);
	near = nearest(plain, options);
	ours = of_others(plain);
	if (dashes && near && !strcmp(near, plain))
		hs_error("--%s: takes no value", plain);
	else if (dashes && *plain && beginnings(plain, options) > 1)
		hs_error("ambiguous option '--%s': several begin so: see --help", plain);
	else if (near && (!ours || !strcmp(near, plain)))
		hs_error("unknown option '%.80s': did you mean --%s?", word, near);
	else if (ours)
		hs_error("unknown option '%.80s': did you mean %s?", word, ours);
	else
		hs_error("unknown option '%.80s': see --help", word);
}
