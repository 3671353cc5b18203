/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line's --gdb: see options.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "options.h"

static bool is_port(const char *text)
{
	return *text && text[strspn(text, "0123456789")] == 0;
}

int hs_options_gdb(struct hs_config *config, char *text)
{
	char *comma = strchr(text, ',');
	unsigned long port = 0;

	if (comma)
		*comma++ = 0;
	if (comma && strcmp(comma, "wait")) {
		hs_error("--gdb %s: '%s' is unknown: wait", text, comma);
		return -EINVAL;
	}
	if (is_port(text)) {
		port = strlen(text) > 5 ? 0 : strtoul(text, NULL, 10);
		if (!port || port > UINT16_MAX) {
			hs_error("--gdb: '%s': a port of 127.0.0.1 from 1 to 65535, or a socket's path", text);
			return -EINVAL;
		}
	} else if (!*text || strlen(text) >= sizeof(((struct sockaddr_un *)NULL)->sun_path)) {
		hs_error("--gdb: '%s': a port of 127.0.0.1, or a socket's path of 1 to 107 characters",
			 text);
		return -EINVAL;
	}
	config->gdb = text;
	config->gdb_port = (uint16_t)port;
	config->gdb_wait = comma;
	return 0;
}
