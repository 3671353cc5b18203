// SPDX-License-Identifier: BSD-2-Clause
/*
 * pvkit-load: loads the drivers for what the hypervisors offer and this system leaves
 * unused for want of a module. What is unused is judged as pvkit-status does; a
 * module on a blacklist is left alone. See docs/man/pvkit-load.1.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../status/judge.h"
#include "../status/source.h"
#include "../tool.h"

enum { EXIT_FINE = 0, EXIT_FAILED = 1 };	/* and tool.h's */

#define ROUNDS		6u	/* a bus brings devices, those another bus */
#define MODULES		64u
#define SETTLE_US	300000u	/* a bus needs a moment to find its devices */

struct options {
	struct source source;
	bool dry, quiet;
};

/* What has been tried: nothing is tried twice */
struct tried {
	const char *module[MODULES];
	unsigned int count, loads;
	bool failed;
};

extern char **environ;

static void help(void)
{
	puts("usage: pvkit load [options]\n"
	     "\n"
	     "Load the drivers for what the hypervisors offer, as far as this system has none yet.\n"
	     "Modules on a blacklist are left alone. Root only, but for --dry-run.\n"
	     "\n"
	     "  --dry-run        say what would be loaded, and why\n"
	     "  --quiet          say nothing but errors\n"
	     "  --modules        the names of all modules that it may ever load\n"
	     "  --snapshot FILE, --root DIR, --cpuid FILE\n"
	     "                   with --dry-run: for another system, as pvkit status has it\n"
	     "  --help\n"
	     "\n"
	     "Exit status: 0 all that is needed is loaded, or on a blacklist; 1 something is missing\n"
	     "or failed; 2 wrong usage; 3 something cannot be read.");
}

static void list_modules(void)
{
	for (unsigned int i = 0; i < device_count; i++) {
		unsigned int n = 0;

		if (!device_table[i].module)
			continue;
		while (n < i && (!device_table[n].module ||
				 strcmp(device_table[n].module, device_table[i].module)))
			n++;
		if (n == i)
			puts(device_table[i].module);
	}
}

static int parse(struct options *o, int argc, char **argv)
{
	const struct tool_option options[] = {
		{ .name = "dry-run", .flag = &o->dry },
		{ .name = "quiet", .flag = &o->quiet },
		{ .name = "modules", .print = list_modules },
		{ .name = "snapshot", .text = &o->source.snapshot },
		{ .name = "root", .text = &o->source.root },
		{ .name = "cpuid", .text = &o->source.cpuid },
		{ .name = "help", .print = help },
		{ .name = NULL },
	};
	int ret = tool_parse(options, argc, argv);

	if (ret >= 0)
		return ret;
	if (!o->dry && (o->source.root || o->source.cpuid || o->source.snapshot)) {
		complain("modules of another system cannot be loaded: add --dry-run");
		return TOOL_USAGE;
	}
	return source_refused(&o->source) ? TOOL_USAGE : -1;
}

/* Runs modprobe; its words, as one line, in said. 0 when it succeeded, else -1. */
static int modprobe(const char *module, char *said, size_t size)
{
	char name[64];
	char *argv[] = { (char *)(uintptr_t)"modprobe", (char *)(uintptr_t)"-b", name, NULL };
	posix_spawn_file_actions_t actions;
	int status = -1, pipes[2], ret;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	said[0] = 0;
	snprintf(name, sizeof(name), "%s", module);
	if (pipe2(pipes, O_CLOEXEC) < 0) {
		snprintf(said, size, "pipe: %s", strerror(errno));
		return -1;
	}
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, pipes[1], STDERR_FILENO);
	posix_spawn_file_actions_adddup2(&actions, pipes[1], STDOUT_FILENO);
	ret = posix_spawnp(&pid, "modprobe", &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(pipes[1]);
	if (ret) {
		snprintf(said, size, "modprobe cannot be run: %s", strerror(ret));
		close(pipes[0]);
		return -1;
	}
	while (len + 1 < size && (n = read(pipes[0], said + len, size - 1 - len)) > 0)
		len += (size_t)n;
	said[len] = 0;
	said[strcspn(said, "\n")] = 0;
	close(pipes[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return 0;
	if (!*said)
		snprintf(said, size, "modprobe ended with status %d",
			 WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	return -1;
}

static bool tried_before(struct tried *tried, const char *module)
{
	for (unsigned int i = 0; i < tried->count; i++)
		if (!strcmp(tried->module[i], module))
			return true;
	if (tried->count < MODULES)
		tried->module[tried->count++] = module;
	return false;
}

/* One module that a verdict asks for. true: it was loaded. */
static bool serve(const struct status *r, const struct verdict *v, const struct options *o,
		  struct tried *tried)
{
	char where[SNAP_PATH], said[256];

	switch (look_module(r->snap, v->module, v->config, where, sizeof(where))) {
	case LOOK_BLACKLISTED:
		if (!o->quiet)
			printf("%s: left alone, for %s (%s): blacklisted: %s\n", v->module, v->name,
			       v->title, where);
		return false;
	case LOOK_MISSING:
	case LOOK_COMPILED_OUT:
		complain("%s, for %s (%s): %s: %s", v->module, v->name, v->title, v->why,
			 v->advice);
		tried->failed = true;
		return false;
	default:
		break;
	}
	tried->loads++;
	if (o->dry) {
		if (!o->quiet)
			printf("%s: would be loaded, for %s (%s)\n", v->module, v->name,
			       v->title);
		return false;
	}
	if (modprobe(v->module, said, sizeof(said))) {
		complain("%s, for %s (%s): %s", v->module, v->name, v->title, said);
		tried->failed = true;
		return false;
	}
	if (!o->quiet)
		printf("%s: loaded, for %s (%s)\n", v->module, v->name, v->title);
	return true;
}

/* Looks at the system, loads what it lacks. 1 when something was loaded; 0, or -errno. */
static int look_and_load(const struct options *o, struct tried *tried)
{
	static struct status status;
	struct snap snap;
	bool any = false;
	int ret;

	snap_init(&snap);
	ret = source_read(&snap, &o->source);
	if (ret)
		goto free_snap;
	judge(&snap, &status);
	for (unsigned int i = 0; i < status.count; i++) {
		const struct verdict *v = &status.verdict[i];

		if (v->state == UNUSED && v->module && !tried_before(tried, v->module))
			any |= serve(&status, v, o, tried);
	}
	ret = any;
free_snap:
	snap_free(&snap);
	return ret;
}

int main(int argc, char **argv)
{
	struct tried tried = { .count = 0 };
	struct options o = { .dry = false };
	int status = parse(&o, argc, argv), ret = 1;

	if (status >= 0)
		return status;
	if (!o.dry && geteuid()) {
		complain("only root can load modules: --dry-run says what would be loaded");
		return TOOL_TROUBLE;
	}
	for (unsigned int round = 0; ret == 1 && round < ROUNDS; round++) {
		if (round)
			usleep(SETTLE_US);
		ret = look_and_load(&o, &tried);
	}
	if (ret < 0)
		return TOOL_TROUBLE;
	if (!o.quiet && !tried.count)
		puts("nothing to load: what is offered has its drivers");
	else if (!o.quiet && o.dry && tried.loads)
		puts("what their devices then need is found when they are there");
	return tool_end(tried.failed ? EXIT_FAILED : EXIT_FINE);
}
