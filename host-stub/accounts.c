/* SPDX-License-Identifier: BSD-2-Clause */
/* The statistics of a process: see accounts.h. */
#include "accounts.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "disk/disk.h"
#include "net/net.h"
#include "output.h"
#include "stats.h"
#include "worker.h"

static uint64_t thread_ns(void)
{
	struct timespec cpu;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
	return (uint64_t)cpu.tv_sec * 1000000000ull + (uint64_t)cpu.tv_nsec;
}

static void thread_ns_on_worker(void *arg)
{
	uint64_t *ns = arg;

	*ns = thread_ns();
}

void hs_accounts_keep(struct hs_accounts *a, struct hs_vm *vm)
{
	char **slot = &a->boot[a->boots % HS_BOOTS_KEPT];
	size_t bytes;
	FILE *f;

	a->boots++;
	if (a->fd < 0)
		return;
	free(*slot);
	*slot = NULL;
	f = open_memstream(slot, &bytes);
	if (!f)
		return;
	hs_stats_json(vm->stats, f, false);
	fclose(f);
}

void hs_accounts_print(const struct hs_accounts *a, const struct hs_host *host, FILE *f,
		       struct hs_vm *running)
{
	const struct hs_config *config = host->config;
	unsigned int kept = a->boots < HS_BOOTS_KEPT ? a->boots : HS_BOOTS_KEPT;
	uint64_t user, system, ns;
	bool first = true;

	hs_stats_cpu(&user, &system);
	fprintf(f, "{\n\t\"format\": 1,\n\t\"program\": \"pvkit-vm %s\",\n", PVK_RELEASE);
	fprintf(f, "\t\"config\": {\"memory\": %llu, \"vcpus\": %u, \"disks\": %u, \"nics\": %u, \"offer\": %llu, "
		"\"kvm_mask\": %llu, \"poll_ns\": %llu, \"coalesce_ns\": %llu, \"exit_ns\": %llu},\n", (unsigned long long)config->memory,
		config->vcpus, config->disks, config->nics, (unsigned long long)config->pv_offer,
		(unsigned long long)config->kvm_mask, (unsigned long long)config->poll_ns,
		(unsigned long long)config->coalesce_ns,
		(unsigned long long)host->probe.exit_ns);
	fprintf(f, "\t\"cpu_user_ns\": %llu,\n\t\"cpu_system_ns\": %llu,\n", (unsigned long long)user,
		(unsigned long long)system);
	fprintf(f, "\t\"threads\": [{\"name\": \"main\", \"cpu_ns\": %llu}",
		(unsigned long long)thread_ns());
	for (unsigned int i = 0; i < config->disks; i++) {
		hs_worker_call(hs_blk_worker(host->blk[i]), thread_ns_on_worker, &ns);
		fprintf(f, ", {\"name\": \"disk%u\", \"cpu_ns\": %llu}", i, (unsigned long long)ns);
	}
	for (unsigned int i = 0; i < config->nics; i++) {
		struct hs_net_info info;

		hs_net_info(host->net[i], &info);
		for (unsigned int q = 0; q < info.queues; q++) {
			hs_worker_call(hs_net_worker(host->net[i], q), thread_ns_on_worker, &ns);
			fprintf(f, ", {\"name\": \"nic%u-%u\", \"cpu_ns\": %llu}", i, q,
				(unsigned long long)ns);
		}
	}
	fprintf(f, "],\n\t\"nics\": [");
	for (unsigned int i = 0; i < config->nics; i++) {
		fprintf(f, "%s{", i ? ", " : "");
		hs_net_json(host->net[i], f);
		fputc('}', f);
	}
	fprintf(f, "],\n\t\"boot_count\": %u,\n\t\"boots\": [", a->boots + (running ? 1 : 0));
	for (unsigned int i = a->boots - kept; i < a->boots; i++) {
		if (!a->boot[i % HS_BOOTS_KEPT])
			continue;
		fprintf(f, "%s\n%s", first ? "" : ",", a->boot[i % HS_BOOTS_KEPT]);
		first = false;
	}
	if (running) {
		fputs(first ? "\n" : ",\n", f);
		hs_stats_json(running->stats, f, true);
	}
	fprintf(f, "]\n}\n");
}

int hs_accounts_write(const struct hs_accounts *a, const struct hs_host *host,
		      struct hs_drain_limit *drain_limit)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f;
	int ret;

	if (a->fd < 0)
		return 0;
	f = open_memstream(&text, &len);
	if (!f)
		return -ENOMEM;
	hs_accounts_print(a, host, f, NULL);
	ret = fclose(f) ? -ENOMEM : hs_output_put("--stats", host->config->stats, a->fd,
						  text, len, drain_limit);
	free(text);
	return ret;
}

void hs_accounts_free(struct hs_accounts *a)
{
	for (unsigned int i = 0; i < HS_BOOTS_KEPT; i++)
		free(a->boot[i]);
	if (a->fd >= 0)
		close(a->fd);
}
