// SPDX-License-Identifier: BSD-2-Clause
/* See kinds.h. */
#include <fnmatch.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kinds.h"

#define ALL	10000u		/* lies of so many opportunities are all */

static struct kind {
	const char *name;
	uint32_t weight;
	uint32_t rate;
	_Atomic uint64_t seen, told;
} kinds[] = {
#define KIND(id, name, weight) { name, weight, 0, 0, 0 },
	LIAR_KINDS
#undef KIND
};

static uint64_t seed = 1, skip, most = UINT64_MAX;

bool liar_lies(enum liar_kind kind, uint64_t *dice)
{
	struct kind *k = &kinds[kind];
	uint64_t n;

	if (!k->rate)
		return false;
	n = atomic_fetch_add_explicit(&k->seen, 1, memory_order_relaxed);
	*dice = seed * 0x2545f4914f6cdd1dull + (uint64_t)kind * 0xd6e8feb86659fd93ull + n;
	if (n < skip || liar_next(dice) % ALL >= k->rate)
		return false;
	if (atomic_fetch_add_explicit(&k->told, 1, memory_order_relaxed) < most)
		return true;
	atomic_fetch_sub_explicit(&k->told, 1, memory_order_relaxed);
	return false;
}

uint64_t liar_value(uint64_t *dice, uint64_t was)
{
	uint64_t r = liar_next(dice);

	switch (r >> 8 & 7) {
	case 0:
		return 0;
	case 1:
		return UINT64_MAX;
	case 2:
		return r >> 16 & 63;
	case 3:
		return 1ull << (r >> 16 & 63);
	case 4:
		return (1ull << (r >> 16 & 63)) - 1;
	case 5:
		return was ^ 1ull << (r >> 16 & 63);
	case 6:
		return was + (r >> 16 & 1 ? 1 : UINT64_MAX);
	default:
		return liar_next(dice);
	}
}

void liar_field(uint64_t *dice, void *bytes, uint64_t first, uint64_t size)
{
	uint64_t width = 1ull << (liar_next(dice) & 3);	/* 1, 2, 4, 8 */
	uint64_t from = (first + width - 1) / width, to = size / width;
	uint64_t value = 0;
	uint8_t *at;

	if (from >= to)
		return;
	at = (uint8_t *)bytes + (from + liar_next(dice) % (to - from)) * width;
	memcpy(&value, at, width);
	value = liar_value(dice, value);
	memcpy(at, &value, width);
}

/* ---- what is asked for ---- */

static void fail(const char *what, const char *word)
{
	fprintf(stderr, "liar: PVKIT_LIAR: %s '%s'\n", what, word);
	exit(2);
}

static uint64_t number(const char *word)
{
	char *end;
	uint64_t value = strtoull(word, &end, 0);

	if (!*word || *end)
		fail("not a number:", word);
	return value;
}

/* The kinds of a list A+B@N: rate or, without one, what default_rate gives. */
static void choose(char *list, const uint64_t *rate, uint64_t general)
{
	char *save = NULL;

	for (char *word = strtok_r(list, "+", &save); word; word = strtok_r(NULL, "+", &save)) {
		char *at = strchr(word, '@');
		bool any = false;

		if (at)
			*at++ = 0;
		for (unsigned int i = 0; i < LIAR_KIND_COUNT; i++) {
			if (fnmatch(word, kinds[i].name, 0))
				continue;
			any = true;
			kinds[i].rate = (uint32_t)(at ? number(at) : rate ? *rate :
						   general * kinds[i].weight / 100);
		}
		if (!any)
			fail("no kind of lies:", word);
	}
}

static void report(void)
{
	char line[2048];
	size_t n = (size_t)snprintf(line, sizeof(line), "liar: seed %llu:",
				    (unsigned long long)seed);

	for (unsigned int i = 0; i < LIAR_KIND_COUNT && n < sizeof(line) - 80; i++)
		if (kinds[i].rate)
			n += (size_t)snprintf(line + n, sizeof(line) - n, " %s %llu/%llu",
					      kinds[i].name,
					      (unsigned long long)atomic_load(&kinds[i].told),
					      (unsigned long long)atomic_load(&kinds[i].seen));
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, n) < 0)
		return;
}

__attribute__((constructor)) static void begin(void)
{
	const char *asked = getenv("PVKIT_LIAR");
	char *words, *save = NULL, *only = NULL, *except = NULL;
	static const uint64_t none;
	char all[] = "*";
	uint64_t general = 100;

	if (!asked)
		return;
	words = strdup(asked);
	for (char *w = words ? strtok_r(words, ",", &save) : NULL; w;
	     w = strtok_r(NULL, ",", &save)) {
		if (!strncmp(w, "seed=", 5))
			seed = number(w + 5);
		else if (!strncmp(w, "rate=", 5))
			general = number(w + 5);
		else if (!strncmp(w, "skip=", 5))
			skip = number(w + 5);
		else if (!strncmp(w, "most=", 5))
			most = number(w + 5);
		else if (!strncmp(w, "kinds=", 6))
			only = w + 6;
		else if (!strncmp(w, "except=", 7))
			except = w + 7;
		else
			fail("not understood:", w);
	}
	choose(only ? only : all, NULL, general);
	if (except)
		choose(except, &none, 0);
	free(words);
	/* The processes of user-mode networks end by _exit(): one report a stub. */
	atexit(report);
}
