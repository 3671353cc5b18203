/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pvkit ABI: fixed-width types and compile-time checks.
 *
 * The ABI headers are freestanding C11. Linux (kernel and user space) has its own __u8..__u64;
 * every other environment gets them from <stdint.h>. All fields are little endian and naturally
 * aligned. Padding is explicit. No field's size or place depends on the word size of either side.
 */
#ifndef PVK_ABI_TYPES_H
#define PVK_ABI_TYPES_H

#ifdef __linux__
#include <linux/types.h>
#else
#include <stdint.h>
typedef uint8_t __u8;
typedef uint16_t __u16;
typedef uint32_t __u32;
typedef uint64_t __u64;
typedef int32_t __s32;
typedef int64_t __s64;
#endif

#define PVK_ASSERT_SIZE(type, bytes) \
	_Static_assert(sizeof(type) == (bytes), "ABI size of " #type)
#define PVK_ASSERT_OFFSET(type, field, bytes) \
	_Static_assert(__builtin_offsetof(type, field) == (bytes), \
		       "ABI offset of " #type "." #field)

#endif /* PVK_ABI_TYPES_H */
