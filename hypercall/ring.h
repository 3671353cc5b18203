/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ring of abi/ring.h: one implementation for the Linux modules, the porting library, the host
 * stub and the tests. It is freestanding and allocates nothing.
 *
 * A struct pvk_ring is the private cursor of one side of one ring. The shared memory holds only
 * entries and wake words, so a peer can spoil contents but never a cursor. The memory belongs to
 * the caller and must outlive the cursor.
 *
 * The caller locks: on each side one thread at a time uses a ring. The caller also counts the
 * requests in flight; abi/ring.h shows why no other flow control is needed. No function here
 * fails, blocks or checks its arguments.
 */
#ifndef PVK_RING_H
#define PVK_RING_H

#include "abi/ring.h"

#ifdef __KERNEL__
#include <linux/compiler.h>
#include <asm/barrier.h>
/*
 * virt_ and not smp_: the peer is another CPU even if this kernel was built without SMP.
 * load_acquire pairs with the peer's store_release, by whatever means the peer's code has.
 */
#define pvk_load_acquire(p)	virt_load_acquire(p)
/* pairs with the peer's load_acquire */
#define pvk_store_release(p, v)	virt_store_release(p, v)
#define pvk_load(p)		READ_ONCE(*(p))
#define pvk_store(p, v)		WRITE_ONCE(*(p), v)
/* pairs with the peer's full barrier between its store and its load of the wake word */
#define pvk_full_barrier()	virt_mb()
#else
#define pvk_load_acquire(p)	__atomic_load_n(p, __ATOMIC_ACQUIRE)
#define pvk_store_release(p, v)	__atomic_store_n(p, v, __ATOMIC_RELEASE)
#define pvk_load(p)		__atomic_load_n(p, __ATOMIC_RELAXED)
#define pvk_store(p, v)		__atomic_store_n(p, v, __ATOMIC_RELAXED)
#define pvk_full_barrier()	__atomic_thread_fence(__ATOMIC_SEQ_CST)
#endif

/*
 * Access to a 64-bit word of an entry. A 32-bit guest moves two halves. The phase bit is in the
 * lower half, so the guest writes that half last and reads it first. This works together with a
 * peer that moves whole words.
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

/*
 * Sets a cursor to entry 0. slots: `entries` entries of shared, zeroed memory; wake: the consumer's
 * wake word; entries: a power of two (the caller checks). Neither memory is written.
 */
static inline void pvk_ring_init(struct pvk_ring *r, void *slots, __u32 *wake,
				 __u32 entries)
{
	r->slots = slots;
	r->wake = wake;
	r->mask = entries - 1;
	r->next = 0;
}

/* The phase bit of entry number n, at its place in word 0. */
static inline __u64 pvk_ring_phase(const struct pvk_ring *r, __u32 n)
{
	return (__u64)!(n & (r->mask + 1)) << PVK_PHASE_SHIFT;
}

/* The slot of the next entry; words: 64-bit words of an entry. */
static inline __u64 *pvk_ring_slot(const struct pvk_ring *r, __u32 words)
{
	return r->slots + (__u64)(r->next & r->mask) * words;
}

/* Use pvk_sq_put(), pvk_cq_put(). Word 0 has the phase bit and is written last. */
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

/* Use pvk_sq_pending(), pvk_cq_pending(). */
static inline int pvk_ring_pending(const struct pvk_ring *r, __u32 words)
{
	__u64 *slot = pvk_ring_slot(r, words);
	__u64 phase_bit = (__u64)PVK_ENTRY_PHASE << PVK_PHASE_SHIFT;

	return (pvk_word_load(&slot[0]) & phase_bit) == pvk_ring_phase(r, r->next);
}

/* Use pvk_sq_get(), pvk_cq_get(). Word 0 is read first, and each word once. */
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
 * An entry as words. A union and not a pointer cast, so that no environment needs
 * -fno-strict-aliasing.
 */
union pvk_sqe_words {
	struct pvk_sqe sqe;
	__u64 word[PVK_SQE_WORDS];
};

union pvk_cqe_words {
	struct pvk_cqe cqe;
	__u64 word[PVK_CQE_WORDS];
};

/*
 * Producer: publishes one entry, copied from *e, and sets its phase bit. There must be room, that
 * is fewer than `entries` unanswered requests. Does not notify: see pvk_ring_must_wake().
 */
static inline void pvk_sq_put(struct pvk_ring *r, const union pvk_sqe_words *e)
{
	pvk_ring_put(r, e->word, PVK_SQE_WORDS);
}

static inline void pvk_cq_put(struct pvk_ring *r, const union pvk_cqe_words *e)
{
	pvk_ring_put(r, e->word, PVK_CQE_WORDS);
}

/* Consumer: copies the next entry to *copy. Returns 1, or 0 if there is none. */
static inline int pvk_sq_get(struct pvk_ring *r, union pvk_sqe_words *copy)
{
	return pvk_ring_get(r, copy->word, PVK_SQE_WORDS);
}

static inline int pvk_cq_get(struct pvk_ring *r, union pvk_cqe_words *copy)
{
	return pvk_ring_get(r, copy->word, PVK_CQE_WORDS);
}

/* Consumer: returns 1 if there is an entry, else 0. A hint: it orders no other access. */
static inline int pvk_sq_pending(const struct pvk_ring *r)
{
	return pvk_ring_pending(r, PVK_SQE_WORDS);
}

static inline int pvk_cq_pending(const struct pvk_ring *r)
{
	return pvk_ring_pending(r, PVK_CQE_WORDS);
}

/*
 * Producer, after it published entries from number `old` on: returns 1 if the consumer asked to be
 * notified of one of them, else 0.
 */
static inline int pvk_ring_must_wake(const struct pvk_ring *r, __u32 old)
{
	pvk_full_barrier();	/* pairs with the one in pvk_ring_arm() */
	return (__u32)(r->next - pvk_load(r->wake) - 1) < (__u32)(r->next - old);
}

/*
 * Producer: returns 1 if the consumer waits for an entry that is still to come, 0 if it polls or
 * was notified.
 */
static inline int pvk_ring_wakes_later(const struct pvk_ring *r)
{
	return (__u32)(pvk_load(r->wake) - r->next) <= r->mask;
}

/*
 * Consumer, before it sleeps: asks to be notified after `more` further entries (0: of the next
 * one). The caller then calls pvk_sq_pending() or pvk_cq_pending() once more, and sleeps only if
 * there is no entry.
 */
static inline void pvk_ring_arm(struct pvk_ring *r, __u32 more)
{
	pvk_store(r->wake, r->next + more);
	pvk_full_barrier();	/* pairs with the one in pvk_ring_must_wake() */
}

/* Consumer that polls from now on: leaves the wake word behind, so nobody notifies it. */
static inline void pvk_ring_disarm(struct pvk_ring *r)
{
	pvk_store(r->wake, r->next - 1);
}

#endif /* PVK_RING_H */
