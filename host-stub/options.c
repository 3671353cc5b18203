/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line: see options.h and docs/man/pvkit-vm.1. Whatever is wrong
 * is said in one line that names the option and what it takes.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../hypercall/detect/dump/dump.h"
#include "pv/info.h"
#include "file.h"
#include "mem.h"
#include "options.h"
#include "vm.h"

#define CONSOLE_LIMIT		(16ull << 20)
#define CONSOLE_LIMIT_MIN	4096u

/* A whole number of at most `most`; false when text is anything else. */
static bool parse_number(const char *text, int base, uint64_t most, uint64_t *value)
{
	char *end;

	if (!*text || *text == '-' || *text == '+' || *text == ' ')
		return false;
	errno = 0;
	*value = strtoull(text, &end, base);
	return !errno && !*end && *value <= most;
}

bool hs_options_size(const char *text, uint64_t *bytes)
{
	char *end;
	unsigned int shift = 0;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*bytes = strtoull(text, &end, 10);
	if (errno)
		return false;
	switch (*end) {
	case 'k': case 'K':
		shift = 10;
		break;
	case 'm': case 'M':
		shift = 20;
		break;
	case 'g': case 'G':
		shift = 30;
		break;
	case 0:
		return true;
	default:
		return false;
	}
	if (end[1] || *bytes > UINT64_MAX >> shift)
		return false;
	*bytes <<= shift;
	return true;
}

/* The machine whose hypervisor leaves are shown. 0, or -errno with the line printed. */
static int parse_cpuid(struct hs_config *config, const char *path)
{
	static struct dump dumps[HS_MAX_VCPUS];
	struct dump *dump = &dumps[config->cpuids % HS_MAX_VCPUS];
	unsigned int line = 0;
	uint64_t bytes;
	FILE *f;
	int fd, ret;

	if (config->cpuids == HS_MAX_VCPUS) {
		hs_error("--cpuid: more than %d", HS_MAX_VCPUS);
		return -EINVAL;
	}
	fd = hs_file_input(path, &bytes);
	if (fd < 0) {
		hs_error("--cpuid %s: %s", path, hs_file_problem(fd));
		return fd;
	}
	f = fdopen(fd, "r");
	if (!f) {
		close(fd);
		hs_error("--cpuid %s: no memory", path);
		return -ENOMEM;
	}
	ret = dump_read(dump, f, &line);
	fclose(f);
	if (ret < 0) {
		if (line)
			hs_error("--cpuid %s: line %u: %s", path, line, dump_problem(ret));
		else
			hs_error("--cpuid %s: no recorded machine: see pvkit detect --save", path);
		return ret;
	}
	config->cpuid[config->cpuids++] = dump;
	return 0;
}

char *hs_options_path(char *text)
{
	char *from = text, *to = text, *opt;

	while (*from && (*from != ',' || from[1] == ',')) {
		if (*from == ',')
			from++;
		*to++ = *from++;
	}
	opt = *from ? from + 1 : NULL;
	*to = 0;
	return opt;
}

/* One option of a disk. 0, or -EINVAL with the line printed. */
static int disk_option(struct hs_disk_config *disk, const char *opt)
{
	size_t len;

	if (!strcmp(opt, "ro")) {
		disk->read_only = true;
	} else if (!strcmp(opt, "direct")) {
		disk->direct = true;
	} else if (!strcmp(opt, "models=both")) {
		disk->models = HS_MODELS_BOTH;
	} else if (!strcmp(opt, "models=emulated")) {
		disk->models = HS_MODELS_EMULATED;
	} else if (!strcmp(opt, "models=pvkit")) {
		disk->models = HS_MODELS_PVKIT;
	} else if (!strcmp(opt, "block=512")) {
		disk->logical_block = 512;
	} else if (!strcmp(opt, "block=4096")) {
		disk->logical_block = 4096;
	} else if (!strncmp(opt, "serial=", 7)) {
		len = strlen(opt + 7);
		if (!len || len > PVK_BLK_SERIAL_LEN) {
			hs_error("--disk %s: serial= takes 1 to %u characters", disk->path,
				 PVK_BLK_SERIAL_LEN);
			return -EINVAL;
		}
		for (const char *c = opt + 7; *c; c++) {
			if (*c < ' ' || *c > '~' || *c == '"' || *c == '\\') {
				hs_error("--disk %s: serial= takes printable ASCII", disk->path);
				return -EINVAL;
			}
		}
		memcpy(disk->serial, opt + 7, len + 1);
	} else {
		hs_error("--disk %s: '%s' is unknown: models=both|emulated|pvkit, ro, direct, serial=TEXT, block=512|4096",
			 disk->path, opt);
		return -EINVAL;
	}
	return 0;
}

/* FILE[,OPT]...; text is taken apart in place. */
static int parse_disk(struct hs_config *config, char *text)
{
	struct hs_disk_config *disk;
	char *opt;
	int ret;

	if (config->disks == HS_MAX_DISKS) {
		hs_error("--disk: more than %d", HS_MAX_DISKS);
		return -EINVAL;
	}
	disk = &config->disk[config->disks];
	memset(disk, 0, sizeof(*disk));
	disk->number = config->disks;
	disk->logical_block = 512;
	snprintf(disk->serial, sizeof(disk->serial), "pvkit-%u", config->disks);
	opt = hs_options_path(text);
	disk->path = text;
	if (!*text) {
		hs_error("--disk: no file is named");
		return -EINVAL;
	}
	while (opt) {
		char *next = strchr(opt, ',');

		if (next)
			*next++ = 0;
		ret = disk_option(disk, opt);
		if (ret < 0)
			return ret;
		opt = next;
	}
	if (disk->logical_block != 512 && disk->models != HS_MODELS_PVKIT) {
		hs_error("--disk %s: block=4096 needs models=pvkit: an ATA disk of this kind has 512",
			 disk->path);
		return -EINVAL;
	}
	config->disks++;
	return 0;
}

/* The first of each is the default. */
static const char * const boot_ways[] = {
	[HS_BOOT_AUTO] = "auto", [HS_BOOT_BZIMAGE] = "bzimage", [HS_BOOT_LINUX64] = "linux64",
	[HS_BOOT_PVH] = "pvh", [HS_BOOT_MULTIBOOT] = "multiboot", NULL
};
static const char * const page_kinds[] = {
	[HS_PAGES_AUTO] = "auto", [HS_PAGES_SMALL] = "small", [HS_PAGES_HUGE] = "huge", NULL
};
static const char * const machines[] = {
	[HS_MACHINE_PC] = "pc", [HS_MACHINE_MINIMAL] = "minimal", NULL
};

/* The number of the name, or -EINVAL with the line printed. */
static int parse_choice(const char *option, const char *text, const char * const names[])
{
	for (int i = 0; names[i]; i++)
		if (!strcmp(names[i], text))
			return i;
	hs_error("%s: '%s' is unknown: see --help", option, text);
	return -EINVAL;
}

/* FILE[,TEXT]; taken apart in place. */
static int parse_module(struct hs_config *config, char *text)
{
	char *comma = strchr(text, ',');

	if (config->modules == HS_MAX_MODULES || !*text || comma == text) {
		hs_error("--module: %s", config->modules == HS_MAX_MODULES ? "more than 7" :
			 "no file is named");
		return -EINVAL;
	}
	if (comma)
		*comma++ = 0;
	config->module[config->modules].path = text;
	config->module[config->modules++].cmdline = comma ? comma : "";
	return 0;
}

/*
 * The models of a disk or NIC, which the line calls `option` and `name`: the minimal machine
 * has no emulated ones, and without the bus there are no others. 0 or -EINVAL, said.
 */
static int settle_models(const struct hs_config *config, enum hs_models *models, const char *option,
			const char *name)
{
	bool minimal = config->machine == HS_MACHINE_MINIMAL;

	if (minimal && *models == HS_MODELS_EMULATED) {
		hs_error("%s %s: models=emulated, and --machine minimal has no emulated devices", option,
			 name);
		return -EINVAL;
	}
	if ((minimal || *models == HS_MODELS_PVKIT) && !(config->pv_offer & PVK_FEAT_BUS)) {
		hs_error("%s %s: %s, but --offer does not have bus", option, name,
			 minimal ? "--machine minimal has the pvkit model alone" : "models=pvkit");
		return -EINVAL;
	}
	if (minimal)
		*models = HS_MODELS_PVKIT;
	return 0;
}

static int options_check(struct hs_config *config)
{
	char name[16];
	int ret = 0;

	for (unsigned int i = 0; i < config->disks && !ret; i++)
		ret = settle_models(config, &config->disk[i].models, "--disk", config->disk[i].path);
	for (unsigned int i = 0; i < config->nics && !ret; i++) {
		snprintf(name, sizeof(name), "nic %u", i);
		ret = settle_models(config, &config->nic[i].models, "--nic:", name);
	}
	if (ret)
		return HS_EXIT_USAGE;
	if (!config->kernel) {
		hs_error("--kernel is needed: see --help");
		return HS_EXIT_USAGE;
	}
	if (config->mp_table && config->machine == HS_MACHINE_MINIMAL) {
		hs_error("--mp-table: --machine minimal has no IOAPIC that they could tell of");
		return HS_EXIT_USAGE;
	}
	if (config->memory < HS_MEM_MIN) {
		hs_error("--memory: %llu KiB is too little: at least %llu MiB",
			 (unsigned long long)(config->memory >> 10), HS_MEM_MIN >> 20);
		return HS_EXIT_MEMORY;
	}
	if (config->memory > HS_MEM_MAX) {
		hs_error("--memory: %llu GiB is too much: at most %llu GiB",
			 (unsigned long long)(config->memory >> 30), HS_MEM_MAX >> 30);
		return HS_EXIT_MEMORY;
	}
	if (config->memory & 4095) {
		hs_error("--memory: not a multiple of 4 KiB");
		return HS_EXIT_MEMORY;
	}
	return -1;
}

enum {
	OPT_KERNEL = 256,
	OPT_INITRD,
	OPT_APPEND,
	OPT_MEMORY,
	OPT_CPUS,
	OPT_DISK,
	OPT_NIC,
	OPT_OFFER,
	OPT_INFO,
	OPT_BOOT,
	OPT_MODULE,
	OPT_MACHINE,
	OPT_PAGES,
	OPT_PREFAULT,
	OPT_MP_TABLE,
	OPT_DEBUG_EXIT,
	OPT_KVM_MASK,
	OPT_CPUID,
	OPT_POLL,
	OPT_COALESCE,
	OPT_CONSOLE,
	OPT_CONSOLE_LIMIT,
	OPT_STATS,
	OPT_CONTROL,
	OPT_TRACE,
	OPT_LOG,
	OPT_TIME,
	OPT_NO_REBOOT,
	OPT_REBOOTS,
	OPT_NO_SANDBOX,
	OPT_JAIL,
	OPT_UID,
	OPT_GID,
	OPT_CGROUP,
	OPT_GDB,
	OPT_FORCE,
	OPT_HELP,
	OPT_VERSION
};

static const struct option options[] = {
	{ "kernel", required_argument, NULL, OPT_KERNEL },
	{ "initrd", required_argument, NULL, OPT_INITRD },
	{ "boot", required_argument, NULL, OPT_BOOT },
	{ "module", required_argument, NULL, OPT_MODULE },
	{ "machine", required_argument, NULL, OPT_MACHINE },
	{ "append", required_argument, NULL, OPT_APPEND },
	{ "memory", required_argument, NULL, OPT_MEMORY },
	{ "pages", required_argument, NULL, OPT_PAGES },
	{ "prefault", no_argument, NULL, OPT_PREFAULT },
	{ "mp-table", no_argument, NULL, OPT_MP_TABLE },
	{ "debug-exit", required_argument, NULL, OPT_DEBUG_EXIT },
	{ "cpus", required_argument, NULL, OPT_CPUS },
	{ "disk", required_argument, NULL, OPT_DISK },
	{ "nic", required_argument, NULL, OPT_NIC },
	{ "offer", required_argument, NULL, OPT_OFFER },
	{ "info", required_argument, NULL, OPT_INFO },
	{ "kvm-mask", required_argument, NULL, OPT_KVM_MASK },
	{ "cpuid", required_argument, NULL, OPT_CPUID },
	{ "poll-us", required_argument, NULL, OPT_POLL },
	{ "coalesce-us", required_argument, NULL, OPT_COALESCE },
	{ "console", required_argument, NULL, OPT_CONSOLE },
	{ "console-limit", required_argument, NULL, OPT_CONSOLE_LIMIT },
	{ "stats", required_argument, NULL, OPT_STATS },
	{ "control", required_argument, NULL, OPT_CONTROL },
	{ "trace", required_argument, NULL, OPT_TRACE },
	{ "log", required_argument, NULL, OPT_LOG },
	{ "time-limit", required_argument, NULL, OPT_TIME },
	{ "no-reboot", no_argument, NULL, OPT_NO_REBOOT },
	{ "reboots", required_argument, NULL, OPT_REBOOTS },
	{ "jail", required_argument, NULL, OPT_JAIL },
	{ "uid", required_argument, NULL, OPT_UID },
	{ "gid", required_argument, NULL, OPT_GID },
	{ "cgroup", required_argument, NULL, OPT_CGROUP },
	{ "gdb", required_argument, NULL, OPT_GDB },
	{ "no-sandbox", no_argument, NULL, OPT_NO_SANDBOX },
	{ "force", no_argument, NULL, OPT_FORCE },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 },
};

/* One option that takes a number or list. 0, 1 (done, status 0) or -EINVAL, said. */
static int parse_value(struct hs_config *config, int opt, char *arg)
{
	uint64_t n;
	int choice;

	switch (opt) {
	case OPT_MEMORY:
		if (hs_options_size(arg, &config->memory))
			return 0;
		hs_error("--memory: '%s' is no size: a number with K, M or G", arg);
		return -EINVAL;
	case OPT_CONSOLE_LIMIT:
		if (hs_options_size(arg, &n) && (!n || n >= CONSOLE_LIMIT_MIN)) {
			config->console_limit = n;
			return 0;
		}
		hs_error("--console-limit: '%s': a size from 4K on, or 0 for none", arg);
		return -EINVAL;
	case OPT_CPUS:
		if (parse_number(arg, 10, HS_MAX_VCPUS, &n) && n) {
			config->vcpus = (unsigned int)n;
			return 0;
		}
		hs_error("--cpus: '%s': 1 to %d", arg, HS_MAX_VCPUS);
		return -EINVAL;
	case OPT_POLL:
		if (parse_number(arg, 10, 1000000, &n)) {
			config->poll_ns = n * 1000;
			return 0;
		}
		hs_error("--poll-us: '%s': 0 to 1000000", arg);
		return -EINVAL;
	case OPT_COALESCE:
		if (parse_number(arg, 10, 10000, &n)) {
			config->coalesce_ns = n * 1000;
			return 0;
		}
		hs_error("--coalesce-us: '%s': 0 to 10000", arg);
		return -EINVAL;
	case OPT_TIME:
		if (parse_number(arg, 10, 1000000, &n) && n) {
			config->seconds = (unsigned int)n;
			return 0;
		}
		hs_error("--time-limit: '%s': 1 to 1000000 seconds", arg);
		return -EINVAL;
	case OPT_REBOOTS:
		if (!strcmp(arg, "any")) {
			config->reboots = 0;
			return 0;
		}
		if (parse_number(arg, 10, HS_MAX_REBOOTS, &n) && n) {
			config->reboots = (unsigned int)n;
			return 0;
		}
		hs_error("--reboots: '%s': 1 to %d boots within 10 s, or any", arg, HS_MAX_REBOOTS);
		return -EINVAL;
	case OPT_OFFER:
		return hs_options_offer(config, arg);
	case OPT_INFO:
		return hs_options_info(config, arg);
	case OPT_NIC:
		return hs_options_nic(config, arg);
	case OPT_BOOT:
		choice = parse_choice("--boot", arg, boot_ways);
		config->boot = choice < 0 ? HS_BOOT_AUTO : (enum hs_boot_way)choice;
		return choice < 0 ? choice : 0;
	case OPT_MACHINE:
		choice = parse_choice("--machine", arg, machines);
		config->machine = choice < 0 ? HS_MACHINE_PC : (enum hs_machine)choice;
		return choice < 0 ? choice : 0;
	case OPT_PAGES:
		choice = parse_choice("--pages", arg, page_kinds);
		config->pages = choice < 0 ? HS_PAGES_AUTO : (enum hs_pages)choice;
		return choice < 0 ? choice : 0;
	case OPT_DEBUG_EXIT:
		if (parse_number(arg, 0, 0xffff, &n) && n) {
			config->debug_exit = (uint32_t)n;
			return 0;
		}
		hs_error("--debug-exit: '%s': a port from 1 to 0xffff, for example 0xf4", arg);
		return -EINVAL;
	case OPT_MODULE:
		return parse_module(config, arg);
	case OPT_JAIL:
		return hs_options_jail(config, arg);
	case OPT_GDB:
		return hs_options_gdb(config, arg);
	case OPT_UID:
		return hs_options_id("--uid", arg, &config->uid);
	case OPT_GID:
		return hs_options_id("--gid", arg, &config->gid);
	case OPT_KVM_MASK:
		return hs_options_kvm_mask(config, arg);
	case OPT_LOG:
		return hs_options_log(arg);
	case OPT_TRACE:
		return hs_options_trace(config, arg);
	case OPT_CPUID:
		return parse_cpuid(config, arg);
	default:
		return parse_disk(config, arg);
	}
}

int hs_options(struct hs_config *config, int argc, char **argv)
{
	int opt, ret, at;

	memset(config, 0, sizeof(*config));
	config->cmdline = "console=ttyS0";
	config->memory = HS_MEM_DEFAULT;
	config->vcpus = 1;
	config->pv_offer = HS_OFFER_ALL;
	config->info = HS_INFO_ALL;
	config->poll_ns = HS_TIME_AUTO;
	config->coalesce_ns = HS_TIME_AUTO;
	config->console = "stdio";
	config->console_limit = CONSOLE_LIMIT;
	config->sandbox = true;
	config->reboots = HS_REBOOTS;

	opterr = 0;
	/* "+": in order, so that the word in hand is argv[at] even if it has no end yet for getopt.
	 */
	for (at = optind; (opt = getopt_long(argc, argv, "+:", options, NULL)) != -1; at = optind) {
		switch (opt) {
		case OPT_KERNEL:
			config->kernel = optarg;
			break;
		case OPT_INITRD:
			config->initrd = optarg;
			break;
		case OPT_APPEND:
			config->cmdline = optarg;
			break;
		case OPT_CONSOLE:
			config->console = optarg;
			break;
		case OPT_STATS:
			config->stats = optarg;
			break;
		case OPT_CONTROL:
			config->control = optarg;
			break;
		case OPT_CGROUP:
			config->cgroup = optarg;
			break;
		case OPT_NO_REBOOT:
			config->no_reboot = true;
			break;
		case OPT_NO_SANDBOX:
			config->sandbox = false;
			break;
		case OPT_PREFAULT:
			config->prefault = true;
			break;
		case OPT_MP_TABLE:
			config->mp_table = true;
			break;
		case OPT_FORCE:
			config->force = true;
			break;
		case OPT_HELP:
			hs_options_help();
			return HS_EXIT_OK;
		case OPT_VERSION:
			printf("pvkit-vm %s, ABI %u.%u\n", PVK_RELEASE,
			       PVK_VERSION_MAJOR(PVK_ABI_VERSION),
			       PVK_VERSION_MINOR(PVK_ABI_VERSION));
			return HS_EXIT_OK;
		case ':':
			hs_error("%s: takes a value: see --help", argv[at]);
			return HS_EXIT_USAGE;
		case '?':
			hs_options_unknown(argv[at], options);
			return HS_EXIT_USAGE;
		default:
			ret = parse_value(config, opt, optarg);
			if (ret)
				return ret < 0 ? HS_EXIT_USAGE : HS_EXIT_OK;
		}
	}
	if (optind < argc) {
		hs_error("'%s': unexpected: see --help", argv[optind]);
		return HS_EXIT_USAGE;
	}
	return options_check(config);
}
