// SPDX-License-Identifier: BSD-2-Clause
/*
 * The statistics of the PV devices as JSON (docs/stub.md, "Statistics"). Counters have one
 * writer each and are read with relaxed loads: a figure may be a moment old.
 */
#include "pv_priv.h"

void hs_pv_json_counters(FILE *out, struct hs_pv_counters *c)
{
	fprintf(out,
		"\"errors\": %llu, \"doorbells\": %llu, \"events_raised\": %llu, \"events_suppressed\": %llu, \"polls_found\": %llu",
		hs_pv_get(&c->errors), hs_pv_get(&c->doorbells), hs_pv_get(&c->events_raised),
		hs_pv_get(&c->events_suppressed), hs_pv_get(&c->polls_found));
}

void hs_pv_json_worker(FILE *out, struct hs_worker *worker)
{
	struct hs_worker_stats s;

	hs_worker_stats(worker, &s);
	fprintf(out,
		"{\"rounds_busy\": %llu, \"polls_paid\": %llu, \"sleeps\": %llu, \"wakes_empty\": %llu, \"submits\": %llu, \"window_ns\": %llu}",
		(unsigned long long)s.rounds_busy, (unsigned long long)s.polls_paid,
		(unsigned long long)s.sleeps, (unsigned long long)s.wakes_empty,
		(unsigned long long)s.submits, (unsigned long long)s.window_ns);
}

void hs_pv_json(struct hs_pv *pv, FILE *out)
{
	pthread_mutex_lock(&pv->lock);
	fprintf(out,
		"{\"calls\": %llu, \"calls_refused\": %llu, \"sessions\": %llu, \"features\": %llu, \"doorbells_unmatched\": %llu, \"devices\": [",
		(unsigned long long)pv->calls, (unsigned long long)pv->calls_refused,
		(unsigned long long)pv->sessions, (unsigned long long)pv->active,
		hs_pv_get(&pv->doorbells_unmatched));
	for (unsigned int i = 0; i < pv->devices; i++) {
		struct hs_pv_dev *dev = pv->dev[i];

		fprintf(out,
			"%s{\"id\": %u, \"%s\": %u, \"model\": \"%s\", \"state\": %u, \"resets\": %llu, ",
			i ? ", " : "", dev->id, dev->ops->name, dev->number,
			dev->model == PVK_MODEL_PVKIT ? "pvkit" : "emulated",
			(unsigned int)atomic_load(&dev->state), (unsigned long long)dev->resets);
		dev->ops->json(dev, out);
		fprintf(out, "}");
	}
	pthread_mutex_lock(&pv->console.lock);
	fprintf(out,
		"], \"console\": {\"setups\": %llu, \"flushes\": %llu, \"sleeps\": %llu, \"bytes_out\": %llu, \"bytes_in\": %llu}, ",
		(unsigned long long)pv->console.setups, (unsigned long long)pv->console.flushes,
		(unsigned long long)pv->console.sleeps, (unsigned long long)pv->console.bytes_out,
		(unsigned long long)pv->console.bytes_in);
	pthread_mutex_unlock(&pv->console.lock);
	fprintf(out, "\"cpu_starts\": %llu, \"mem_reports\": %llu, \"mem_bytes\": %llu}",
		(unsigned long long)pv->cpu_starts, (unsigned long long)pv->mem_reports,
		(unsigned long long)pv->mem_bytes);
	pthread_mutex_unlock(&pv->lock);
}
