/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hostile guest's network cards, from its user space, and the other end of
 * their wire. All frames that may be judged follow from a number, which is in
 * the source address; so a byte of another frame, or of memory that was never
 * sent, shows at whoever receives it.
 *
 *	nethostile.c		frames, the wire's other end, memory
 *	nethostile_pv.c		the PV device by raw calls
 *	nethostile_e1000.c	the 82540EM by its registers
 *
 * Memory: 2 MiB that are contiguous for the device, too (a huge page), so that
 * nothing that it writes hits the kernel that has to report. A descriptor's
 * address is in its part of it, or where there is no RAM.
 */
#ifndef NETHOSTILE_H
#define NETHOSTILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AREA		0x200000u
#define RINGS		0x000000u	/* rings; in disorder a ring is anywhere in here */
#define RINGS_SIZE	0x100000u
#define FRAMES		0x100000u	/* what is sent */
#define FRAMES_SIZE	0x080000u
#define BUFFERS		0x180000u	/* what is received */
#define BUFFERS_SIZE	0x060000u
#define LISTS		0x1e0000u	/* structures of calls, lists of segments */
#define LISTS_SIZE	0x010000u
#define SECRET		0x1f0000u	/* what no descriptor ever names */
#define SECRET_SIZE	0x010000u

#define SECRET_BYTE	0xc5
#define GUARD_BYTE	0xa7		/* buffers, before something is received */
#define MAX_FRAME	65550u
#define SUMMED		0xffffu		/* as header length: no segmentation, but sums */

extern uint8_t *area;
extern uint64_t area_gpa;
extern uint64_t seed_state;

uint64_t rnd(void);
uint32_t below(uint32_t n);
uint64_t nowhere(void);			/* an address without RAM */
bool area_get(void);			/* false: said on stderr */
double seconds(void);

/*
 * Writes frame `n` of `length` bytes, whose first `header` bytes are copied to
 * each piece it is cut into; 0: it is not cut, and arrives as it is; SUMMED.
 */
void frame_make(uint8_t *to, uint32_t n, uint32_t length, uint32_t header);
/* IPv4 or IPv6, TCP or UDP, in front of the pattern; bytes of all headers. */
uint32_t frame_headers(uint8_t *frame, uint32_t length, bool six, bool tcp);
/* Is it a frame of the other end's, undamaged? extra: bytes that may follow. */
bool frame_from_host(const uint8_t *frame, uint32_t length, uint32_t extra);
/* A length that is often at an edge, never above most. */
uint32_t frame_length(uint32_t most);

int hostile_pv(uint64_t rounds);
int hostile_break(void);
int hostile_e1000(const char *device, uint64_t rounds);

#endif /* NETHOSTILE_H */
