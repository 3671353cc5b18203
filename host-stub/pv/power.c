// SPDX-License-Identifier: BSD-2-Clause
/*
 * Power (abi/power.h): what the guest says last, and what the user asks of it.
 * The text is the guest's: it is copied, cut to its length and made printable
 * before anything else sees it.
 */
#include <string.h>

#include "pv_priv.h"

static const char * const did[] = {
	[PVK_POWER_OFF] = "switches off",
	[PVK_POWER_REBOOT] = "reboots",
	[PVK_POWER_PANIC] = "panics",
};

/* The guest's words, for people; stored with the VM for the statistics. */
static void power_keep(struct hs_last_words *words, const struct pvk_power *power)
{
	words->op = power->op;
	words->code = power->code;
	for (uint32_t i = 0; i < power->length; i++) {
		uint8_t c = power->text[i];

		words->text[i] = c >= ' ' && c <= '~' ? (char)c : '?';
	}
	words->text[power->length] = 0;
}

/* The last words of the process are always said; those before each reboot are bounded. */
static void power_say(const struct hs_last_words *words, bool goes_on, bool last)
{
	const char *more = goes_on ? " and goes on" : "", *colon = *words->text ? ": " : "";

	if (last)
		hs_note("guest %s%s%s%s (code %u)", did[words->op], more, colon, words->text,
			words->code);
	else
		hs_note_from(HS_LOG_POWER, "guest %s%s%s%s (code %u)", did[words->op], more, colon,
			     words->text, words->code);
}

int64_t hs_pv_power(struct hs_pv *pv, const uint64_t arg[4])
{
	struct hs_last_words *words = &pv->vm->last_words;
	struct pvk_power power;
	int ret = hs_pv_struct_in(pv, arg[0], arg[1], &power, sizeof(power));
	bool goes_on, said, last;

	if (ret < 0)
		return ret;
	goes_on = power.flags & PVK_POWER_GOES_ON;
	if (power.op < PVK_POWER_OFF || power.op > PVK_POWER_PANIC ||
	    power.flags & ~PVK_POWER_GOES_ON || (goes_on && power.op != PVK_POWER_PANIC) ||
	    power.length > PVK_POWER_TEXT || power.reserved)
		return -PVK_EINVAL;
	/* What ends the VM is said once: another vCPU, or the rest of a batch, may ask again. */
	if (pv->ended)
		return 0;
	pv->ended = !goes_on;
	(void)hs_pv_console_drain(pv);
	said = goes_on && words->op == PVK_POWER_PANIC;	/* a guest that panics on and on */
	power_keep(words, &power);
	last = !goes_on && power.op != PVK_POWER_REBOOT;
	if (!said && (power.op == PVK_POWER_PANIC || power.length || power.code))
		power_say(words, goes_on, last);
	if (power.op == PVK_POWER_OFF)
		hs_vm_stop(pv->vm, HS_STOP_POWEROFF);
	else if (power.op == PVK_POWER_REBOOT)
		hs_vm_stop(pv->vm, HS_STOP_REBOOT);
	else if (!goes_on)
		hs_vm_stop(pv->vm, HS_STOP_PANIC);
	return 0;
}

int64_t hs_pv_power_request(struct hs_pv *pv, const uint64_t arg[4])
{
	(void)arg;
	return atomic_exchange(&pv->power_request, PVK_POWER_NONE);
}

bool hs_pv_ask_power_off(struct hs_pv *pv)
{
	atomic_store(&pv->power_request, PVK_POWER_OFF);
	return hs_pv_event_raise_fixed(pv, PVK_CHANNEL_POWER);
}
