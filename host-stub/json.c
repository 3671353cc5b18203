/* SPDX-License-Identifier: BSD-2-Clause */
/* JSON (RFC 8259): see json.h. The reader's text is anybody's, and need not end in a zero. */
#include "json.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

void hs_json_string(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c < ' ' || c == 0x7f)
			fprintf(out, "\\u%04x", c);
		else
			fputc(c, out);
	}
	fputc('"', out);
}

struct reader {
	const char *at, *end;
	int error;		/* the first; nothing is read after it */
};

static void json_fail(struct reader *r, int error)
{
	if (!r->error)
		r->error = error;
	r->at = r->end;
}

static void skip_blanks(struct reader *r)
{
	while (r->at < r->end && strchr(" \t\r\n", *r->at) && *r->at)
		r->at++;
}

/* The next character that is no blank, or 0. */
static char json_peek(struct reader *r)
{
	skip_blanks(r);
	return r->at < r->end ? *r->at : 0;
}

static bool json_take(struct reader *r, char c)
{
	if (json_peek(r) != c)
		return false;
	r->at++;
	return true;
}

static void json_expect(struct reader *r, char c)
{
	if (!json_take(r, c))
		json_fail(r, -EINVAL);
}

static void append(struct reader *r, char *to, size_t *n, unsigned int c)
{
	if (*n + 1 >= HS_JSON_TEXT) {
		json_fail(r, -E2BIG);
		return;
	}
	to[(*n)++] = (char)c;
	to[*n] = 0;
}

/* \uXXXX, of ASCII: no name or value that we know has anything else. */
static unsigned int read_code(struct reader *r)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	unsigned int code = 0;

	for (unsigned int i = 0; i < 4; i++, r->at++) {
		const char *digit = r->at < r->end && *r->at ? strchr(digits, *r->at) : NULL;
		unsigned int value;

		if (!digit) {
			json_fail(r, -EINVAL);
			return 0;
		}
		value = (unsigned int)(digit - digits);
		code = code << 4 | (value > 15 ? value - 6 : value);
	}
	if (!code || code > 0x7f)
		json_fail(r, -EINVAL);
	return code;
}

/* What follows a backslash. */
static unsigned int read_escape(struct reader *r)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *which = r->at < r->end && *r->at ? strchr(from, *r->at) : NULL;

	if (which) {
		r->at++;
		return (unsigned char)to[which - from];
	}
	if (r->at < r->end && *r->at == 'u') {
		r->at++;
		return read_code(r);
	}
	json_fail(r, -EINVAL);
	return 0;
}

static void read_string(struct reader *r, char to[HS_JSON_TEXT])
{
	size_t n = 0;

	to[0] = 0;
	json_expect(r, '"');
	while (r->at < r->end && *r->at != '"') {
		unsigned char c = (unsigned char)*r->at++;

		if (c < ' ')
			json_fail(r, -EINVAL);
		else if (c == '\\')
			append(r, to, &n, read_escape(r));
		else
			append(r, to, &n, c);
	}
	if (r->at == r->end)
		json_fail(r, -EINVAL);
	else
		r->at++;
}

/* [-]digits[.digits][e[+-]digits], no zero in front */
static bool is_number(const char *s)
{
	size_t n;

	s += *s == '-';
	n = strspn(s, "0123456789");
	if (!n || (n > 1 && *s == '0'))
		return false;
	s += n;
	if (*s == '.') {
		n = strspn(++s, "0123456789");
		if (!n)
			return false;
		s += n;
	}
	if (*s == 'e' || *s == 'E') {
		s++;
		s += *s == '-' || *s == '+';
		n = strspn(s, "0123456789");
		if (!n)
			return false;
		s += n;
	}
	return !*s;
}

static void read_word(struct reader *r, char to[HS_JSON_TEXT])
{
	size_t n = 0;

	to[0] = 0;
	while (r->at < r->end && *r->at && !strchr(" \t\r\n,}]:", *r->at))
		append(r, to, &n, (unsigned char)*r->at++);
	if (strcmp(to, "true") && strcmp(to, "false") && strcmp(to, "null") && !is_number(to))
		json_fail(r, -EINVAL);
}

static void read_member(struct reader *r, struct hs_json_member *m)
{
	char c;

	read_string(r, m->name);
	json_expect(r, ':');
	c = json_peek(r);
	m->string = c == '"';
	if (c == '{' || c == '[')
		json_fail(r, -EOPNOTSUPP);
	else if (m->string)
		read_string(r, m->value);
	else
		read_word(r, m->value);
}

int hs_json_object(const char *text, size_t len, struct hs_json_member *member, unsigned int most)
{
	struct reader r = { .at = text, .end = text + len };
	unsigned int n = 0;

	json_expect(&r, '{');
	if (json_take(&r, '}'))
		goto end;
	do {
		if (n == most)
			json_fail(&r, -E2BIG);
		else
			(void)json_peek(&r);
		if (!r.error)
			read_member(&r, &member[n++]);
	} while (!r.error && json_take(&r, ','));
	json_expect(&r, '}');
end:
	if (json_peek(&r) || r.at != r.end)
		json_fail(&r, -EINVAL);
	return r.error ? r.error : (int)n;
}
