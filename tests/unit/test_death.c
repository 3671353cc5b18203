// SPDX-License-Identifier: BSD-2-Clause
/* What is said of a guest that died: the line, and the JSON, from each state that KVM leaves. */
/* LINK: host-stub/death.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host-stub/death.h"

/* Linux in 64-bit mode at a page fault */
static struct hs_death in_64(void)
{
	struct hs_death d = { .taken = true, .boot = 3, .vcpu = 1, .what = "triple fault", .exits = 7 };

	d.regs.rip = 0xffffffff81000123;
	d.regs.rsp = 0xffffc90000013f58;
	d.sregs.cs.selector = 0x10;
	d.sregs.cs.l = 1;
	d.sregs.cr0 = 0x80050033;
	d.sregs.cr2 = 0xdeadbeef000;
	d.sregs.cr3 = 0x2a10000;
	d.sregs.cr4 = 0x6f0;
	d.sregs.efer = 0xd01;
	return d;
}

static const char *line_of(const struct hs_death *d)
{
	static char text[400];

	hs_death_text(d, text, sizeof(text));
	return text;
}

static char *json_of(const struct hs_death *d)
{
	char *text = NULL;
	size_t bytes;
	FILE *f = open_memstream(&text, &bytes);

	assert_non_null(f);
	hs_death_json(d, f);
	fclose(f);
	return text;
}

static void everything_known(void **state)
{
	struct hs_death d = in_64();
	char *json;

	(void)state;
	d.exception = true;
	d.vector = 14;
	d.has_error = true;
	d.error = 2;
	assert_string_equal(line_of(&d),
			    "vCPU 1: triple fault, boot 3: rip 0x10:0xffffffff81000123 rsp 0xffffc90000013f58 "
			    "cr0 0x80050033 cr2 0xdeadbeef000 cr3 0x2a10000 cr4 0x6f0 efer 0xd01, 64-bit mode, "
			    "delivering exception 14 (#PF), error code 0x2");
	json = json_of(&d);
	assert_non_null(strstr(json, "\"rip\": 18446744071578845475,"));
	assert_non_null(strstr(json, "\"cr2\": 15302363377664,"));
	assert_non_null(strstr(json, "\"exception\": {\"vector\": 14, \"error\": 2}"));
	free(json);
}

/* KVM on AMD resets a CPU that shut down. */
static void registers_lost(void **state)
{
	struct hs_death d = in_64();
	char *json;

	(void)state;
	memset(&d.regs, 0, sizeof(d.regs));
	memset(&d.sregs, 0, sizeof(d.sregs));
	d.regs.rip = 0xfff0;
	d.sregs.cs.selector = 0xf000;
	d.sregs.cr0 = 0x60000010;
	assert_true(hs_death_is_reset(&d.regs, &d.sregs));
	d.sregs.cr0 = 0x10;		/* an INIT keeps the caches' bits */
	assert_true(hs_death_is_reset(&d.regs, &d.sregs));
	d.reset = true;
	d.last_rip = 0x200123;
	assert_non_null(strstr(line_of(&d), "where is lost"));
	assert_non_null(strstr(line_of(&d), "(number 7) rip was 0x200123"));
	assert_null(strstr(line_of(&d), "cr2"));
	json = json_of(&d);
	assert_non_null(strstr(json, "\"last_exit_rip\": 2097443, \"registers\": null"));
	free(json);
	d.exits = 0;
	assert_non_null(strstr(line_of(&d), "it made no exit before"));
}

static void modes(void **state)
{
	struct hs_death d = in_64();

	(void)state;
	assert_false(hs_death_is_reset(&d.regs, &d.sregs));
	d.sregs.cs.l = 0;
	d.sregs.cs.db = 1;
	assert_non_null(strstr(line_of(&d), "32-bit mode"));
	assert_null(strstr(line_of(&d), "no paging"));
	d.sregs.cr0 = 0x11;
	d.sregs.cs.db = 0;
	assert_non_null(strstr(line_of(&d), "16-bit mode, no paging"));
	d.regs.rflags = 1 << 17;
	assert_non_null(strstr(line_of(&d), "virtual-8086 mode"));
	d.sregs.cr0 = 0x10;
	assert_non_null(strstr(line_of(&d), "real mode, no paging"));
}

/*
 * Numbers of KVM are not trusted to be small: nothing is written past the end, all is shown that
 * fits.
 */
static void bounds(void **state)
{
	struct hs_death d = in_64();
	char small[32];
	char *json;

	(void)state;
	d.exception = true;
	d.vector = 255;
	memset(d.what, 'w', sizeof(d.what) - 1);
	memset(d.code, 0xff, sizeof(d.code));
	d.code_bytes = sizeof(d.code);
	memset(&d.regs, 0xff, sizeof(d.regs));
	assert_non_null(strstr(line_of(&d), "delivering exception 255, instruction ff ff"));
	assert_true(strlen(line_of(&d)) < 399);
	hs_death_text(&d, small, sizeof(small));
	assert_int_equal(strlen(small), sizeof(small) - 1);
	json = json_of(&d);
	assert_non_null(strstr(json, "\"instruction\": \"ffffffffffffffffffffffffffffff\""));
	free(json);
	d.taken = false;
	json = json_of(&d);
	assert_string_equal(json, "null");
	free(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_known), cmocka_unit_test(registers_lost),
		cmocka_unit_test(modes), cmocka_unit_test(bounds),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
