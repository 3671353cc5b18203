// SPDX-License-Identifier: BSD-2-Clause
/*
 * --nic: where a NIC's frames go, and what the guest sees of it. The first
 * word names the back end; the others are options, in any order. Whatever is
 * wrong is said in one line that names the NIC and what it takes.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "options.h"
#include "util.h"

static const struct {
	const char *name;
	enum hs_nic_kind kind;
} kinds[] = {
	{ "tap", HS_NIC_TAP },
	{ "user", HS_NIC_USER },
	{ "stream", HS_NIC_STREAM },
	{ "dgram", HS_NIC_DGRAM },
};

/* What is being parsed: the configuration, and the NIC's text for messages. */
struct nic {
	struct hs_nic_config *config;
	const char *text;
};

static int __attribute__((format(printf, 2, 3))) refuse(const struct nic *nic, const char *fmt, ...)
{
	char what[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	hs_error("--nic %s: %s", nic->text, what);
	return -EINVAL;
}

/* A decimal number from least to most that ends at one of `ends`; the rest, or NULL. */
static const char *options_nic_number(const char *text, const char *ends, unsigned long least,
			  unsigned long most, unsigned long *value)
{
	char *end;

	if (*text < '0' || *text > '9')
		return NULL;
	errno = 0;
	*value = strtoul(text, &end, 10);
	if (errno || *value < least || *value > most || !strchr(ends, *end))
		return NULL;
	return end;
}

static int parse_mac(const struct nic *nic, const char *text)
{
	uint8_t *mac = nic->config->mac;
	bool ok = strlen(text) == 17;

	for (unsigned int i = 0; i < 17 && ok; i++)
		ok = i % 3 == 2 ? text[i] == ':' : isxdigit((unsigned char)text[i]);
	if (!ok)
		return refuse(nic, "mac=%.40s: six hexadecimal bytes, as 52:54:00:12:34:56", text);
	for (unsigned int i = 0; i < 6; i++)
		mac[i] = (uint8_t)strtoul(text + i * 3, NULL, 16);
	if (mac[0] & 1 || !memcmp(mac, "\0\0\0\0\0\0", 6))
		return refuse(nic, "mac=%s: a group address, or zero: a NIC has one of its own", text);
	return 0;
}

/* 3 or 3:4:5 */
static int parse_fds(const struct nic *nic, const char *text)
{
	struct hs_nic_config *c = nic->config;
	unsigned long fd;

	for (c->fds = 0; text; text = *text ? text + 1 : NULL) {
		text = options_nic_number(text, ":", 3, 65535, &fd);
		if (!text || c->fds == HS_MAX_NIC_QUEUES)
			return refuse(nic, "fd=: 1 to %d open descriptors (3 and up), with ':' between them",
				      HS_MAX_NIC_QUEUES);
		if (fcntl((int)fd, F_GETFD) < 0)
			return refuse(nic, "fd=%lu: not open: pass it on to pvkit-vm", fd);
		c->fd[c->fds++] = (int)fd;
	}
	return 0;
}

/* [ADDRESS]:PORT up to one of `ends`; the rest, or NULL. */
static const char *endpoint(const char *text, const char *ends)
{
	char address[INET_ADDRSTRLEN];
	size_t len = strcspn(text, ":");
	struct in_addr in;
	unsigned long port;

	if (len >= sizeof(address) || text[len] != ':')
		return NULL;
	memcpy(address, text, len);
	address[len] = 0;
	if (len && inet_pton(AF_INET, address, &in) != 1)
		return NULL;
	return options_nic_number(text + len + 1, ends, 1, 65535, &port);
}

static int parse_forward(const struct nic *nic, const char *text)
{
	struct hs_nic_config *c = nic->config;
	const char *rest = NULL;

	if (c->forwards == HS_MAX_FORWARDS)
		return refuse(nic, "forward=: more than %d", HS_MAX_FORWARDS);
	if (!strncmp(text, "tcp:", 4) || !strncmp(text, "udp:", 4))
		rest = endpoint(text + 4, "-");
	/* options_nic_number() let the end of the text pass, too */
	if (rest && *rest == '-')
		rest = endpoint(rest + 1, "");
	else
		rest = NULL;
	if (!rest)
		return refuse(nic, "forward=%s: tcp|udp:[HOSTADDRESS]:PORT-[GUESTADDRESS]:PORT", text);
	c->forward[c->forwards++] = text;
	return 0;
}

/* One option. 0, or -EINVAL with the line printed. */
static int nic_option(const struct nic *nic, const char *opt)
{
	struct hs_nic_config *c = nic->config;
	unsigned long n;

	if (!strcmp(opt, "models=both")) {
		c->models = HS_MODELS_BOTH;
	} else if (!strcmp(opt, "models=emulated")) {
		c->models = HS_MODELS_EMULATED;
	} else if (!strcmp(opt, "models=pvkit")) {
		c->models = HS_MODELS_PVKIT;
	} else if (!strncmp(opt, "mac=", 4)) {
		return parse_mac(nic, opt + 4);
	} else if (!strncmp(opt, "mtu=", 4)) {
		if (!options_nic_number(opt + 4, "", PVK_NET_MIN_MTU, PVK_NET_MAX_MTU, &n))
			return refuse(nic, "%s: %u to %u", opt, PVK_NET_MIN_MTU, PVK_NET_MAX_MTU);
		c->mtu = (uint32_t)n;
	} else if (!strncmp(opt, "queues=", 7) && c->kind == HS_NIC_TAP) {
		if (!options_nic_number(opt + 7, "", 1, HS_MAX_NIC_QUEUES, &n))
			return refuse(nic, "%s: 1 to %d", opt, HS_MAX_NIC_QUEUES);
		c->queues = (unsigned int)n;
	} else if (!strncmp(opt, "fd=", 3) && c->kind != HS_NIC_USER) {
		return parse_fds(nic, opt + 3);
	} else if (!strncmp(opt, "peer=", 5) && opt[5] && c->kind == HS_NIC_DGRAM) {
		c->peer = opt + 5;
	} else if (!strcmp(opt, "listen") && c->kind == HS_NIC_STREAM) {
		c->listen = true;
	} else if (!strncmp(opt, "forward=", 8) && c->kind == HS_NIC_USER) {
		return parse_forward(nic, opt + 8);
	} else if (!strcmp(opt, "restricted") && c->kind == HS_NIC_USER) {
		c->restricted = true;
	} else {
		return refuse(nic, "'%.40s' is unknown here: models=both|emulated|pvkit mac= mtu=, and for tap fd= queues=, for stream fd= listen, for dgram fd= peer=PATH, for user forward= restricted",
			      opt);
	}
	return 0;
}

/*
 * An address that stays the same from run to run, and that differs between the
 * two ends of a socket, between TAPs, and between the NICs of a VM.
 */
static void make_up_mac(struct hs_nic_config *c, unsigned int index)
{
	uint32_t hash = 2166136261u;	/* FNV-1a */
	char seed[256];

	snprintf(seed, sizeof(seed), "%u %d %d %s", index, (int)c->kind, (int)c->listen,
		 c->name ? c->name : "");
	for (const char *s = seed; *s; s++)
		hash = (hash ^ (uint8_t)*s) * 16777619u;
	c->mac[0] = 0x52;
	c->mac[1] = 0x54;
	c->mac[2] = 0x00;
	c->mac[3] = (uint8_t)(hash >> 16);
	c->mac[4] = (uint8_t)(hash >> 8);
	c->mac[5] = (uint8_t)hash;
}

/* What the options must be together. 0, or -EINVAL with the line printed. */
static int nic_check(const struct nic *nic)
{
	const struct hs_nic_config *c = nic->config;
	size_t most = c->kind == HS_NIC_TAP ? IFNAMSIZ
					    : sizeof(((struct sockaddr_un *)NULL)->sun_path);

	if (c->kind == HS_NIC_USER)
		return c->name ? refuse(nic, "user takes no name") : 0;
	if (!c->name == !c->fds)
		return refuse(nic, "either a name (tap=NAME, stream=PATH, dgram=PATH) or fd=");
	if (c->name && (!*c->name || strlen(c->name) >= most))
		return refuse(nic, "a name of 1 to %zu characters is needed", most - 1);
	if (c->fds > 1 && c->kind != HS_NIC_TAP)
		return refuse(nic, "one descriptor only: a TAP alone has several queues");
	if (c->fds && c->queues)
		return refuse(nic, "queues= belongs to a name: with fd= it is the number of descriptors");
	if (c->fds && (c->listen || c->peer))
		return refuse(nic, "fd= is a socket that is connected: neither listen nor peer=");
	if (c->kind == HS_NIC_DGRAM && c->name && !c->peer)
		return refuse(nic, "peer=PATH is needed: the socket of the other end");
	if (c->peer && strlen(c->peer) >= most)
		return refuse(nic, "peer=: at most %zu characters", most - 1);
	return 0;
}

int hs_options_nic(struct hs_config *config, char *text)
{
	static const uint8_t no_mac[6];
	struct nic nic = { .config = &config->nic[config->nics] };
	struct hs_nic_config *c = nic.config;
	char *opt = strchr(text, ','), *name;
	int ret = 0;

	if (config->nics == HS_MAX_NICS) {
		hs_error("--nic: more than %d", HS_MAX_NICS);
		return -EINVAL;
	}
	memset(c, 0, sizeof(*c));
	c->mtu = 1500;
	if (opt)
		*opt++ = 0;
	nic.text = strdup(text);	/* for the messages; as long as the process */
	if (!nic.text)
		return -ENOMEM;
	name = strchr(text, '=');
	if (name)
		*name++ = 0;
	c->name = name;
	for (unsigned int i = 0;; i++) {
		if (i == HS_COUNT(kinds))
			return refuse(&nic, "tap[=NAME], user, stream[=PATH] or dgram[=PATH] comes first");
		if (strcmp(text, kinds[i].name))
			continue;
		c->kind = kinds[i].kind;
		break;
	}
	while (opt && !ret) {
		char *next = strchr(opt, ',');

		if (next)
			*next++ = 0;
		ret = nic_option(&nic, opt);
		opt = next;
	}
	if (!ret)
		ret = nic_check(&nic);
	if (ret < 0)
		return ret;
	if (!c->queues)
		c->queues = c->fds ? c->fds : 1;
	if (!memcmp(c->mac, no_mac, sizeof(no_mac)))
		make_up_mac(c, config->nics);
	for (unsigned int i = 0; i < config->nics; i++)
		if (!memcmp(config->nic[i].mac, c->mac, 6))
			return refuse(&nic, "the same mac= as nic %u", i);
	config->nics++;
	return 0;
}
