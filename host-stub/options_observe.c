// SPDX-License-Identifier: BSD-2-Clause
/* Options to look at a VM while it runs: --trace, --log. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "options.h"
#include "trace.h"

int hs_options_trace(struct hs_config *config, char *text)
{
	const char *opt = hs_options_path(text);

	config->trace = text;
	config->trace_limit = HS_TRACE_LIMIT;
	if (!*text) {
		hs_error("--trace: no file is named");
		return -EINVAL;
	}
	if (!opt)
		return 0;
	if (strncmp(opt, "limit=", 6)) {
		hs_error("--trace %s: '%s' is unknown: limit=SIZE (a comma in FILE is written twice)",
			 text, opt);
		return -EINVAL;
	}
	if (hs_options_size(opt + 6, &config->trace_limit) &&
	    (!config->trace_limit || config->trace_limit >= HS_TRACE_LIMIT_MIN))
		return 0;
	hs_error("--trace %s: limit=%s: a size from 4K on, or 0 for none", text, opt + 6);
	return -EINVAL;
}

int hs_options_log(const char *text)
{
	const char *wrong;
	int ret = hs_log_levels(text, &wrong);

	if (ret < 0) {
		char areas[128] = "all";
		const char *level, *area;

		for (unsigned int n = 0; (area = hs_log_area(n, &level)) != NULL; n++)
			snprintf(areas + strlen(areas), sizeof(areas) - strlen(areas), ", %s", area);
		hs_error("--log: '%s' is no AREA=LEVEL: areas are %s; levels are off, error, note, debug",
			 wrong, areas);
	}
	return ret;
}
