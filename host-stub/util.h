/* SPDX-License-Identifier: BSD-2-Clause */
/* Small helpers that more than one file needs. */
#ifndef HS_UTIL_H
#define HS_UTIL_H

#include <stddef.h>
#include <stdint.h>

/* How many elements an array has; not for pointers. */
#define HS_COUNT(array)	(sizeof(array) / sizeof((array)[0]))

/* The structure whose member this is. */
#define hs_container_of(pointer, type, member) \
	((type *)(void *)((char *)(pointer) - offsetof(type, member)))

/* Big-endian numbers of the wire, at any address */
static inline uint16_t hs_get_be16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t hs_get_be32(const uint8_t *at)
{
	return (uint32_t)hs_get_be16(at) << 16 | hs_get_be16(at + 2);
}

static inline void hs_put_be16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static inline void hs_put_be32(uint8_t *at, uint32_t value)
{
	hs_put_be16(at, value >> 16);
	hs_put_be16(at + 2, value & 0xffffu);
}

/* Little-endian ones, at any address */
static inline uint16_t hs_get_le16(const uint8_t *at)
{
	return (uint16_t)(at[0] | at[1] << 8);
}

static inline void hs_put_le16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)value;
	at[1] = (uint8_t)(value >> 8);
}

static inline uint32_t hs_get_le32(const uint8_t *at)
{
	return (uint32_t)hs_get_le16(at) | (uint32_t)hs_get_le16(at + 2) << 16;
}

#endif /* HS_UTIL_H */
