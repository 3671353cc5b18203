/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line's options of the jail: see options.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "options.h"
#include "util.h"

int hs_options_jail(struct hs_config *config, const char *text)
{
	static const char * const mode[] = {
		[HS_JAIL_AUTO] = "auto", [HS_JAIL_STRICT] = "strict", [HS_JAIL_OFF] = "off",
	};

	for (unsigned int i = 0; i < HS_COUNT(mode); i++) {
		if (strcmp(mode[i], text))
			continue;
		config->jail = (enum hs_jail_mode)i;
		return 0;
	}
	hs_error("--jail: '%s': auto, strict or off", text);
	return -EINVAL;
}

int hs_options_id(const char *option, const char *text, uint32_t *id)
{
	unsigned long long n;
	char *end;

	if (geteuid()) {
		hs_error("%s: only root can become another user", option);
		return -EINVAL;
	}
	errno = 0;
	n = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || !n || n >= UINT32_MAX) {
		hs_error("%s: '%s': a number from 1 to 4294967294", option, text);
		return -EINVAL;
	}
	*id = (uint32_t)n;
	return 0;
}
