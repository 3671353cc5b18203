/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The commands of the control socket: see live.h. A command is one row of the table and
 * its handler; docs/debugging.md says what each does.
 */
#include "live.h"

#include <string.h>

#include "control.h"
#include "emu/emu.h"
#include "options.h"
#include "pv/pv.h"
#include "vm.h"

#define PAUSE_NS	2000000000u	/* until all vCPUs stand still */

/* A paused VM goes on, and its clocks learn that it stood still. */
static void live_go_on(struct hs_vm *vm)
{
	if (hs_park_holds(vm, HS_HELD_BY_USER))
		hs_park_release(vm, HS_HELD_BY_USER, UINT32_MAX, true);
}

void hs_live_ask_power_off(struct hs_vm *vm)
{
	live_go_on(vm);
	if (vm->pv && hs_pv_ask_power_off(vm->pv))
		return;
	if (vm->config->machine == HS_MACHINE_PC)
		hs_acpi_power_button(vm);
	else
		hs_vm_stop(vm, HS_STOP_SIGNAL);
}

static void live_version(void *opaque, FILE *out)
{
	(void)opaque;
	fprintf(out, "{\"program\": \"pvkit-vm %s\", \"protocol\": %u, \"abi\": \"%u.%u\"}",
		PVK_RELEASE, HS_CONTROL_PROTOCOL, PVK_VERSION_MAJOR(PVK_ABI_VERSION),
		PVK_VERSION_MINOR(PVK_ABI_VERSION));
}

static void live_status(void *opaque, FILE *out)
{
	struct hs_live *live = opaque;
	unsigned long long entered = atomic_load(&live->vm->run->entered);

	fprintf(out, "{\"state\": \"%s\", \"boot\": %u, \"uptime_ns\": %llu, \"vcpus\": %u}",
		hs_park_holds(live->vm, HS_HELD_BY_USER) ? "paused" : "running", live->boot,
		entered ? hs_now() - entered : 0, live->vm->config->vcpus);
}

static void live_stats(void *opaque, FILE *out)
{
	struct hs_live *live = opaque;

	live->stats(live, out);
}

static void live_pause(void *opaque, FILE *out)
{
	struct hs_live *live = opaque;
	int ret = hs_park_holds(live->vm, HS_HELD_BY_USER) ? 0 :
		  hs_park_all(live->vm, HS_HELD_BY_USER, PAUSE_NS);

	if (ret < 0)
		hs_command_error(out, "a vCPU does not stop: %s: the VM goes on", strerror(-ret));
	else
		live_status(opaque, out);
}

static void live_resume(void *opaque, FILE *out)
{
	struct hs_live *live = opaque;

	live_go_on(live->vm);
	live_status(opaque, out);
}

static void live_reboot(void *opaque, FILE *out)
{
	struct hs_live *live = opaque;

	hs_vm_stop(live->vm, HS_STOP_REBOOT);
	live_status(opaque, out);
}

static void live_power_off(void *opaque, FILE *out)
{
	struct hs_live *live = opaque;

	hs_live_ask_power_off(live->vm);
	live_status(opaque, out);
}

static void live_log(void *opaque, FILE *out)
{
	const char *level, *area;

	(void)opaque;
	for (unsigned int n = 0; (area = hs_log_area(n, &level)) != NULL; n++)
		fprintf(out, "%s\"%s\": \"%s\"", n ? ", " : "{", area, level);
	fputc('}', out);
}

static void live_set_log(void *opaque, const char *levels, FILE *out)
{
	const char *wrong;

	if (hs_log_levels(levels, &wrong) < 0)
		hs_command_error(out, "'%s' is no AREA=off|error|note|debug", wrong);
	else
		live_log(opaque, out);
}

static const struct hs_command commands[] = {
	{ "version", live_version, NULL, NULL },
	{ "status", live_status, NULL, NULL },
	{ "stats", live_stats, NULL, NULL },
	{ "pause", live_pause, NULL, NULL },
	{ "resume", live_resume, NULL, NULL },
	{ "log", live_log, "levels", live_set_log },
	{ "reboot", live_reboot, NULL, NULL },
	{ "power-off", live_power_off, NULL, NULL },
	{ NULL, NULL, NULL, NULL },
};

void hs_live_answer(void *opaque, const char *line, size_t len, FILE *out)
{
	hs_command_run(commands, opaque, line, len, out);
}
