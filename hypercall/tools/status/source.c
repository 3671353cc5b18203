// SPDX-License-Identifier: BSD-2-Clause
/* Where a snapshot comes from, and what to say when it does not: see source.h. */
#include <errno.h>
#include <string.h>

#include "../../detect/dump/record.h"
#include "../tool.h"
#include "gather.h"
#include "source.h"

bool source_refused(const struct source *o)
{
	if (o->root && !o->cpuid)
		complain("--root needs --cpuid: this machine's CPUID is not that system's");
	else if (o->snapshot && o->root)
		complain("--snapshot does not go with --root");
	else
		return false;
	return true;
}

static int read_snapshot(struct snap *snap, const char *path)
{
	FILE *f = fopen(path, "re");
	unsigned int line = 0;
	int ret = f ? snap_read(snap, f, &line) : -errno;

	if (f)
		fclose(f);
	if (ret == -EINVAL && line)
		complain("%s, line %u: not understood: a file of pvkit status --save is needed",
			 path, line);
	else if (ret == -EINVAL)
		complain("%s: no CPUID in it: a file of pvkit status --save is needed", path);
	else if (ret == -E2BIG)
		complain("%s, line %u: too much for one system", path, line);
	else if (ret)
		complain("%s: %s", path, strerror(-ret));
	return ret;
}

int source_read(struct snap *snap, const struct source *o)
{
	static struct pvk_stack stack;
	int ret;

	if (o->snapshot) {
		ret = read_snapshot(snap, o->snapshot);
		return ret || !o->cpuid ? ret : tool_read_dump(&snap->dump, o->cpuid);
	}
	ret = gather(snap, o->root ? o->root : "");
	if (ret == -ENOENT) {
		complain("%s/proc/cmdline cannot be read: %s", o->root ? o->root : "",
			 o->root ? "no system is there" : "mount /proc");
		return ret;
	}
	if (ret) {
		complain("%s: %s", o->root ? o->root : "/", strerror(-ret));
		return ret;
	}
	if (o->cpuid)
		return tool_read_dump(&snap->dump, o->cpuid);
	ret = record_machine(&snap->dump, &stack);
	if (ret)
		complain("this machine has more than %u leaves", DUMP_LEAVES);
	return ret;
}
