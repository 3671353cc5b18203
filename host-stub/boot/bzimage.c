/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernel and initrd: opened and checked once, read into RAM at each power-on
 * (the descriptors stay open, so that a reboot opens no file). Field offsets:
 * Linux, Documentation/x86/boot.rst, "The Real-Mode Kernel Header" and
 * zero-page.rst.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../vm.h"
#include "boot.h"

/* of the image and of the zero page alike */
#define OFF_SETUP_SECTS		0x1f1
#define OFF_SYSSIZE		0x1f4
#define OFF_BOOT_FLAG		0x1fe
#define OFF_JUMP		0x201	/* its distance ends the header */
#define OFF_MAGIC		0x202
#define OFF_VERSION		0x206
#define OFF_LOADER		0x210
#define OFF_LOADFLAGS		0x211
#define OFF_RAMDISK		0x218
#define OFF_RAMDISK_SIZE	0x21c
#define OFF_CMDLINE		0x228
#define OFF_INITRD_MAX		0x22c
#define OFF_ALIGNMENT		0x230
#define OFF_RELOCATABLE		0x234
#define OFF_XLOADFLAGS		0x236
#define OFF_CMDLINE_SIZE	0x238
#define OFF_PREFERRED		0x258
#define OFF_INIT_SIZE		0x260
/* of the zero page only */
#define OFF_RSDP		0x070
#define OFF_E820_ENTRIES	0x1e8
#define OFF_E820		0x2d0
#define HEADER_START		0x1f1

#define PROTOCOL_64BIT		0x20c	/* the first with xloadflags */
#define XLF_KERNEL_64		1u
#define LOADED_HIGH		1u
#define LOADER_OTHER		0xffu

#define E820_RAM		1u
#define E820_RESERVED		2u

#define PAGE			4096ull

struct e820 {
	uint64_t start, bytes;
	uint32_t type;
} __attribute__((packed));

static uint16_t get16(const uint8_t *at)
{
	uint16_t v;

	memcpy(&v, at, sizeof(v));
	return v;
}

static uint32_t get32(const uint8_t *at)
{
	uint32_t v;

	memcpy(&v, at, sizeof(v));
	return v;
}

static uint64_t get64(const uint8_t *at)
{
	uint64_t v;

	memcpy(&v, at, sizeof(v));
	return v;
}

/* Opens a regular file and tells its size. -errno without a line. */
static int open_file(const char *path, uint64_t *bytes)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int ret;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		ret = -errno;
	else if (S_ISDIR(st.st_mode))
		ret = -EISDIR;
	else if (!S_ISREG(st.st_mode))
		ret = -EINVAL;
	else {
		*bytes = (uint64_t)st.st_size;
		return fd;
	}
	close(fd);
	return ret;
}

/* 0, or the exit status with the line printed. */
static int check_kernel(struct hs_kernel *k, const char *path)
{
	const uint8_t *s = k->setup;
	unsigned int version;
	ssize_t n;

	n = pread(k->kernel_fd, k->setup, sizeof(k->setup), 0);
	if (n < 0) {
		hs_error("kernel '%s': cannot read: %s", path, strerror(errno));
		return HS_EXIT_KERNEL;
	}
	if (n < OFF_INIT_SIZE + 4 || get16(s + OFF_BOOT_FLAG) != 0xaa55 ||
	    memcmp(s + OFF_MAGIC, "HdrS", 4)) {
		hs_error("kernel '%s': not a Linux bzImage: give the file that a package installs as /boot/vmlinuz-*",
			 path);
		return HS_EXIT_KERNEL;
	}
	version = get16(s + OFF_VERSION);
	if (version < PROTOCOL_64BIT) {
		hs_error("kernel '%s': boot protocol %u.%02u is too old, 2.12 is needed: use Linux 3.8 or later",
			 path, version >> 8, version & 0xff);
		return HS_EXIT_KERNEL;
	}
	if (!(get16(s + OFF_XLOADFLAGS) & XLF_KERNEL_64)) {
		hs_error("kernel '%s': has no 64-bit entry: use an x86-64 kernel", path);
		return HS_EXIT_KERNEL;
	}
	k->setup_bytes = ((s[OFF_SETUP_SECTS] ? s[OFF_SETUP_SECTS] : 4u) + 1u) * 512u;
	k->payload_bytes = (uint64_t)get32(s + OFF_SYSSIZE) * 16;
	k->init_size = get32(s + OFF_INIT_SIZE);
	k->load = get64(s + OFF_PREFERRED);
	if (k->kernel_bytes < k->setup_bytes + k->payload_bytes) {
		hs_error("kernel '%s': truncated: %" PRIu64 " of %" PRIu64 " bytes are there: copy it again",
			 path, k->kernel_bytes, k->setup_bytes + k->payload_bytes);
		return HS_EXIT_KERNEL;
	}
	if (!k->payload_bytes || k->payload_bytes > k->init_size || k->load < HS_BOOT_LOW_END ||
	    k->load >= HS_MEM_HOLE_START || k->load & (PAGE - 1) ||
	    get64(s + OFF_PREFERRED) + k->init_size > HS_MEM_HOLE_START) {
		hs_error("kernel '%s': damaged header (load address 0x%" PRIx64 ", %" PRIu64 " bytes)",
			 path, k->load, k->init_size);
		return HS_EXIT_KERNEL;
	}
	return 0;
}

/* Where the initrd goes: as high as its limit and RAM below the hole allow. */
static int place_initrd(struct hs_kernel *k, const struct hs_config *config, uint64_t low)
{
	uint64_t limit = (uint64_t)get32(k->setup + OFF_INITRD_MAX) + 1;
	uint64_t floor = (k->load + k->init_size + PAGE - 1) & ~(PAGE - 1);
	uint64_t top = low < limit ? low : limit;

	if (k->initrd_bytes > 0xffffffffu || top < floor || k->initrd_bytes > top - floor) {
		hs_error("initrd '%s': %" PRIu64 " MiB do not fit between the kernel's end at %" PRIu64
			 " MiB and %" PRIu64 " MiB: give more with --memory", config->initrd,
			 (k->initrd_bytes + (1 << 20) - 1) >> 20, floor >> 20, top >> 20);
		return HS_EXIT_INITRD;
	}
	k->initrd = (top - k->initrd_bytes) & ~(PAGE - 1);
	return 0;
}

int hs_kernel_open(struct hs_kernel *k, const struct hs_config *config)
{
	uint64_t low = config->memory < HS_MEM_HOLE_START ? config->memory : HS_MEM_HOLE_START;
	uint32_t most;
	int ret;

	memset(k, 0, sizeof(*k));
	k->initrd_fd = -1;
	k->kernel_fd = open_file(config->kernel, &k->kernel_bytes);
	if (k->kernel_fd < 0) {
		hs_error("kernel '%s': cannot open: %s", config->kernel, strerror(-k->kernel_fd));
		return HS_EXIT_KERNEL;
	}
	ret = check_kernel(k, config->kernel);
	if (ret)
		goto close_files;
	most = get32(k->setup + OFF_CMDLINE_SIZE);
	if (strlen(config->cmdline) > most || strlen(config->cmdline) >= HS_BOOT_CMDLINE_MAX) {
		hs_error("--append: %zu characters, the kernel takes %u", strlen(config->cmdline), most);
		ret = HS_EXIT_USAGE;
		goto close_files;
	}
	if (k->load + k->init_size > low) {
		hs_error("--memory: this kernel needs %" PRIu64 " MiB before its initrd, %" PRIu64
			 " MiB are given", (k->load + k->init_size + (1 << 20) - 1) >> 20, low >> 20);
		ret = HS_EXIT_MEMORY;
		goto close_files;
	}
	if (!config->initrd)
		return 0;
	k->initrd_fd = open_file(config->initrd, &k->initrd_bytes);
	if (k->initrd_fd < 0) {
		hs_error("initrd '%s': cannot open: %s", config->initrd, strerror(-k->initrd_fd));
		ret = HS_EXIT_INITRD;
		goto close_files;
	}
	if (!k->initrd_bytes) {
		hs_error("initrd '%s': empty", config->initrd);
		ret = HS_EXIT_INITRD;
		goto close_files;
	}
	ret = place_initrd(k, config, low);
	if (!ret)
		return 0;
close_files:
	hs_kernel_close(k);
	return ret;
}

void hs_kernel_close(struct hs_kernel *k)
{
	if (k->kernel_fd >= 0)
		close(k->kernel_fd);
	if (k->initrd_fd >= 0)
		close(k->initrd_fd);
	k->kernel_fd = -1;
	k->initrd_fd = -1;
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

static void e820_add(uint8_t *zero, uint64_t start, uint64_t end, uint32_t type)
{
	struct e820 entry = { start, end - start, type };

	if (end <= start)
		return;
	memcpy(zero + OFF_E820 + zero[OFF_E820_ENTRIES] * sizeof(entry), &entry, sizeof(entry));
	zero[OFF_E820_ENTRIES]++;
}

static int put_zero_page(struct hs_mem *mem, const struct hs_kernel *k)
{
	uint8_t zero[PAGE] = { 0 };
	uint32_t v32;
	uint64_t v64;
	size_t end = OFF_MAGIC + k->setup[OFF_JUMP];

	/* The header as the image has it, then what a loader fills in. */
	if (end > OFF_E820)
		end = OFF_E820;
	memcpy(zero + HEADER_START, k->setup + HEADER_START, end - HEADER_START);
	zero[OFF_LOADER] = LOADER_OTHER;
	zero[OFF_LOADFLAGS] |= LOADED_HIGH;
	v32 = HS_BOOT_CMDLINE;
	memcpy(zero + OFF_CMDLINE, &v32, sizeof(v32));
	v32 = (uint32_t)k->initrd;
	memcpy(zero + OFF_RAMDISK, &v32, sizeof(v32));
	v32 = (uint32_t)k->initrd_bytes;
	memcpy(zero + OFF_RAMDISK_SIZE, &v32, sizeof(v32));
	v64 = HS_BOOT_RSDP;
	memcpy(zero + OFF_RSDP, &v64, sizeof(v64));

	e820_add(zero, 0, HS_BOOT_EBDA, E820_RAM);
	e820_add(zero, HS_BOOT_EBDA, 0xa0000, E820_RESERVED);
	e820_add(zero, HS_BOOT_RSDP, HS_BOOT_LOW_END, E820_RESERVED);
	e820_add(zero, HS_BOOT_LOW_END, hs_mem_low(mem), E820_RAM);
	e820_add(zero, HS_MEM_HOLE_END, HS_MEM_HOLE_END + hs_mem_high(mem), E820_RAM);
	return hs_mem_write(mem, HS_BOOT_ZERO_PAGE, zero, sizeof(zero));
}

int hs_boot_load(struct hs_vm *vm, const struct hs_kernel *k)
{
	const struct hs_config *config = vm->config;
	int ret;

	ret = load_file(vm->mem, k->load, k->kernel_fd, k->setup_bytes, k->payload_bytes,
			config->kernel);
	if (ret < 0)
		return ret;
	if (k->initrd_fd >= 0) {
		ret = load_file(vm->mem, k->initrd, k->initrd_fd, 0, k->initrd_bytes,
				config->initrd);
		if (ret < 0)
			return ret;
	}
	ret = hs_mem_write(vm->mem, HS_BOOT_CMDLINE, config->cmdline, strlen(config->cmdline) + 1);
	if (!ret)
		ret = put_zero_page(vm->mem, k);
	if (!ret)
		ret = hs_boot_tables(vm->mem);
	if (!ret)
		ret = hs_acpi_tables(vm);
	return ret;
}
