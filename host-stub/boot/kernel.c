// SPDX-License-Identifier: BSD-2-Clause
/*
 * The files of a boot: opened and checked once, read into RAM at each boot
 * (the descriptors stay open, so that a reboot opens no file). What differs by
 * format is in bzimage.c, elf.c, payload.c and multiboot.c.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../file.h"
#include "../vm.h"
#include "boot.h"
#include "../util.h"

#define PAGE		4096ull
#define MIB(bytes)	(((bytes) + (1 << 20) - 1) >> 20)

/* The file's first bytes, zeroes behind its end. 0 or HS_EXIT_KERNEL, said. */
static int kernel_read_start(struct hs_kernel *k, const char *path)
{
	memset(k->setup, 0, sizeof(k->setup));
	if (pread(k->fd, k->setup, sizeof(k->setup), 0) >= 0)
		return 0;
	hs_error("kernel '%s': cannot read: %s", path, strerror(errno));
	return HS_EXIT_KERNEL;
}

/* The format, and whether it can be entered as is wanted. 0, or the exit status, said. */
static int check_kernel(struct hs_kernel *k, const struct hs_config *config)
{
	const char *path = config->kernel, *problem = NULL;
	int ret = kernel_read_start(k, path);

	if (!ret)
		ret = hs_payload_whole(k, path);
	if (!ret)
		ret = kernel_read_start(k, path);
	if (ret)
		return ret;
	k->way = config->boot;
	k->cmdline_most = HS_BOOT_CMDLINE_MAX - 1;
	k->initrd_top = HS_MEM_HOLE_START;
	if (!memcmp(k->setup, ELFMAG, SELFMAG)) {
		memset(k->setup, 0, sizeof(k->setup));
		if (k->way != HS_BOOT_BZIMAGE)
			return hs_elf_check(k, path);
		hs_error("kernel '%s': --boot bzimage: it is an ELF file", path);
		return HS_EXIT_KERNEL;
	}
	/* A flat file with a Multiboot header that has addresses. */
	if ((k->way == HS_BOOT_AUTO || k->way == HS_BOOT_MULTIBOOT) &&
	    hs_multiboot_find(k, &problem)) {
		memset(k->setup, 0, sizeof(k->setup));
		k->way = HS_BOOT_MULTIBOOT;
		return 0;
	}
	if (problem) {
		hs_error("kernel '%s': %s", path, problem);
		return HS_EXIT_KERNEL;
	}
	ret = hs_bzimage_check(k, path);
	if (ret)
		return ret;
	if (k->way == HS_BOOT_MULTIBOOT) {
		hs_error("kernel '%s': --boot multiboot: it is a bzImage", path);
		return HS_EXIT_KERNEL;
	}
	/* Unpacking here is quicker than in the guest, but it is the kernel's own job on a PC. */
	if (k->way == HS_BOOT_AUTO)
		k->way = config->machine == HS_MACHINE_PC ? HS_BOOT_BZIMAGE : HS_BOOT_LINUX64;
	if (k->way == HS_BOOT_BZIMAGE)
		return 0;
	ret = hs_payload_open(k, path);
	return ret ? ret : hs_elf_check(k, path);
}

/* Opens a module or initrd. 0, or HS_EXIT_INITRD with the line printed. */
static int open_module(struct hs_kernel *k, const char *what, const char *path, const char *cmdline)
{
	struct hs_module *m = &k->module[k->modules];

	m->path = path;
	m->cmdline = cmdline;
	m->fd = hs_file_input(path, &m->bytes);
	if (m->fd < 0) {
		hs_error("%s '%s': cannot open: %s", what, path, hs_file_problem(m->fd));
		return HS_EXIT_INITRD;
	}
	k->modules++;
	if (m->bytes)
		return 0;
	hs_error("%s '%s': empty", what, path);
	return HS_EXIT_INITRD;
}

static bool fits(const struct hs_module *m, uint64_t floor, uint64_t top)
{
	return top >= floor && m->bytes <= top - floor;
}

/* An initrd or module that does not fit: more RAM helps only where RAM is what ends too early. */
static int no_room(const struct hs_kernel *k, const struct hs_module *m, uint64_t floor,
		   uint64_t low)
{
	uint64_t most = k->initrd_top < HS_MEM_HOLE_START ? k->initrd_top : HS_MEM_HOLE_START;
	const char *limit = "the end of its RAM: give more with --memory";

	if (low >= most || !fits(m, floor, most)) {
		limit = k->initrd_top < HS_MEM_HOLE_START ?
			"the highest address that this kernel takes one at" :
			"the end of RAM below 4 GiB, which more would not move";
		low = most;
	}
	hs_error("%s '%s': %" PRIu64 " MiB do not fit between the kernel's end at %" PRIu64 " MiB and %" PRIu64
		 " MiB, %s", k->way == HS_BOOT_MULTIBOOT ? "module" : "initrd", m->path,
		 MIB(m->bytes), floor >> 20, low >> 20, limit);
	return HS_EXIT_INITRD;
}

/* Linux: as high as its limit and RAM allow; Multiboot: one after the other behind the kernel. */
static int place_modules(struct hs_kernel *k, uint64_t low)
{
	uint64_t end = k->end > HS_BOOT_LOW_END ? k->end : HS_BOOT_LOW_END;
	uint64_t floor = (end + PAGE - 1) & ~(PAGE - 1);
	uint64_t top = low < k->initrd_top ? low : k->initrd_top;

	for (unsigned int i = 0; i < k->modules; i++) {
		struct hs_module *m = &k->module[i];

		if (!fits(m, floor, top))
			return no_room(k, m, floor, low);
		if (k->way == HS_BOOT_MULTIBOOT) {
			m->gpa = floor;
			floor = (floor + m->bytes + PAGE - 1) & ~(PAGE - 1);
		} else {
			m->gpa = (top - m->bytes) & ~(PAGE - 1);
		}
	}
	return 0;
}

static int open_modules(struct hs_kernel *k, const struct hs_config *config)
{
	int ret = 0;

	if (config->modules && k->way != HS_BOOT_MULTIBOOT) {
		hs_error("--module: for Multiboot kernels; this one takes an --initrd");
		return HS_EXIT_USAGE;
	}
	if (config->initrd)
		ret = open_module(k, "initrd", config->initrd, config->initrd);
	for (unsigned int i = 0; i < config->modules && !ret; i++)
		ret = open_module(k, "module", config->module[i].path, config->module[i].cmdline);
	return ret;
}

/* Low memory that is taken, by whom; what lies between is a kernel's to load to. */
static const struct {
	uint32_t start, end;
	const char *what;
} taken[] = {
	{ 0, 0x500, "the interrupt vectors and BIOS data are" },
	{ HS_BOOT_GDT, HS_BOOT_PD + 4 * PAGE, "what the kernel is told at boot is" },
	{ HS_BOOT_CMDLINE, HS_BOOT_CMDLINE + HS_BOOT_CMDLINE_MAX, "the command line is" },
	{ HS_BOOT_EBDA, HS_BOOT_RSDP, "the EBDA and video memory are" },
	{ HS_BOOT_RSDP, HS_BOOT_INFO + HS_BOOT_INFO_BYTES, "tables are" },
};

const char *hs_boot_place(hs_gpa gpa, uint64_t bytes)
{
	static char problem[128];

	if (gpa >= HS_MEM_HOLE_START || bytes > HS_MEM_HOLE_START - gpa) {
		snprintf(problem, sizeof(problem),
			 "what it loads to 0x%" PRIx64 " ends above %llu MiB, where RAM below 4 GiB ends",
			 gpa, HS_MEM_HOLE_START >> 20);
		return problem;
	}
	for (unsigned int i = 0; i < HS_COUNT(taken); i++) {
		if (gpa >= taken[i].end || gpa + bytes <= taken[i].start)
			continue;
		snprintf(problem, sizeof(problem), "what it loads to 0x%" PRIx64
			 " lies where %s (0x%x to 0x%x)", gpa, taken[i].what, taken[i].start,
			 taken[i].end);
		return problem;
	}
	return NULL;
}

/*
 * Multiboot kernels take the first word for their name: the file's, as loaders have it, without
 * its folder, which is no guest's business. A blank would end the word.
 */
static void take_name(struct hs_kernel *k, const char *path)
{
	const char *slash = strrchr(path, '/');

	snprintf(k->name, sizeof(k->name), "%s", slash ? slash + 1 : path);
	for (char *c = k->name; *c; c++)
		if ((unsigned char)*c <= ' ')
			*c = '_';
	k->cmdline_most -= (uint32_t)strlen(k->name) + 1;
}

int hs_kernel_open(struct hs_kernel *k, const struct hs_config *config)
{
	uint64_t low = config->memory < HS_MEM_HOLE_START ? config->memory : HS_MEM_HOLE_START;
	int ret;

	memset(k, 0, sizeof(*k));
	k->fd = hs_file_input(config->kernel, &k->bytes);
	if (k->fd < 0) {
		hs_error("kernel '%s': cannot open: %s", config->kernel,
			 hs_file_problem(k->fd));
		return HS_EXIT_KERNEL;
	}
	ret = check_kernel(k, config);
	if (ret)
		goto close_files;
	if (k->way == HS_BOOT_MULTIBOOT)
		take_name(k, config->kernel);
	if (strlen(config->cmdline) > k->cmdline_most ||
	    strlen(config->cmdline) >= HS_BOOT_CMDLINE_MAX) {
		hs_error("--append: %zu characters, the kernel takes %u", strlen(config->cmdline),
			 k->cmdline_most);
		ret = HS_EXIT_USAGE;
		goto close_files;
	}
	if (k->end > low) {
		hs_error("--memory: this kernel needs %" PRIu64 " MiB before its initrd, %" PRIu64
			 " MiB are given", MIB(k->end), low >> 20);
		ret = HS_EXIT_MEMORY;
		goto close_files;
	}
	ret = open_modules(k, config);
	if (!ret)
		ret = place_modules(k, low);
	if (!ret)
		return 0;
close_files:
	hs_kernel_close(k);
	return ret;
}

void hs_kernel_close(struct hs_kernel *k)
{
	while (k->modules)
		close(k->module[--k->modules].fd);
	if (k->fd >= 0)
		close(k->fd);
	k->fd = -1;
}

/* Reads a part of a file into RAM. 0 or -errno, with the line printed. */
static int load_file(struct hs_mem *mem, hs_gpa gpa, int fd, uint64_t offset, uint64_t bytes,
		     const char *path)
{
	uint8_t *to = hs_mem_at(mem, gpa, bytes);
	ssize_t n;
	int ret;

	if (!to)
		return -EFAULT;
	while (bytes) {
		n = pread(fd, to, bytes, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			ret = n ? -errno : -EIO;
			hs_error("'%s': %s", path, n ? strerror(errno) : "has become shorter");
			return ret;
		}
		to += n;
		offset += (uint64_t)n;
		bytes -= (uint64_t)n;
	}
	return 0;
}

static void add_range(struct hs_range *range, unsigned int *n, uint64_t start, uint64_t end,
		      uint32_t type)
{
	if (end > start)
		range[(*n)++] = (struct hs_range){ start, end - start, type };
}

unsigned int hs_boot_ranges(const struct hs_vm *vm, struct hs_range *range)
{
	bool pc = vm->config->machine == HS_MACHINE_PC;
	unsigned int n = 0;

	add_range(range, &n, 0, HS_BOOT_EBDA, HS_E820_RAM);
	add_range(range, &n, HS_BOOT_EBDA, HS_BOOT_VGA, HS_E820_RESERVED);
	add_range(range, &n, pc ? HS_BOOT_RSDP : HS_BOOT_INFO, HS_BOOT_LOW_END, HS_E820_RESERVED);
	add_range(range, &n, HS_BOOT_LOW_END, hs_mem_low(vm->mem), HS_E820_RAM);
	add_range(range, &n, HS_MEM_HOLE_END, HS_MEM_HOLE_END + hs_mem_high(vm->mem), HS_E820_RAM);
	return n;
}

/* The command line: a name, for those that want one, and the user's text. */
static int put_cmdline(struct hs_mem *mem, const struct hs_kernel *k, const char *text)
{
	size_t name = strlen(k->name);
	hs_gpa at = HS_BOOT_CMDLINE;
	int ret = hs_mem_write(mem, at, k->name, name);

	at += name;
	if (!ret && name && *text)
		ret = hs_mem_write(mem, at++, " ", 1);
	return ret ? ret : hs_mem_write(mem, at, text, strlen(text) + 1);
}

/* What the kernel is told, by the way it is entered. */
static int tell(struct hs_vm *vm, const struct hs_kernel *k)
{
	switch (k->way) {
	case HS_BOOT_PVH:
		return hs_pvh_info(vm, k);
	case HS_BOOT_MULTIBOOT:
		return hs_multiboot_info(vm, k);
	default:
		return hs_zero_page(vm, k);
	}
}

int hs_boot_load(struct hs_vm *vm, const struct hs_kernel *k)
{
	const struct hs_config *config = vm->config;
	int ret = 0;

	for (unsigned int i = 0; i < k->pieces && !ret; i++)
		ret = load_file(vm->mem, k->piece[i].gpa, k->fd, k->piece[i].offset,
				k->piece[i].bytes, config->kernel);
	for (unsigned int i = 0; i < k->modules && !ret; i++)
		ret = load_file(vm->mem, k->module[i].gpa, k->module[i].fd, 0, k->module[i].bytes,
				k->module[i].path);
	if (!ret)
		ret = put_cmdline(vm->mem, k, config->cmdline);
	if (!ret)
		ret = tell(vm, k);
	if (!ret)
		ret = hs_boot_tables(vm->mem, k);
	if (!ret && config->machine == HS_MACHINE_PC)
		ret = hs_bios_data(vm->mem);
	if (!ret && config->machine == HS_MACHINE_PC)
		ret = hs_acpi_tables(vm);
	if (!ret && config->mp_table)
		ret = hs_mp_table(vm);
	return ret;
}
