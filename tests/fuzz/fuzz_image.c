// SPDX-License-Identifier: BSD-2-Clause
/*
 * Fuzzer of the kernel formats: an input is a file and a way to enter it. What
 * is accepted lies in the file and in the places for kernels, has its entry in
 * what is loaded, and is loaded without an error.
 */
/* LINK: host-stub/file.c host-stub/boot/kernel.c host-stub/boot/bzimage.c host-stub/boot/elf.c host-stub/boot/multiboot.c host-stub/boot/pvh.c host-stub/mem.c */
/* LIBS: -lpthread -Wl,--wrap=ioctl */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/fake_boot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Refusals are what most inputs end in. */
void hs_error(const char *fmt, ...)
{
	(void)fmt;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char path[64];
	static struct hs_config config = { .memory = 256ull << 20, .cmdline = "a command line" };
	struct hs_vm vm = { .config = &config };
	struct hs_kernel k;
	static int fd = -1;

	if (size < 1)
		return 0;
	if (fd < 0) {
		fd = memfd_create("image", 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		config.kernel = path;
	}
	config.boot = (enum hs_boot_way)(data[0] % 5);
	config.machine = data[0] & 0x80 ? HS_MACHINE_MINIMAL : HS_MACHINE_PC;
	if (ftruncate(fd, 0) < 0 || pwrite(fd, data + 1, size - 1, 0) != (ssize_t)size - 1)
		abort();
	if (hs_kernel_open(&k, &config))
		return 0;
	if (k.way == HS_BOOT_AUTO || k.end > config.memory || !k.pieces)
		abort();
	if (k.entry < k.start || k.entry >= k.end)
		abort();
	for (unsigned int i = 0; i < k.pieces; i++)
		if (k.piece[i].gpa < k.start || k.piece[i].gpa + k.piece[i].bytes > k.end ||
		    hs_boot_place(k.piece[i].gpa, k.piece[i].bytes) ||
		    k.piece[i].offset + k.piece[i].bytes > size - 1)
			abort();
	if (hs_mem_create(&vm.mem, -1, &config) || hs_boot_load(&vm, &k))
		abort();
	hs_mem_destroy(vm.mem);
	hs_kernel_close(&k);
	return 0;
}
