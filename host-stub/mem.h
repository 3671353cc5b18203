/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest memory: RAM below the hole (0 .. at most 3 GiB) and above 4 GiB, and
 * the one length-checked translator from guest-physical addresses.
 */
#ifndef HS_MEM_H
#define HS_MEM_H

#include "layout.h"
#include <stddef.h>
#include <stdint.h>

/* A guest-physical address: no pointer, and not to be made one by hand. */
typedef uint64_t hs_gpa;

#define HS_MEM_MIN		(64ull << 20)

struct hs_mem;

struct hs_config;

/*
 * config->memory, a multiple of 4 KiB, at least HS_MEM_MIN, of pages as the
 * config says: maps it and tells KVM (vm_fd). 0 or -errno, with the line printed.
 */
int hs_mem_create(struct hs_mem **out, int vm_fd, const struct hs_config *config);
void hs_mem_destroy(struct hs_mem *mem);

uint64_t hs_mem_low(const struct hs_mem *mem);	/* bytes of RAM from 0 */
uint64_t hs_mem_high(const struct hs_mem *mem);	/* bytes of RAM from 4 GiB */

/*
 * Host pointer to len bytes of guest RAM at gpa, or NULL when they are not all
 * inside one piece of RAM (a len of 0 gives NULL). The guest may change what
 * it points to at any moment: copy once, check the copy.
 */
void *hs_mem_at(const struct hs_mem *mem, hs_gpa gpa, uint64_t len);

/* 0 or -EFAULT; nothing is copied on -EFAULT. */
int hs_mem_read(const struct hs_mem *mem, hs_gpa gpa, void *to, uint64_t len);
int hs_mem_write(const struct hs_mem *mem, hs_gpa gpa, const void *from, uint64_t len);

#endif /* HS_MEM_H */
