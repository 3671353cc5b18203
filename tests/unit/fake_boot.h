/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Around the formats of kernels (boot/kernel.c and below), for tests and fuzzers that are
 * about nothing else: a KVM that takes any memory, tables that are not made, and nothing that is
 * unpacked. A file that includes this links with -Wl,--wrap=ioctl.
 */
#ifndef TESTS_FAKE_BOOT_H
#define TESTS_FAKE_BOOT_H

#include "host-stub/boot/boot.h"
#include "host-stub/vm.h"

int __wrap_ioctl(int fd, unsigned long request, ...);

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	(void)fd;
	(void)request;
	return 0;
}

int hs_payload_open(struct hs_kernel *k, const char *path)
{
	(void)k;
	(void)path;
	return HS_EXIT_KERNEL;
}

int hs_payload_whole(struct hs_kernel *k, const char *path)
{
	(void)k;
	(void)path;
	return 0;
}

int hs_boot_tables(struct hs_mem *mem, const struct hs_kernel *k)
{
	(void)mem;
	(void)k;
	return 0;
}

int hs_bios_data(struct hs_mem *mem)
{
	(void)mem;
	return 0;
}

int hs_acpi_tables(struct hs_vm *vm)
{
	(void)vm;
	return 0;
}

int hs_mp_table(struct hs_vm *vm)
{
	(void)vm;
	return 0;
}

#endif /* TESTS_FAKE_BOOT_H */
