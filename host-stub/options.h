/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line.
 */
#ifndef HS_OPTIONS_H
#define HS_OPTIONS_H

#include <getopt.h>

#include "hs.h"

#define HS_MEM_DEFAULT	(256ull << 20)
#define HS_MEM_MAX	(256ull << 30)
#define HS_REBOOTS	10u	/* within 10 s: a boot loop */

/*
 * Parses and checks argv into config; strings stay argv's. -1: go on; else
 * the process's exit status, with the line (or help) printed.
 */
int hs_options(struct hs_config *config, int argc, char **argv);

/* 512M and the like, in bytes; false when it is none. */
bool hs_options_size(const char *text, uint64_t *bytes);

/*
 * Cuts FILE off FILE[,OPT]..., in place; a comma in FILE is written twice. What
 * follows the comma behind it, or NULL.
 */
char *hs_options_path(char *text);

/* options_help.c: what --help prints. */
void hs_options_help(void);

/* options_observe.c: the value of --trace, taken apart in place. 0 or -EINVAL, said. */
int hs_options_trace(struct hs_config *config, char *text);
/* The same of --log, at once: it is no part of the configuration. */
int hs_options_log(const char *text);

/* options_nic.c: the value of --nic, taken apart in place. 0 or -errno, with the line printed. */
int hs_options_nic(struct hs_config *config, char *text);

/* options_hint.c: says that there is no option `word`, and which was probably meant. */
void hs_options_unknown(const char *word, const struct option *options);

/* options_jail.c: the value of --jail, and of --uid and --gid. 0 or -EINVAL, with the line printed.
 */
int hs_options_jail(struct hs_config *config, const char *text);
int hs_options_id(const char *option, const char *text, uint32_t *id);

/* options_gdb.c: the value of --gdb, taken apart in place. 0 or -EINVAL, with the line printed. */
int hs_options_gdb(struct hs_config *config, char *text);

/* pvkit's features, all of them */
#define HS_OFFER_ALL	(PVK_FEAT_EVENT | PVK_FEAT_BUS | PVK_FEAT_BATCH | PVK_FEAT_UNPLUG | \
			 PVK_FEAT_INFO | PVK_FEAT_POWER | PVK_FEAT_SMP | PVK_FEAT_CONSOLE | \
			 PVK_FEAT_MEM)

/*
 * Options of features (options_features.c). 0; 1 when names were listed and
 * nothing is to be done; -EINVAL with the line printed.
 */
int hs_options_offer(struct hs_config *config, const char *text);
int hs_options_info(struct hs_config *config, const char *text);
int hs_options_kvm_mask(struct hs_config *config, const char *text);

#endif /* HS_OPTIONS_H */
