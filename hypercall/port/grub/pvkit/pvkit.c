/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pvkit in GRUB: what lib/pvkit/port/os.h asks for; the host, opened when the module is
 * loaded; its console as a terminal; the TSC's frequency; halt and reboot. Before
 * another kernel is booted all is let go of, so that it finds the machine as at power-on.
 */
#include <grub/command.h>
#include <grub/dl.h>
#include <grub/err.h>
#include <grub/i386/tsc.h>
#include <grub/loader.h>
#include <grub/misc.h>
#include <grub/mm.h>
#include <grub/term.h>
#include <grub/terminfo.h>

#include "glue.h"

GRUB_MOD_LICENSE ("GPLv3+");

struct pvp_host grub_pvkit_host;
static struct pvp_console console;
static struct grub_preboot *preboot;
static grub_command_t cmd_halt, cmd_reboot;

/* ---- os.h: memory is mapped one to one, all of it ---- */

void *
pvp_os_alloc (__u32 bytes, __u64 *gpa)
{
  void *p = grub_memalign (PVP_PAGE, bytes);

  if (!p)
    {
      grub_errno = GRUB_ERR_NONE;
      return NULL;
    }
  grub_memset (p, 0, bytes);
  *gpa = (grub_addr_t) p;
  return p;
}

void
pvp_os_free (void *memory, __u32 bytes __attribute__ ((unused)))
{
  grub_free (memory);
}

void *
pvp_os_alloc_code (__u64 *gpa __attribute__ ((unused)))
{
  return NULL;
}

void *
pvp_os_map (__u64 gpa, __u32 bytes)
{
  return gpa < 0x100000000ULL && bytes <= 0x100000000ULL - gpa
    ? (void *) (grub_addr_t) gpa : NULL;
}

void
pvp_os_unmap (void *view __attribute__ ((unused)), __u32 bytes __attribute__ ((unused)))
{
}

__u64
pvp_os_gpa (const void *buffer, __u32 bytes __attribute__ ((unused)))
{
  return (grub_addr_t) buffer;
}

void
pvp_os_log (const char *text, __s64 value)
{
  grub_printf ("%s: %d\n", text, (int) value);
}

/* ---- the terminal ---- */

static void
put (struct grub_term_output *term __attribute__ ((unused)), const int c)
{
  const char byte = c;

  pvp_console_put (&console, &byte, 1);
}

static int
readkey (struct grub_term_input *term __attribute__ ((unused)))
{
  unsigned char byte;

  return pvp_console_get (&console, &byte, 1) ? byte : -1;
}

static struct grub_terminfo_input_state input_state = {
  .readkey = readkey,
};

static struct grub_terminfo_output_state output_state = {
  .put = put,
  .size = { 80, 24 },
};

static struct grub_term_input input = {
  .name = "pvkit",
  .init = grub_terminfo_input_init,
  .getkey = grub_terminfo_getkey,
  .data = &input_state,
};

static struct grub_term_output output = {
  .name = "pvkit",
  .init = grub_terminfo_output_init,
  .putchar = grub_terminfo_putchar,
  .getwh = grub_terminfo_getwh,
  .getxy = grub_terminfo_getxy,
  .gotoxy = grub_terminfo_gotoxy,
  .cls = grub_terminfo_cls,
  .setcolorstate = grub_terminfo_setcolorstate,
  .setcursor = grub_terminfo_setcursor,
  .flags = GRUB_TERM_CODE_TYPE_ASCII,
  .data = &output_state,
  .progress_update_divisor = GRUB_PROGRESS_SLOW,
};

/* ---- time, power ---- */

/* GRUB counted the TSC against a timer that may not be there.  */
static void
set_tsc_rate (void)
{
  struct pvp_info info;
  struct pvk_info_clock clock;

  if (pvp_info_open (&info, &grub_pvkit_host.offer))
    return;
  /* ms per 2^32 ticks  */
  if (pvp_info_clock (&info, &clock) == 0 && clock.tsc_khz > 1)
    grub_tsc_rate = grub_divmod64 (1ULL << 32, clock.tsc_khz, 0);
  pvp_info_close (&info);
}

static grub_err_t
power (grub_command_t cmd, int argc __attribute__ ((unused)),
       char **args __attribute__ ((unused)))
{
  int ret = pvp_power (&grub_pvkit_host, cmd == cmd_reboot ? PVK_POWER_REBOOT : PVK_POWER_OFF,
		       0, 0, "GRUB");

  if (ret)
    return grub_error (GRUB_ERR_IO, "the host refuses: %d", ret);
  while (1)
    asm volatile ("cli; hlt");
}

/* ---- begin and end ---- */

/* With the highest priority of those that still use devices: after them.  */
static grub_err_t
let_go (int noreturn __attribute__ ((unused)))
{
  grub_pvkit_net_close ();
  grub_pvkit_disk_close ();
  pvp_console_close (&console);
  pvp_close (&grub_pvkit_host);
  return GRUB_ERR_NONE;
}

/* The kernel came back, or was not booted.  */
static grub_err_t
take_again (void)
{
  if (pvp_open (&grub_pvkit_host, PVP_FEATURES) == 0)
    pvp_console_open (&console, &grub_pvkit_host);
  return GRUB_ERR_NONE;
}

GRUB_MOD_INIT (pvkit)
{
  if (pvp_open (&grub_pvkit_host, PVP_FEATURES))
    return;			/* no such host: all stays as it is */
  set_tsc_rate ();
  if (pvp_console_open (&console, &grub_pvkit_host) == 0)
    {
      grub_term_register_input_active ("pvkit", &input);
      grub_term_register_output_active ("pvkit", &output);
      grub_terminfo_output_register (&output, "vt100");
    }
  if (grub_pvkit_host.active & PVK_FEAT_BUS)
    {
      grub_pvkit_disk_init ();
      grub_pvkit_net_init ();
    }
  if (grub_pvkit_host.active & PVK_FEAT_POWER)
    {
      cmd_halt = grub_register_command_prio ("halt", power, 0, N_("Switch off."), 5);
      cmd_reboot = grub_register_command_prio ("reboot", power, 0, N_("Reboot."), 5);
    }
  preboot = grub_loader_register_preboot_hook (let_go, take_again,
					       GRUB_LOADER_PREBOOT_HOOK_PRIO_CONSOLE);
}

GRUB_MOD_FINI (pvkit)
{
  if (!preboot)
    return;
  grub_loader_unregister_preboot_hook (preboot);
  if (cmd_halt)
    grub_unregister_command (cmd_halt);
  if (cmd_reboot)
    grub_unregister_command (cmd_reboot);
  if (grub_pvkit_host.active & PVK_FEAT_BUS)
    {
      grub_pvkit_net_fini ();
      grub_pvkit_disk_fini ();
    }
  if (console.shared)
    {
      grub_terminfo_output_unregister (&output);
      grub_term_unregister_output (&output);
      grub_term_unregister_input (&input);
    }
  let_go (0);
}
