// SPDX-License-Identifier: BSD-2-Clause
/*
 * Fuzzer of pvkit status: an input is a file that says it is a snapshot. Whatever
 * it holds: it is read or refused within bounds, judged, and said in every form; and
 * what is written again is judged the same.
 */
/* LINK: hypercall/tools/status/snap.c hypercall/tools/status/look.c hypercall/tools/status/judge.c hypercall/tools/status/wants.c hypercall/tools/status/features.c hypercall/tools/status/devices.c hypercall/tools/status/say.c hypercall/detect/dump/dump.c hypercall/detect/stack.c hypercall/detect/tables.c hypercall/detect/features.c */
/* LIBS: */
#include <stdint.h>
#include <string.h>

#include "hypercall/tools/status/say.h"
#include "must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool read_it(struct snap *snap, const void *data, size_t size)
{
	FILE *f = fmemopen((void *)(uintptr_t)data, size, "r");
	unsigned int line;
	int ret;

	MUST(f);
	snap_init(snap);
	ret = snap_read(snap, f, &line);
	fclose(f);
	MUST(snap->count <= SNAP_ENTRIES);
	return !ret;
}

static void holds_together(const struct status *s)
{
	MUST(s->count <= VERDICTS);
	for (unsigned int i = 0; i < s->count; i++) {
		const struct verdict *v = &s->verdict[i];

		MUST(v->state < STATES && *v->name && *v->title && v->evidences <= EVIDENCE);
		MUST(v->state != UNUSED || (*v->why && *v->advice));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct status first, second;
	struct snap snap;
	char *text;
	size_t len;
	FILE *f;
	bool good;

	if (!size || size > 65536)
		return 0;
	good = read_it(&snap, data, size);
	if (good) {
		judge(&snap, &first);
		holds_together(&first);
		f = open_memstream(&text, &len);
		MUST(f);
		say_text(&first, f, true, true);
		say_json(&first, f);
		say_terse(&first, f);
		for (unsigned int i = 0; i < first.count; i++)
			say_why(&first.verdict[i], f);
		fclose(f);
		free(text);
		f = open_memstream(&text, &len);
		MUST(f && !snap_write(&snap, f));
		fclose(f);
		snap_free(&snap);
		MUST(read_it(&snap, text, len));
		free(text);
		judge(&snap, &second);
		MUST(first.count == second.count &&
		     !memcmp(first.verdict, second.verdict, sizeof(first.verdict)));
	}
	snap_free(&snap);
	return 0;
}
