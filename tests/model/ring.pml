/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Model of one ring of hypercall/ring.h with sleeping and waking, under total
 * store order: each side's stores pass through a FIFO that drains at any later
 * time, as on x86. Checked: entries arrive whole and in order, a slot is never
 * overwritten before it was read, and nobody sleeps for ever.
 *
 * With -DLATER the consumer may ask for a later entry than the next, as a guest
 * does for completions; the producer then tells it of what there is when it adds
 * nothing (-DNO_TELL_LATE leaves that out, and must fail).
 *
 * The same model without one of the two barriers (-DNO_BARRIER_PUT, _ARM) or
 * without the second look (-DNO_SECOND_LOOK) must fail: the tests see to it.
 */
#define SIZE	2	/* entries of the ring */
#define TOTAL	7	/* entries sent: several wraps */

#define WORD0(n)	((n) % SIZE)		/* holds the phase bit */
#define DATA(n)		(SIZE + (n) % SIZE)
#define WAKE		(2 * SIZE)
#define PHASE(n)	(1 - (((n) / SIZE) % 2))

byte mem[2 * SIZE + 1];		/* zeroed, as the ABI demands */
byte answered;			/* what the producer knows to be free again */
chan put_stores = [4] of { byte, byte };
chan arm_stores = [2] of { byte, byte };
chan bell = [2 * TOTAL] of { bit };

proctype drain(chan stores)
{
	byte a, v;
end:	do
	:: atomic { stores?a, v -> mem[a] = v }
	od
}

proctype producer()
{
	byte n = 0, told = 0, w;

	do
#if defined(LATER) && !defined(NO_TELL_LATE)
	:: n == TOTAL && told == n -> break
	:: told != n ->		/* nothing was added for a while */
		w = mem[WAKE];
		if
		:: w >= n && w - n < SIZE -> bell!1
		:: else
		fi;
		told = n
#else
	:: n == TOTAL -> break
#endif
	:: n < TOTAL && n - answered < SIZE ->
		put_stores!DATA(n), n;
		put_stores!WORD0(n), PHASE(n);
		n++;
#ifndef NO_BARRIER_PUT
		empty(put_stores);
#endif
		w = mem[WAKE];
		if
		:: w == n - 1 -> bell!1; told = n	/* new - wake - 1 < new - old, old = new - 1 */
		:: else
		fi
	od
}

proctype consumer()
{
	byte n = 0;
	bit b;

	do
	:: n == TOTAL -> break
	:: n < TOTAL && mem[WORD0(n)] == PHASE(n) ->
		assert(mem[DATA(n)] == n);
		n++;
		answered++
	:: n < TOTAL && mem[WORD0(n)] != PHASE(n) ->
#ifdef LATER
		if
		:: arm_stores!WAKE, n
		:: arm_stores!WAKE, n + 1
		fi;
#else
		arm_stores!WAKE, n;
#endif
#ifndef NO_BARRIER_ARM
		empty(arm_stores);
#endif
#ifdef NO_SECOND_LOOK
		bell?b
#else
		if
		:: mem[WORD0(n)] == PHASE(n)
		:: mem[WORD0(n)] != PHASE(n) -> bell?b
		fi
#endif
	od
}

init {
	atomic {
		run drain(put_stores);
		run drain(arm_stores);
		run producer();
		run consumer()
	}
}
