/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ring of abi/ring.h: one implementation for the Linux modules, the
 * porting library, the host stub and the tests. Freestanding, no allocation.
 *
 * A struct pvk_ring is the private cursor of one side of one ring; the shared
 * memory holds nothing but entries and wake words, so a peer can spoil
 * contents but never a cursor. A ring is used by one thread at a time on each
 * side; the caller locks. Counting the requests in flight is the caller's
 * (see abi/ring.h for why that is all the flow control there is).
 */
#ifndef PVK_RING_H
#define PVK_RING_H

#include "abi/ring.h"

#ifdef __KERNEL__
#include <linux/compiler.h>
#include <asm/barrier.h>
/*
 * virt_: the peer is another CPU, which a kernel without SMP does not have.
 * load_acquire pairs with the peer's release, which it does with whatever its CPU has
 */
#define pvk_load_acquire(p)	virt_load_acquire(p)
/* pairs with the peer's acquire */
#define pvk_store_release(p, v)	virt_store_release(p, v)
#define pvk_load(p)		READ_ONCE(*(p))
#define pvk_store(p, v)		WRITE_ONCE(*(p), v)
/* pairs with the peer's between its own store and load (doorbell, suppression) */
#define pvk_full_barrier()	virt_mb()
#else
#define pvk_load_acquire(p)	__atomic_load_n(p, __ATOMIC_ACQUIRE)
#define pvk_store_release(p, v)	__atomic_store_n(p, v, __ATOMIC_RELEASE)
#define pvk_load(p)		__atomic_load_n(p, __ATOMIC_RELAXED)
#define pvk_store(p, v)		__atomic_store_n(p, v, __ATOMIC_RELAXED)
#define pvk_full_barrier()	__atomic_thread_fence(__ATOMIC_SEQ_CST)
#endif

/*
 * Words of entries, 64 bits. A 32-bit guest moves halves: the phase bit is in
 * the lower one, which it therefore writes last and reads first; what the peer
 * does with the whole word is in step with that.
 */
#if __SIZEOF_POINTER__ == 4
typedef __u32 pvk_half __attribute__((may_alias));

static inline __u64 pvk_word_acquire(__u64 *word)
{
	pvk_half *half = (pvk_half *)word;
	__u32 low = pvk_load_acquire(&half[0]);

	return (__u64)pvk_load(&half[1]) << 32 | low;
}

static inline void pvk_word_publish(__u64 *word, __u64 value)
{
	pvk_half *half = (pvk_half *)word;

	pvk_store(&half[1], (__u32)(value >> 32));
	pvk_store_release(&half[0], (__u32)value);
}

#define pvk_word_load(p)	pvk_word_acquire(p)
#define pvk_word_store(p, v)	pvk_word_publish(p, v)
#else
#define pvk_word_load(p)	pvk_load(p)
#define pvk_word_acquire(p)	pvk_load_acquire(p)
#define pvk_word_store(p, v)	pvk_store(p, v)
#define pvk_word_publish(p, v)	pvk_store_release(p, v)
#endif

struct pvk_ring {
	__u64 *slots;		/* shared: entries of 2 or 8 words */
	__u32 *wake;		/* shared: the consumer's wake word */
	__u32 mask;		/* entries - 1 */
	__u32 next;		/* number of the next entry to put or get */
};

#define PVK_SQE_WORDS	(sizeof(struct pvk_sqe) / 8)
#define PVK_CQE_WORDS	(sizeof(struct pvk_cqe) / 8)

/* entries: a power of two, checked by the caller. */
static inline void pvk_ring_init(struct pvk_ring *r, void *slots, __u32 *wake,
				 __u32 entries)
{
	r->slots = slots;
	r->wake = wake;
	r->mask = entries - 1;
	r->next = 0;
}

/* The phase bit, in its place in word 0, of entry number n. */
static inline __u64 pvk_ring_phase(const struct pvk_ring *r, __u32 n)
{
	return (__u64)!(n & (r->mask + 1)) << PVK_PHASE_SHIFT;
}

static inline __u64 *pvk_ring_slot(const struct pvk_ring *r, __u32 words)
{
	return r->slots + (__u64)(r->next & r->mask) * words;
}

static inline void pvk_ring_put(struct pvk_ring *r, const __u64 *entry, __u32 words)
{
	__u64 *slot = pvk_ring_slot(r, words);
	__u64 phase_bit = (__u64)PVK_ENTRY_PHASE << PVK_PHASE_SHIFT;
	__u32 i;

	for (i = 1; i < words; i++)
		pvk_word_store(&slot[i], entry[i]);
	pvk_word_publish(&slot[0], (entry[0] & ~phase_bit) | pvk_ring_phase(r, r->next));
	r->next++;
}

static inline int pvk_ring_pending(const struct pvk_ring *r, __u32 words)
{
	__u64 *slot = pvk_ring_slot(r, words);
	__u64 phase_bit = (__u64)PVK_ENTRY_PHASE << PVK_PHASE_SHIFT;

	return (pvk_word_load(&slot[0]) & phase_bit) == pvk_ring_phase(r, r->next);
}

static inline int pvk_ring_get(struct pvk_ring *r, __u64 *copy, __u32 words)
{
	__u64 *slot = pvk_ring_slot(r, words);
	__u64 phase_bit = (__u64)PVK_ENTRY_PHASE << PVK_PHASE_SHIFT;
	__u64 word = pvk_word_acquire(&slot[0]);
	__u32 i;

	if ((word & phase_bit) != pvk_ring_phase(r, r->next))
		return 0;
	copy[0] = word;
	for (i = 1; i < words; i++)
		copy[i] = pvk_word_load(&slot[i]);
	r->next++;
	return 1;
}

/*
 * Word view of an entry; a union instead of a pointer cast, so that no
 * environment needs -fno-strict-aliasing.
 */
union pvk_sqe_words {
	struct pvk_sqe sqe;
	__u64 word[PVK_SQE_WORDS];
};

union pvk_cqe_words {
	struct pvk_cqe cqe;
	__u64 word[PVK_CQE_WORDS];
};

/* Producer: publishes one entry; its phase bit is set here. */
static inline void pvk_sq_put(struct pvk_ring *r, const union pvk_sqe_words *e)
{
	pvk_ring_put(r, e->word, PVK_SQE_WORDS);
}

static inline void pvk_cq_put(struct pvk_ring *r, const union pvk_cqe_words *e)
{
	pvk_ring_put(r, e->word, PVK_CQE_WORDS);
}

/* Consumer: copies the next entry out; 1 when there was one, else 0. */
static inline int pvk_sq_get(struct pvk_ring *r, union pvk_sqe_words *copy)
{
	return pvk_ring_get(r, copy->word, PVK_SQE_WORDS);
}

static inline int pvk_cq_get(struct pvk_ring *r, union pvk_cqe_words *copy)
{
	return pvk_ring_get(r, copy->word, PVK_CQE_WORDS);
}

/* Consumer: is there an entry? (a hint: nothing is ordered by it) */
static inline int pvk_sq_pending(const struct pvk_ring *r)
{
	return pvk_ring_pending(r, PVK_SQE_WORDS);
}

static inline int pvk_cq_pending(const struct pvk_ring *r)
{
	return pvk_ring_pending(r, PVK_CQE_WORDS);
}

/*
 * Producer, after it published entries from number `old` on: 1 when the
 * consumer asked to be told of one of them.
 */
static inline int pvk_ring_must_wake(const struct pvk_ring *r, __u32 old)
{
	pvk_full_barrier();	/* pairs with the one in pvk_ring_arm() */
	return (__u32)(r->next - pvk_load(r->wake) - 1) < (__u32)(r->next - old);
}

/*
 * Producer: 1 when the consumer asked to be told of an entry that is still to
 * come, 0 when it polls or was told.
 */
static inline int pvk_ring_wakes_later(const struct pvk_ring *r)
{
	return (__u32)(pvk_load(r->wake) - r->next) <= r->mask;
}

/*
 * Consumer, before it sleeps: asks to be told of the entry after `more`
 * further ones (0: the next). The caller then looks with pvk_*_pending() once
 * more, and sleeps only when nothing is there.
 */
static inline void pvk_ring_arm(struct pvk_ring *r, __u32 more)
{
	pvk_store(r->wake, r->next + more);
	pvk_full_barrier();	/* pairs with the one in pvk_ring_must_wake() */
}

/* Consumer, from now on polling: leaves the wake word behind. */
static inline void pvk_ring_disarm(struct pvk_ring *r)
{
	pvk_store(r->wake, r->next - 1);
}

#endif /* PVK_RING_H */
