/* SPDX-License-Identifier: BSD-2-Clause */
/* JSON, as little of it as the stub needs: a string written, a flat object read. */
#ifndef HS_JSON_H
#define HS_JSON_H

#include <stddef.h>
#include <stdio.h>

/* The text as a string, quotes included. Bytes of 0x80 and above stay as they are. */
void hs_json_string(FILE *out, const char *text);

#define HS_JSON_TEXT	64u	/* bytes of a name or value, with the end */

struct hs_json_member {
	char name[HS_JSON_TEXT];
	char value[HS_JSON_TEXT];	/* a string's text; else the word or number as it stands */
	int string;			/* the value is one */
};

/*
 * Reads an object whose values are strings, numbers, true, false or null. How many
 * members; -EINVAL: it is none, -E2BIG: more than `most`, or one too long; -EOPNOTSUPP: an
 * array or object in it.
 */
int hs_json_object(const char *text, size_t len, struct hs_json_member *member, unsigned int most);

#endif /* HS_JSON_H */
