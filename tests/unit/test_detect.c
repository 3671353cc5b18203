// SPDX-License-Identifier: BSD-2-Clause
/*
 * Detection (hypercall/detect/) on recorded and constructed machines: each file of
 * tests/data/dumps states in its lines "#= ..." what `pvkit detect --terse` must say
 * of it, and every row of the tables must be needed by one of them. Then what
 * no recording shows: hosts that lie.
 */
/* LINK: hypercall/detect/stack.c hypercall/detect/tables.c hypercall/detect/features.c hypercall/detect/dump/dump.c hypercall/tools/detect/terse.c */
/* LIBS: */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "hypercall/detect/tables.h"
#include "hypercall/tools/detect/report.h"

static struct dump dump;
static struct pvk_stack stack;
static struct pvk_machine machine;

static void read_dump(const char *path)
{
	FILE *f = fopen(path, "r");
	unsigned int line;
	int ret;

	assert_non_null(f);
	ret = dump_read(&dump, f, &line);
	fclose(f);
	if (ret)
		fail_msg("%s: line %u: %s", path, line, strerror(-ret));
	dump_machine(&dump, &machine);
	pvk_stack_detect(&machine, &stack);
}

/* The lines "#= TEXT" of a dump. To be freed. */
static char *expected(const char *path)
{
	FILE *f = fopen(path, "r");
	char line[512], *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(f);
	assert_non_null(out);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, "#= ", 3))
			fputs(line + 3, out);
	fclose(f);
	fclose(out);
	return text;
}

/* What the tool says; the lines of features only if the dump states some. */
static char *said(bool features)
{
	char *text, *line, *keep;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	report_terse(&stack, out);
	fclose(out);
	for (line = keep = text; *line;) {
		size_t len = strcspn(line, "\n") + 1;

		if (features || strncmp(line, "features ", 9)) {
			memmove(keep, line, len);
			keep += len;
		}
		line += len;
	}
	*keep = 0;
	return text;
}

static void dumps_say_what_they_must(void **state)
{
	unsigned int wrong = 0;
	glob_t files;

	(void)state;
	assert_int_equal(glob("tests/data/dumps/*.dump", 0, NULL, &files), 0);
	assert_true(files.gl_pathc >= 40);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		char *want = expected(files.gl_pathv[i]), *got;

		read_dump(files.gl_pathv[i]);
		got = said(strstr(want, "\nfeatures ") != NULL);
		if (!*want || strcmp(want, got)) {
			print_error("%s\nwanted:\n%ssaid:\n%s", files.gl_pathv[i], want, got);
			wrong++;
		}
		free(want);
		free(got);
	}
	globfree(&files);
	assert_int_equal(wrong, 0);
}

/* Does any interface of the dump have this signature? */
static bool shows(const struct pvk_signature *row)
{
	char text[PVK_SIGNATURE_LEN + 1] = "";

	memcpy(text, row->text, row->len);
	for (unsigned int i = 0; i < stack.interfaces; i++)
		if (!strncmp(stack.interface[i].signature, text, row->len == 12 ? 16 : row->len))
			return true;
	return false;
}

static bool holds(const struct pvk_fact_rule *row)
{
	const char *text = dump.known[row->fact] ? dump.fact[row->fact] : "";

	return row->match == PVK_IS ? !strcmp(text, row->text) : row->match == PVK_HAS ?
	       strstr(text, row->text) != NULL : !strncmp(text, row->text, strlen(row->text));
}

static void every_row_has_a_dump(void **state)
{
	bool signature[64] = { false }, fact[64] = { false }, hv[PVK_HVS] = { false };
	bool feature_seen[PVK_IFS] = { false };
	unsigned int missing = 0;
	glob_t files;

	(void)state;
	assert_true(pvk_signatures <= 64 && pvk_fact_rules <= 64);
	assert_int_equal(glob("tests/data/dumps/*.dump", 0, NULL, &files), 0);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		read_dump(files.gl_pathv[i]);
		for (unsigned int n = 0; n < pvk_signatures; n++)
			signature[n] |= shows(&pvk_signature[n]);
		for (unsigned int n = 0; n < pvk_fact_rules; n++)
			fact[n] |= holds(&pvk_fact_rule[n]);
		for (unsigned int n = 0; n < stack.layers; n++)
			hv[stack.layer[n].hv] = true;
		for (unsigned int n = 0; n < stack.interfaces; n++)
			feature_seen[stack.interface[n].kind] = true;
	}
	globfree(&files);
	for (unsigned int n = 0; n < pvk_signatures; n++)
		if (!signature[n] && ++missing)
			print_error("no dump with signature '%.12s'\n", pvk_signature[n].text);
	for (unsigned int n = 0; n < pvk_fact_rules; n++)
		if (!fact[n] && ++missing)
			print_error("no dump with %s '%s'\n", pvk_fact_name[pvk_fact_rule[n].fact],
				    pvk_fact_rule[n].text);
	for (unsigned int n = PVK_HV_UNKNOWN; n < PVK_HVS; n++)
		if (!hv[n] && ++missing)
			print_error("no dump of %s\n", pvk_hv_name[n].name);
	for (unsigned int n = 0; n < PVK_IFS; n++)
		if (!feature_seen[n] && ++missing)
			print_error("no dump with interface %s\n", pvk_if_name[n].name);
	assert_int_equal(missing, 0);
}

static void names_are_complete(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < PVK_HVS; i++)
		assert_non_null(pvk_hv_name[i].word);
	for (unsigned int i = 0; i < PVK_IFS; i++)
		assert_non_null(pvk_if_name[i].word);
	for (unsigned int i = 0; i < PVK_PLATFORMS; i++)
		assert_non_null(pvk_platform_name[i].word);
	for (unsigned int i = 0; i < PVK_FACTS; i++)
		assert_non_null(pvk_fact_name[i]);
	for (unsigned int k = 0; k < PVK_IFS; k++)
		for (const struct pvk_feature *f = pvk_feature_next(k, NULL); f;
		     f = pvk_feature_next(k, f)) {
			assert_true(f->leaf < PVK_LEAVES || f->leaf == PVK_LEAF_TIMING);
			for (const struct pvk_feature *g = pvk_feature_next(k, f); g;
			     g = pvk_feature_next(k, g)) {
				assert_string_not_equal(f->name, g->name);
				assert_false(f->leaf == g->leaf && f->reg == g->reg &&
					     f->bit == g->bit);
			}
		}
}

/* ---- hosts that lie ---- */

static struct {
	uint32_t reads, beyond;		/* all; of leaves from 0x40000000 on */
	uint32_t leaf1_ecx;
	struct pvk_cpuid_regs all;	/* of every hypervisor leaf */
	bool numbered;			/* EAX is the leaf's base + 1, EDX the base */
} liar;

static void lie(void *context, __u32 leaf, struct pvk_cpuid_regs *out)
{
	(void)context;
	liar.reads++;
	*out = (struct pvk_cpuid_regs){ 0 };
	if (leaf == 1)
		out->ecx = liar.leaf1_ecx;
	if (leaf < 0x40000000)
		return;
	liar.beyond++;
	*out = liar.all;
	if (liar.numbered) {
		out->eax = (leaf & ~0xffu) + 0xff;
		out->edx = 0x41414141 + (leaf >> 8 & 0xf) + ((leaf >> 12 & 0xf) << 8);
	}
}

static void ask_liar(void)
{
	machine = (struct pvk_machine){ .cpuid = lie };
	pvk_stack_detect(&machine, &stack);
}

static void set_signature(struct pvk_cpuid_regs *r, const char *text)
{
	memcpy(&r->ebx, text, 4);
	memcpy(&r->ecx, text + 4, 4);
	memcpy(&r->edx, text + 8, 4);
}

static void without_the_bit_nothing_is_read(void **state)
{
	(void)state;
	memset(&liar, 0, sizeof(liar));
	liar.leaf1_ecx = 0x7fffffff;
	set_signature(&liar.all, "XenVMMXenVMM");
	ask_liar();
	assert_int_equal(liar.beyond, 0);
	assert_int_equal(stack.layers, 0);
	assert_int_equal(stack.interfaces, 0);
}

static void one_block_everywhere_is_one(void **state)
{
	(void)state;
	memset(&liar, 0, sizeof(liar));
	liar.leaf1_ecx = 0x80000000;
	liar.all.eax = 0x40000001;
	set_signature(&liar.all, "VMwareVMware");
	ask_liar();
	assert_int_equal(stack.interfaces, 1);
	assert_int_equal(stack.echoes, 255);
	assert_int_equal(stack.layer[0].hv, PVK_HV_VMWARE);
	assert_true(liar.beyond < 256 + 2 * PVK_LEAVES);
}

static void more_blocks_than_there_is_room_for(void **state)
{
	(void)state;
	memset(&liar, 0, sizeof(liar));
	liar.leaf1_ecx = 0x80000000;
	liar.numbered = true;
	set_signature(&liar.all, "Strangerxxxx");
	ask_liar();
	assert_int_equal(stack.interfaces, PVK_INTERFACES);
	assert_int_equal(stack.left_out, 256 - PVK_INTERFACES);
	assert_int_equal(stack.layer[0].hv, PVK_HV_UNKNOWN);
	assert_true(liar.beyond <= 256 + PVK_INTERFACES * (PVK_LEAVES + 1));
}

static void garbage_is_no_block(void **state)
{
	static const uint32_t eax[] = { 0, 0x40000001, 0xffffffff, 0x3fffffff, 0x40000100 };

	(void)state;
	for (unsigned int i = 0; i < sizeof(eax) / sizeof(eax[0]); i++) {
		memset(&liar, 0, sizeof(liar));
		liar.leaf1_ecx = 0x80000000;
		liar.all = (struct pvk_cpuid_regs){ eax[i], 0x07, 0xff00ff00, 0x1234 };
		ask_liar();
		assert_int_equal(stack.interfaces, 0);
		assert_int_equal(stack.layers, 1);
		assert_int_equal(stack.layer[0].hv, PVK_HV_UNKNOWN);
		assert_int_equal(stack.layer[0].confidence, PVK_GUESS);
	}
}

static void leaves_beyond_the_block_are_not_believed(void **state)
{
	(void)state;
	memset(&liar, 0, sizeof(liar));
	liar.leaf1_ecx = 0x80000000;
	liar.all.eax = 0xffffffff;	/* as highest leaf, and as content */
	set_signature(&liar.all, "XenVMMXenVMM");
	ask_liar();
	assert_int_equal(stack.interfaces, 1);
	assert_int_equal(stack.interface[0].leaves, 1);
	assert_int_equal(stack.interface[0].leaf[1].eax, 0);
	assert_int_equal(stack.interface[0].calling, PVK_CALLING_NONE);
}

/* ---- files ---- */

static int parse(const char *text, unsigned int *line)
{
	FILE *f = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	int ret;

	assert_non_null(f);
	ret = dump_read(&dump, f, line);
	fclose(f);
	return ret;
}

static void files_are_read_or_refused(void **state)
{
	static const struct {
		const char *text;
		int ret;
		unsigned int line;
	} cases[] = {
		{ "basic_cpuid[1]=1 2 3 4\n", 0, 0 },
		{ "version=0.6.2\n_________________ Logical CPU #0 _________________\n"
		  "basic_cpuid[1]=00a00f11 00020800 fffa3203 178bfbff\n"
		  "intel_fn4[0]=0 0 0 0\n", 0, 0 },
		{ "CPU:\n   0x00000001 0x00: eax=0x1 ebx=0x2 ecx=0x3 edx=0x4\n", 0, 0 },
		{ "# only a comment\n", -EINVAL, 0 },
		{ "CPU 1:\n   0x00000001 0x00: eax=0x1 ebx=0x2 ecx=0x3 edx=0x4\n", -EINVAL, 0 },
		{ "basic_cpuid[1]=1 2 3\n", -EINVAL, 1 },
		{ "basic_cpuid[1]=1 2 3 4 5\n", -EINVAL, 1 },
		{ "basic_cpuid[1]=1 2 3 4\nfact weather=fine\n", -EINVAL, 2 },
		{ "\x7f" "ELF\n", -EINVAL, 1 },
		{ "hello\n", -EINVAL, 1 },
	};
	unsigned int line;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int ret = parse(cases[i].text, &line);

		if (ret != cases[i].ret || line != cases[i].line)
			fail_msg("case %zu: %d at line %u", i, ret, line);
	}
	assert_int_equal(parse("basic_cpuid[1]=1 2 3 4\nbasic_cpuid[1]=5 6 7 8\n"
			       "fact dmi.sys_vendor=  Q\x01" "EMU  \n", &line), 0);
	assert_int_equal(dump_find(&dump, PVK_VIA_CPUID, 1)->eax, 1);
	assert_string_equal(dump.fact[PVK_FACT_SYS_VENDOR], "Q?EMU");
}

static void what_is_written_reads_the_same(void **state)
{
	static struct dump again;
	struct pvk_stack before;
	glob_t files;

	(void)state;
	assert_int_equal(glob("tests/data/dumps/*.dump", 0, NULL, &files), 0);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		unsigned int line;
		char *text;
		size_t size;
		FILE *f = open_memstream(&text, &size);

		read_dump(files.gl_pathv[i]);
		before = stack;
		for (uint32_t n = 0; n < 2; n++) {	/* libcpuid's part */
			const struct pvk_cpuid_regs *r = dump_find(&dump, PVK_VIA_CPUID, n);
			const struct pvk_cpuid_regs none = { 0, 0, 0, 0 };

			r = r ? r : &none;
			fprintf(f, "basic_cpuid[%u]=%08x %08x %08x %08x\n", n, r->eax, r->ebx,
				r->ecx, r->edx);
		}
		dump_write_rest(&dump, f);
		fclose(f);
		f = fmemopen(text, size, "r");
		assert_int_equal(dump_read(&again, f, &line), 0);
		fclose(f);
		free(text);
		dump_machine(&again, &machine);
		pvk_stack_detect(&machine, &stack);
		assert_memory_equal(&before, &stack, sizeof(stack));
	}
	globfree(&files);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dumps_say_what_they_must),
		cmocka_unit_test(every_row_has_a_dump),
		cmocka_unit_test(names_are_complete),
		cmocka_unit_test(without_the_bit_nothing_is_read),
		cmocka_unit_test(one_block_everywhere_is_one),
		cmocka_unit_test(more_blocks_than_there_is_room_for),
		cmocka_unit_test(garbage_is_no_block),
		cmocka_unit_test(leaves_beyond_the_block_are_not_believed),
		cmocka_unit_test(files_are_read_or_refused),
		cmocka_unit_test(what_is_written_reads_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
