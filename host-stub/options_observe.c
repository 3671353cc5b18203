// SPDX-License-Identifier: BSD-2-Clause
/* Options to look at a VM while it runs: --trace. */
#include <errno.h>
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
