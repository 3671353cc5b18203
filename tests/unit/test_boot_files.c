// SPDX-License-Identifier: BSD-2-Clause
/*
 * Kernels' files that lie: numbers that wrap, point past the file's end or at our own data, files
 * that change under our eyes. Each is refused in one line, or loaded to where it may be.
 */
/* LINK: host-stub/file.c host-stub/boot/kernel.c host-stub/boot/bzimage.c host-stub/boot/elf.c host-stub/boot/multiboot.c host-stub/boot/pvh.c host-stub/mem.c */
/* LIBS: -lpthread -Wl,--wrap=ioctl */
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_boot.h"

#define BASE	0x200000u
#define MAGIC1	0x1badb002u

static char said[512];
static unsigned int lines;

void hs_error(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(said, sizeof(said), fmt, args);
	va_end(args);
	lines++;
}

static struct hs_config config;
static struct hs_kernel kernel;
static char path[64];
static int fd = -1;

/* Opens the bytes as a kernel; on success it is loaded, too. The exit status, or 0. */
static int try_file(const void *bytes, size_t size, enum hs_boot_way way)
{
	struct hs_vm vm = { .config = &config };
	int ret;

	if (fd < 0)
		fd = memfd_create("image", MFD_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_true(!ftruncate(fd, 0) && pwrite(fd, bytes, size, 0) == (ssize_t)size);
	config = (struct hs_config){
		.kernel = path, .cmdline = "", .memory = 64ull << 20, .boot = way};
	lines = 0;
	*said = 0;
	ret = hs_kernel_open(&kernel, &config);
	assert_int_equal(lines, ret ? 1 : 0);
	if (ret)
		return ret;
	assert_int_equal(hs_mem_create(&vm.mem, -1, &config), 0);
	assert_int_equal(hs_boot_load(&vm, &kernel), 0);
	hs_mem_destroy(vm.mem);
	hs_kernel_close(&kernel);
	return 0;
}

static void refused(const void *bytes, size_t size, enum hs_boot_way way, const char *why)
{
	assert_int_equal(try_file(bytes, size, way), HS_EXIT_KERNEL);
	if (!strstr(said, why))
		fail_msg("'%s' does not say '%s'", said, why);
}

/* A 64-bit ELF file of one segment, 64 bytes at BASE, entered there. */
struct file64 {
	Elf64_Ehdr head;
	Elf64_Phdr load, note;
	uint8_t code[64];
	struct {
		Elf64_Nhdr head;
		char name[4];
		uint64_t entry;
	} pvh;
};

static struct file64 sound(void)
{
	struct file64 f = {
		.head =
			{
				.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB,
					    EV_CURRENT},
				.e_type = ET_EXEC,
				.e_machine = EM_X86_64,
				.e_version = 1,
				.e_entry = BASE,
				.e_phoff = offsetof(struct file64, load),
				.e_ehsize = sizeof(f.head),
				.e_phentsize = sizeof(f.load),
				.e_phnum = 2,
			},
		.load =
			{
				.p_type = PT_LOAD,
				.p_offset = offsetof(struct file64, code),
				.p_vaddr = BASE,
				.p_paddr = BASE,
				.p_filesz = 64,
				.p_memsz = 64,
			},
		.note =
			{
				.p_type = PT_NOTE,
				.p_offset = offsetof(struct file64, pvh),
				.p_filesz = sizeof(f.pvh),
				.p_memsz = sizeof(f.pvh),
				.p_align = 4,
			},
		.pvh = { { 4, 8, 18 }, "Xen", BASE },
	};

	return f;
}

static void elf_headers(void **state)
{
	struct file64 f = sound();

	(void)state;
	assert_int_equal(try_file(&f, sizeof(f), HS_BOOT_LINUX64), 0);
	for (size_t cut = 1; cut < sizeof(f.head); cut++)
		assert_int_equal(try_file(&f, cut, HS_BOOT_AUTO), HS_EXIT_KERNEL);
	f.head.e_phoff = UINT64_MAX - 16;
	refused(&f, sizeof(f), HS_BOOT_LINUX64, "truncated");
	f.head.e_phoff = sizeof(f) - 8;
	refused(&f, sizeof(f), HS_BOOT_LINUX64, "truncated");
	f = sound();
	f.head.e_phnum = 0xffff;
	refused(&f, sizeof(f), HS_BOOT_LINUX64, "too many");
	f.head.e_phnum = 0;
	refused(&f, sizeof(f), HS_BOOT_LINUX64, "program headers");
	f = sound();
	f.head.e_phentsize = 1;
	refused(&f, sizeof(f), HS_BOOT_LINUX64, "program headers");
}

static void elf_segments(void **state)
{
	struct file64 f = sound();

	(void)state;
	f.load.p_offset = UINT64_MAX - 8;
	refused(&f, sizeof(f), HS_BOOT_LINUX64, "truncated");
	f = sound();
	f.load.p_filesz = UINT64_MAX;
	f.load.p_memsz = UINT64_MAX;
	refused(&f, sizeof(f), HS_BOOT_LINUX64, "truncated");
	f = sound();
	f.load.p_memsz = UINT64_MAX;	/* with the address: wraps to below it */
	refused(&f, sizeof(f), HS_BOOT_LINUX64, "3072 MiB");
	f = sound();
	f.load.p_memsz = 32;		/* less than there is in the file */
	refused(&f, sizeof(f), HS_BOOT_LINUX64, "truncated");
	f = sound();
	f.load.p_paddr = UINT64_MAX - 31;
	refused(&f, sizeof(f), HS_BOOT_LINUX64, "3072 MiB");
	f = sound();
	f.load.p_paddr = 0;		/* its end, not its start, is in the way */
	f.load.p_memsz = 0x6001;
	refused(&f, sizeof(f), HS_BOOT_LINUX64, "interrupt vectors");
	f.load.p_paddr = 0x500;
	f.load.p_memsz = 0x5b01;
	refused(&f, sizeof(f), HS_BOOT_LINUX64, "0x500 lies where what the kernel is told");
	f = sound();			/* above the RAM, where more of it would help */
	f.load.p_memsz = 65ull << 20;
	assert_int_equal(try_file(&f, sizeof(f), HS_BOOT_LINUX64), HS_EXIT_MEMORY);
}

static void elf_entries(void **state)
{
	static const uint64_t outside[] = { 0, BASE - 1, BASE + 64, UINT64_MAX,
					    BASE + (1ull << 32) };
	struct file64 f = sound();

	(void)state;
	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
		f.head.e_entry = outside[i];
		refused(&f, sizeof(f), HS_BOOT_LINUX64, "entry");
		f.pvh.entry = outside[i];
		refused(&f, sizeof(f), HS_BOOT_PVH, "entry");
	}
	f = sound();
	f.load.p_vaddr = UINT64_MAX - 63;	/* the last bytes that there are */
	f.head.e_entry = UINT64_MAX;
	assert_int_equal(try_file(&f, sizeof(f), HS_BOOT_LINUX64), 0);
	assert_int_equal(kernel.entry, BASE + 63);
	f.pvh.entry = UINT64_MAX;		/* PVH's is physical */
	refused(&f, sizeof(f), HS_BOOT_PVH, "entry");
}

static void elf_notes(void **state)
{
	static const uint32_t sizes[] = { 5, 0x10000, 0x7fffffff, UINT32_MAX - 3, UINT32_MAX };
	struct file64 f = sound();

	(void)state;
	assert_int_equal(try_file(&f, sizeof(f), HS_BOOT_PVH), 0);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		f = sound();
		f.pvh.head.n_namesz = sizes[i];
		refused(&f, sizeof(f), HS_BOOT_PVH, "PVH");
		f = sound();
		f.pvh.head.n_descsz = sizes[i];
		refused(&f, sizeof(f), HS_BOOT_PVH, "PVH");
	}
	f = sound();
	f.note.p_offset = sizeof(f) - 4;
	refused(&f, sizeof(f), HS_BOOT_PVH, "PVH");
	f = sound();
	f.note.p_filesz = UINT64_MAX;
	refused(&f, sizeof(f), HS_BOOT_PVH, "PVH");
}

/* A flat Multiboot file: the header, then code. */
static void multiboot(uint32_t *h, uint32_t header_addr, uint32_t load, uint32_t load_end,
		      uint32_t bss_end, uint32_t entry)
{
	const uint32_t flags = 1u << 16;
	const uint32_t head[8] = { MAGIC1, flags,    -(MAGIC1 + flags), header_addr,
				  load,	  load_end, bss_end,	       entry};

	memcpy(h, head, sizeof(head));
}

static void multiboot_addresses(void **state)
{
	uint32_t h[64] = { 0 };

	(void)state;
	multiboot(h, BASE, BASE, 0, 0, BASE + 32);
	assert_int_equal(try_file(h, sizeof(h), HS_BOOT_AUTO), 0);
	/* Where the file ends within the header, what is missing is zero: nothing is at address 0.
	 */
	for (size_t bytes = 12; bytes < 32; bytes += 4)
		assert_int_equal(try_file(h, bytes, HS_BOOT_MULTIBOOT), HS_EXIT_KERNEL);
	multiboot(h, BASE, BASE + 4, 0, 0, BASE + 32);		/* loads from before the file */
	refused(h, sizeof(h), HS_BOOT_AUTO, "no sense");
	multiboot(h, BASE, BASE - 4, 0, 0, BASE + 32);
	refused(h, sizeof(h), HS_BOOT_AUTO, "no sense");
	multiboot(h, BASE, BASE, BASE - 1, 0, BASE);		/* ends before it begins */
	refused(h, sizeof(h), HS_BOOT_AUTO, "truncated");
	multiboot(h, BASE, BASE, BASE + sizeof(h) + 1, 0, BASE);
	refused(h, sizeof(h), HS_BOOT_AUTO, "truncated");
	multiboot(h, BASE, BASE, BASE, 0, BASE);		/* nothing */
	refused(h, sizeof(h), HS_BOOT_AUTO, "entry");
	multiboot(h, BASE, BASE, 0, 0, BASE + sizeof(h));
	refused(h, sizeof(h), HS_BOOT_AUTO, "entry");
	multiboot(h, BASE, BASE, 0, UINT32_MAX, BASE);		/* more bss than there can be RAM */
	refused(h, sizeof(h), HS_BOOT_AUTO, "3072 MiB");
	multiboot(h, UINT32_MAX, UINT32_MAX, 0, 0, UINT32_MAX);
	refused(h, sizeof(h), HS_BOOT_AUTO, "3072 MiB");
	multiboot(h, 0x7000, 0x7000, 0, 0, 0x7000);		/* over what it is told */
	refused(h, sizeof(h), HS_BOOT_AUTO, "0x7000 lies where");
	multiboot(h, 0x500, 0x500, 0, 0x6000, 0x500);		/* right below it */
	assert_int_equal(try_file(h, sizeof(h), HS_BOOT_AUTO), 0);
}

/* At the end of where a header may lie, and behind it. */
static void multiboot_places(void **state)
{
	static uint32_t file[16384];

	(void)state;
	for (size_t at = 2040; at <= 2048; at++) {
		bool inside = at * 4 + 12 <= 8192;

		memset(file, 0, sizeof(file));
		multiboot(file + at, BASE + (uint32_t)at * 4, BASE, 0, 0, BASE);
		assert_int_equal(try_file(file, sizeof(file), HS_BOOT_MULTIBOOT),
				 inside ? 0 : HS_EXIT_KERNEL);
		assert_int_equal(try_file(file, at * 4 + 11, HS_BOOT_MULTIBOOT), HS_EXIT_KERNEL);
	}
	memset(file, 0, sizeof(file));
	file[8192 - 4] = 0xe85250d6;	/* the last place of Multiboot 2's */
	file[8192 - 2] = 24;
	file[8192 - 1] = -(0xe85250d6 + 24);
	refused(file, sizeof(file), HS_BOOT_AUTO, "Multiboot 2");
	refused(file, 32768 - 1, HS_BOOT_AUTO, "not a Linux bzImage");
}

/* A bzImage's numbers */
static void bzimage_header(void **state)
{
	static uint8_t file[8192];
	const uint32_t most = UINT32_MAX, zero = 0;
	const uint64_t far = UINT64_MAX - 4095;
	uint64_t start = BASE;
	uint32_t v = 0x53726448, init = 0x100000, size = (sizeof(file) - 1024) / 16;

	(void)state;
	file[0x1f1] = 1;
	memcpy(file + 0x1f4, &size, 4);
	memcpy(file + 0x1fe, "\x55\xaa", 2);
	memcpy(file + 0x202, &v, 4);
	memcpy(file + 0x206, "\x0f\x02", 2);
	file[0x236] = 1;
	memcpy(file + 0x238, &most, 4);		/* the longest command line: any, so ours */
	memcpy(file + 0x22c, &most, 4);
	memcpy(file + 0x258, &start, 8);
	memcpy(file + 0x260, &init, 4);
	assert_int_equal(try_file(file, sizeof(file), HS_BOOT_BZIMAGE), 0);
	assert_int_equal(try_file(file, sizeof(file) - 15, HS_BOOT_BZIMAGE), 0);
	refused(file, sizeof(file) - 16, HS_BOOT_BZIMAGE, "truncated");
	memcpy(file + 0x258, &far, 8);		/* with its size: wraps to 0 and above */
	refused(file, sizeof(file), HS_BOOT_BZIMAGE, "damaged");
	memcpy(file + 0x258, &start, 8);
	memcpy(file + 0x260, &zero, 4);
	refused(file, sizeof(file), HS_BOOT_BZIMAGE, "damaged");
	memcpy(file + 0x260, &init, 4);
	memcpy(file + 0x1f4, &most, 4);
	refused(file, sizeof(file), HS_BOOT_BZIMAGE, "truncated");
	memcpy(file + 0x1f4, &zero, 4);
	refused(file, sizeof(file), HS_BOOT_BZIMAGE, "damaged");
	file[0x1f1] = 255;			/* all of the file is its setup */
	refused(file, sizeof(file), HS_BOOT_BZIMAGE, "truncated");
}

/* A file that is cut after it was checked: said, and no more of it is believed. */
static void cut_later(void **state)
{
	struct hs_vm vm = { .config = &config };
	struct file64 f = sound();

	(void)state;
	assert_int_equal(try_file(&f, sizeof(f), HS_BOOT_LINUX64), 0);
	assert_int_equal(hs_kernel_open(&kernel, &config), 0);
	assert_int_equal(ftruncate(fd, offsetof(struct file64, code) + 10), 0);
	assert_int_equal(hs_mem_create(&vm.mem, -1, &config), 0);
	assert_true(hs_boot_load(&vm, &kernel) < 0);
	assert_non_null(strstr(said, "shorter"));
	assert_int_equal(lines, 1);
	hs_mem_destroy(vm.mem);
	hs_kernel_close(&kernel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(elf_headers), cmocka_unit_test(elf_segments),
		cmocka_unit_test(elf_entries), cmocka_unit_test(elf_notes),
		cmocka_unit_test(multiboot_addresses), cmocka_unit_test(multiboot_places),
		cmocka_unit_test(bzimage_header), cmocka_unit_test(cut_later),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
