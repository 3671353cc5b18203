// SPDX-License-Identifier: BSD-2-Clause
/* vCPUs that stand still: see vcpu_park.h. */
#include "vcpu_park.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "vm.h"

static uint32_t every_vcpu(const struct hs_vm *vm)
{
	return UINT32_MAX >> (32 - vm->config->vcpus);
}

/* Those that anybody holds, but for `who` (HS_HOLDERS: all count). */
static uint32_t held_but_by(struct hs_park *park, enum hs_holder who)
{
	uint32_t held = 0;

	for (enum hs_holder i = 0; i < HS_HOLDERS; i++)
		if (i != who)
			held |= atomic_load(&park->hold[i]);
	return held;
}

void hs_park_init(struct hs_park *park)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&park->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&park->changed, &attr);
	pthread_condattr_destroy(&attr);
	park->event_fd = -1;
}

void hs_park_destroy(struct hs_park *park)
{
	pthread_cond_destroy(&park->changed);
	pthread_mutex_destroy(&park->lock);
}

void hs_park_notify(struct hs_vm *vm, int event_fd)
{
	vm->run->park.event_fd = event_fd;
}

void hs_park_at_start(struct hs_vm *vm, enum hs_holder who)
{
	atomic_store(&vm->run->park.hold[who], every_vcpu(vm));
	for (unsigned int i = 0; i < vm->config->vcpus; i++)
		__atomic_store_n(&vm->vcpu[i]->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
}

int hs_park_all(struct hs_vm *vm, enum hs_holder who, uint64_t limit_ns)
{
	struct hs_park *park = &vm->run->park;
	uint64_t until = hs_now() + limit_ns;
	const struct timespec ts = { .tv_sec = (time_t)(until / 1000000000u),
				     .tv_nsec = (long)(until % 1000000000u) };
	int ret = 0;

	pthread_mutex_lock(&park->lock);
	atomic_store(&park->hold[who], every_vcpu(vm));
	/* Under the lock: without an end no thread was joined, so each can be signalled. */
	for (unsigned int i = 0; i < vm->config->vcpus && !park->end; i++)
		if (!(park->parked & 1u << i))
			hs_vcpu_kick(vm->vcpu[i]);
	while ((park->parked | park->left) != every_vcpu(vm) && !park->end && !ret)
		ret = limit_ns ? -pthread_cond_timedwait(&park->changed, &park->lock, &ts) :
				 -pthread_cond_wait(&park->changed, &park->lock);
	pthread_mutex_unlock(&park->lock);
	if (ret)
		hs_park_release(vm, who, UINT32_MAX, true);
	return ret;
}

void hs_park_release(struct hs_vm *vm, enum hs_holder who, uint32_t vcpus, bool told)
{
	struct hs_park *park = &vm->run->park;

	pthread_mutex_lock(&park->lock);
	atomic_fetch_and(&park->hold[who], ~vcpus);
	if (told)
		park->tell |= vcpus;
	vcpus &= ~held_but_by(park, who);
	park->parked &= ~vcpus;
	for (unsigned int i = 0; i < vm->config->vcpus && !park->end; i++)
		if (vcpus & park->tell & 1u << i)
			hs_vcpu_resumed(vm->vcpu[i]);
	park->tell &= ~vcpus;
	pthread_cond_broadcast(&park->changed);
	pthread_mutex_unlock(&park->lock);
}

bool hs_park_holds(const struct hs_vm *vm, enum hs_holder who)
{
	return atomic_load(&vm->run->park.hold[who]);
}

uint32_t hs_park_hits(struct hs_vm *vm)
{
	struct hs_park *park = &vm->run->park;
	uint32_t hits = 0;

	pthread_mutex_lock(&park->lock);
	for (unsigned int i = 0; i < vm->config->vcpus; i++)
		if (park->parked & 1u << i && atomic_load(&vm->vcpu[i]->hit))
			hits |= 1u << i;
	pthread_mutex_unlock(&park->lock);
	return hits;
}

void hs_park_end(struct hs_vm *vm)
{
	struct hs_park *park = &vm->run->park;

	pthread_mutex_lock(&park->lock);
	park->end = true;
	pthread_cond_broadcast(&park->changed);
	pthread_mutex_unlock(&park->lock);
}

void hs_park_leave(struct hs_vcpu *vcpu)
{
	struct hs_park *park = &vcpu->vm->run->park;

	pthread_mutex_lock(&park->lock);
	park->left |= 1u << vcpu->id;
	pthread_cond_broadcast(&park->changed);
	pthread_mutex_unlock(&park->lock);
}

void hs_park_here(struct hs_vcpu *vcpu)
{
	struct hs_park *park = &vcpu->vm->run->park;
	uint32_t bit = 1u << vcpu->id;
	uint64_t one = 1;

	if (!(held_but_by(park, HS_HOLDERS) & bit) && !atomic_load(&vcpu->hit))
		return;
	pthread_mutex_lock(&park->lock);
	while (!park->end) {
		/* What it met is taken by the debugger's thread, whoever else lets it go. */
		if (atomic_load(&vcpu->hit))
			atomic_fetch_or(&park->hold[HS_HELD_BY_DEBUGGER], bit);
		if (!(held_but_by(park, HS_HOLDERS) & bit))
			break;
		/* Once more when it was let go and held again before it woke. */
		if (!(park->parked & bit)) {
			park->parked |= bit;
			pthread_cond_broadcast(&park->changed);
			if (atomic_load(&vcpu->hit) &&
			    write(park->event_fd, &one, sizeof(one)) < 0)
				hs_error("gdb: cannot wake its thread: %s", strerror(errno));
		}
		pthread_cond_wait(&park->changed, &park->lock);
	}
	park->parked &= ~bit;
	pthread_mutex_unlock(&park->lock);
}
