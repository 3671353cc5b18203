/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The user's console and the vCPUs, as the platform's features see them: what
 * is put is kept, a restart is recorded.
 */
#ifndef TESTS_FAKE_PLATFORM_H
#define TESTS_FAKE_PLATFORM_H

#include <stdbool.h>
#include <string.h>
#include <sys/eventfd.h>

#include "host-stub/console.h"
#include "host-stub/vm.h"

static struct {
	uint8_t text[1 << 16];		/* what the user saw */
	size_t len, room;		/* room: how much more he takes */
	const struct hs_console_user *user;
	void *opaque;
	unsigned int wakes;
	int eventfd;
} fake_con = { .room = sizeof(fake_con.text), .eventfd = -1 };

size_t hs_console_put(const uint8_t *data, size_t len)
{
	size_t n = len < fake_con.room ? len : fake_con.room;

	for (size_t i = 0; i < n; i++)
		fake_con.text[(fake_con.len + i) % sizeof(fake_con.text)] = data[i];
	fake_con.len += n;
	fake_con.room -= n;
	return n;
}

void hs_console_wake(void)
{
	fake_con.wakes++;
}

int hs_console_eventfd(void)
{
	if (fake_con.eventfd < 0)
		fake_con.eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return fake_con.eventfd;
}

void hs_console_attach(enum hs_console_end end, const struct hs_console_user *user, void *opaque)
{
	if (end == HS_CONSOLE_RING) {
		fake_con.user = user;
		fake_con.opaque = opaque;
	}
}

void hs_console_detach(enum hs_console_end end)
{
	if (end == HS_CONSOLE_RING)
		fake_con.user = NULL;
}

static struct {
	struct hs_vcpu vcpu[HS_MAX_VCPUS];
	struct hs_cpu_state state[HS_MAX_VCPUS];
	unsigned int restarts[HS_MAX_VCPUS];
	unsigned int own;		/* the vCPU that calls */
	bool la57, busy;
} fake_cpu;

int hs_vcpu_restart(struct hs_vcpu *vcpu, const struct hs_cpu_state *state)
{
	if (fake_cpu.busy)
		return -EAGAIN;
	fake_cpu.state[vcpu->id] = *state;
	fake_cpu.restarts[vcpu->id]++;
	return 0;
}

bool hs_vcpu_is_own(const struct hs_vcpu *vcpu)
{
	return vcpu->id == fake_cpu.own;
}

bool hs_vcpu_has(const struct hs_vcpu *vcpu, enum hs_cpu_feature feature)
{
	(void)vcpu;
	return feature == HS_CPU_NX || fake_cpu.la57;
}

/* After fake_create(): its vCPUs, a console with room. */
static inline void fake_platform_create(struct hs_vm *vm)
{
	if (fake_con.eventfd >= 0)
		close(fake_con.eventfd);
	memset(&fake_con, 0, sizeof(fake_con));
	memset(&fake_cpu, 0, sizeof(fake_cpu));
	fake_con.room = sizeof(fake_con.text);
	fake_con.eventfd = -1;
	for (unsigned int i = 0; i < HS_MAX_VCPUS; i++) {
		fake_cpu.vcpu[i].id = i;
		vm->vcpu[i] = &fake_cpu.vcpu[i];
	}
}

#endif /* TESTS_FAKE_PLATFORM_H */
