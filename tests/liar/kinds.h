/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kinds of lies, and the choice which opportunity becomes one: by the seed,
 * the kind, and how many opportunities of that kind there were before. So a
 * seed gives each kind the same course, however threads run beside each other.
 *
 * PVKIT_LIAR in the environment, words with commas between:
 *	seed=N		default 1
 *	rate=N		lies of 10,000 opportunities, default 100; a kind's own rate is
 *			that times its weight / 100
 *	kinds=A+B@N	these only, with N of 10,000 instead; a name may end in *
 *	except=A+B	all but these
 *	skip=N		the first N opportunities of each kind are not used
 *	most=N		most lies of each kind
 * Without it nothing is told but the truth. At its end the process says on
 * stderr how many were told: "liar: seed 7: cq-status 3/120 ..." (of so many
 * opportunities; kinds that were asked for only).
 */
#ifndef TESTS_LIAR_KINDS_H
#define TESTS_LIAR_KINDS_H

#include <stdbool.h>
#include <stdint.h>

/* KIND(name, weight in percent) */
#define LIAR_KINDS \
	KIND(CQ_STATUS, "cq-status", 100)	/* another status, right or wrong */ \
	KIND(CQ_ID, "cq-id", 30)		/* of another request, or of none */ \
	KIND(CQ_OP, "cq-op", 30)		/* another operation or flag */ \
	KIND(CQ_VALUE, "cq-value", 100)		/* another value: lengths, offloads of a frame */ \
	KIND(CQ_PHASE, "cq-phase", 20)		/* an entry that looks old */ \
	KIND(CQ_DUP, "cq-dup", 30)		/* the same answer twice */ \
	KIND(CQ_INVENT, "cq-invent", 30)	/* an completion for an unknown request, before the real one */ \
	KIND(CQ_DROP, "cq-drop", 20)		/* no answer */ \
	KIND(CQ_LATE, "cq-late", 30)		/* after later ones, or never */ \
	KIND(CQ_STORM, "cq-storm", 5)		/* more entries than the ring has */ \
	KIND(UNDONE, "undone", 50)		/* answered, not done */ \
	KIND(SQ_WAKE, "sq-wake", 50)		/* the host's wake word */ \
	KIND(RX_FILL, "rx-fill", 1000)		/* all of a buffer written, also behind the frame */ \
	KIND(CALL_REFUSE, "call-refused", 10)	/* an error, and nothing done */ \
	KIND(CALL_STATUS, "call-status", 10)	/* another result of what was done */ \
	KIND(CALL_AGAIN, "call-again", 50)	/* -PVK_EAGAIN, a few times */ \
	KIND(RESET_REFUSE, "reset-refused", 60)	/* DEV_RESET: an error; the device goes on */ \
	KIND(RESET_NEVER, "reset-never", 0)	/* DEV_RESET: -PVK_EAGAIN, for ever */ \
	KIND(RESET_BOGUS, "reset-bogus", 100)	/* DEV_RESET: a bogus answer and an event before it */ \
	KIND(STRUCT, "struct", 15)		/* a field of a structure: bus, device, negotiation */ \
	KIND(TWICE, "twice", 10)		/* a device with the id of another */ \
	KIND(CONFIG, "config", 40)		/* a field of a device's configuration */ \
	KIND(EV_DROP, "ev-drop", 20)		/* no event */ \
	KIND(EV_STORM, "ev-storm", 50)		/* the same many times */ \
	KIND(EV_OTHER, "ev-other", 50)		/* another channel's */ \
	KIND(NOTIFY, "notify", 50)		/* something changed that did not */ \
	KIND(CONSOLE, "console", 100)		/* the host's cursors */ \
	KIND(CLOCK, "clock", 50)		/* the clock's section rewritten at run time */ \
	KIND(PAGE, "page", 3000)		/* the page's heads and counts, once a boot */ \
	KIND(OFFER, "offer", 20)		/* CPUID: versions, limits */

#define KIND(id, name, weight) LIAR_##id,
enum liar_kind { LIAR_KINDS LIAR_KIND_COUNT };
#undef KIND

/* An opportunity: true when a lie of this kind is to be told; *dice then says which. */
bool liar_lies(enum liar_kind kind, uint64_t *dice);

/* Another number from a dice. */
static inline uint64_t liar_next(uint64_t *dice)
{
	uint64_t z = *dice += 0x9e3779b97f4a7c15ull;	/* splitmix64, Steele, Lea, Flood */

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

/* A value that somebody may have forgotten, instead of `was`. */
uint64_t liar_value(uint64_t *dice, uint64_t was);
/* One aligned field among bytes first .. size-1 becomes such a value. */
void liar_field(uint64_t *dice, void *bytes, uint64_t first, uint64_t size);

#endif /* TESTS_LIAR_KINDS_H */
