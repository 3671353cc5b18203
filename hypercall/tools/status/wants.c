// SPDX-License-Identifier: BSD-2-Clause
/* What the tables ask for, so that no more is gathered: see judge.h. */
#include <string.h>

#include "judge.h"

static bool in_words(const char *list, const char *word, size_t len)
{
	char one[64];

	while (list && next_of(&list, one, sizeof(one)))
		if (strlen(one) == len && !strncmp(one, word, len))
			return true;
	return false;
}

static bool rule_wants(const struct rule *rule, unsigned int test, unsigned int test2,
		       const char *word, size_t len)
{
	return ((rule->test == test || rule->test == test2) && in_words(rule->arg, word, len)) ||
	       ((rule->test2 == test || rule->test2 == test2) && in_words(rule->arg2, word, len));
}

bool wants_config(const char *symbol, size_t len)
{
	for (unsigned int i = 0; i < row_count; i++)
		for (unsigned int n = 0; n < ROW_RULES; n++)
			if (rule_wants(&row_table[i].rule[n], CONFIG_OFF, CONFIG_ON, symbol, len))
				return true;
	for (unsigned int i = 0; i < guard_count; i++)
		if (rule_wants(&guard_table[i].rule, CONFIG_OFF, CONFIG_ON, symbol, len))
			return true;
	for (unsigned int i = 0; i < device_count; i++)
		if (in_words(device_table[i].config, symbol, len))
			return true;
	return false;
}

bool wants_module(const char *module, size_t len)
{
	for (unsigned int i = 0; i < device_count; i++)
		if (device_table[i].module && look_same_module(module, len, device_table[i].module))
			return true;
	return false;
}

static bool has(const char *line, size_t len, const char *text)
{
	return memmem(line, len, text, strlen(text)) != NULL;
}

bool wants_log(const char *line, size_t len)
{
	if (has(line, len, "Linux version ") || has(line, len, "Hypervisor detected: "))
		return true;
	for (unsigned int i = 0; i < row_count; i++)
		for (unsigned int n = 0; n < ROW_RULES; n++) {
			const struct rule *rule = &row_table[i].rule[n];

			if (rule->test == LOG && has(line, len, rule->arg))
				return true;
		}
	return false;
}

/* A word of a rule, which may have =VALUE */
static bool rule_has_word(const struct rule *rule, const char *word, size_t len)
{
	const char *lists[] = { rule->test == CMDLINE ? rule->arg : NULL,
				rule->test2 == CMDLINE ? rule->arg2 : NULL };
	char one[64];

	for (unsigned int i = 0; i < 2; i++) {
		while (lists[i] && next_of(&lists[i], one, sizeof(one))) {
			one[strcspn(one, "=")] = 0;
			if (look_same_module(word, len, one))
				return true;
		}
	}
	return false;
}

bool wants_word(const char *word, size_t len)
{
	static const char *const others[] = {
		"nopv", "xen_nopv", "module_blacklist", "modprobe.blacklist"
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (look_same_module(word, len, others[i]))
			return true;
	for (unsigned int i = 0; i < row_count; i++)
		for (unsigned int n = 0; n < ROW_RULES; n++)
			if (rule_has_word(&row_table[i].rule[n], word, len))
				return true;
	for (unsigned int i = 0; i < guard_count; i++)
		if (rule_has_word(&guard_table[i].rule, word, len))
			return true;
	return false;
}
