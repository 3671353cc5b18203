/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disks of a pvkit host: pvd0, pvd1, ... A disk is opened when it is first used, and
 * stays open until another kernel is booted.
 */
#include <grub/disk.h>
#include <grub/err.h>
#include <grub/misc.h>

#include "glue.h"

static struct
{
  struct pvp_blk blk;
  char name[8];
  int known;			/* the host has it */
  int open;
} disks[GRUB_PVKIT_DEVICES];

static int
iterate (grub_disk_dev_iterate_hook_t hook, void *hook_data, grub_disk_pull_t pull)
{
  unsigned i;

  if (pull != GRUB_DISK_PULL_NONE)
    return 0;
  for (i = 0; i < GRUB_PVKIT_DEVICES; i++)
    if (disks[i].known && hook (disks[i].name, hook_data))
      return 1;
  return 0;
}

static grub_err_t
open (const char *name, grub_disk_t disk)
{
  unsigned i;
  int ret;

  for (i = 0; i < GRUB_PVKIT_DEVICES; i++)
    if (disks[i].known && grub_strcmp (name, disks[i].name) == 0)
      break;
  if (i == GRUB_PVKIT_DEVICES)
    return grub_error (GRUB_ERR_UNKNOWN_DEVICE, "no pvkit disk");
  if (!disks[i].open)
    {
      ret = pvp_blk_open (&disks[i].blk, &grub_pvkit_host, i, PVK_CHANNEL_NONE);
      if (ret)
	return grub_error (GRUB_ERR_IO, "pvkit disk %s does not open: %d", name, ret);
      disks[i].open = 1;
    }
  for (disk->log_sector_size = 9;
       (1U << disk->log_sector_size) < disks[i].blk.config.logical_block;
       disk->log_sector_size++)
    ;
  disk->total_sectors = disks[i].blk.config.sectors >> (disk->log_sector_size - 9);
  disk->max_agglomerate = 1048576 >> (GRUB_DISK_SECTOR_BITS + GRUB_DISK_CACHE_BITS);
  disk->id = i;
  disk->data = &disks[i];
  return GRUB_ERR_NONE;
}

static grub_err_t
transfer (grub_disk_t disk, __u8 op, grub_disk_addr_t sector, grub_size_t size, void *buf)
{
  const unsigned i = disk->id;
  int ret;

  /* The cursor in the cache may outlive the device: a kernel that came back.  */
  if (!disks[i].open)
    return grub_error (GRUB_ERR_IO, "pvkit disk %s was closed", disks[i].name);
  ret = pvp_blk_do (&disks[i].blk, op, (__u64) sector << (disk->log_sector_size - 9), buf,
		    (__u32) size << disk->log_sector_size, GRUB_PVKIT_TIMEOUT);
  if (ret)
    return grub_error (op == PVK_BLK_READ ? GRUB_ERR_READ_ERROR : GRUB_ERR_WRITE_ERROR,
		       "pvkit disk %s: error %d", disks[i].name, ret);
  return GRUB_ERR_NONE;
}

static grub_err_t
read (grub_disk_t disk, grub_disk_addr_t sector, grub_size_t size, char *buf)
{
  return transfer (disk, PVK_BLK_READ, sector, size, buf);
}

static grub_err_t
write (grub_disk_t disk, grub_disk_addr_t sector, grub_size_t size, const char *buf)
{
  union
  {
    const char *in;
    void *out;
  } u = { .in = buf };

  return transfer (disk, PVK_BLK_WRITE, sector, size, u.out);
}

static struct grub_disk_dev disk_dev = {
  .name = "pvkit",
  .id = GRUB_DISK_DEVICE_PVKIT_ID,
  .disk_iterate = iterate,
  .disk_open = open,
  .disk_read = read,
  .disk_write = write,
};

void
grub_pvkit_disk_init (void)
{
  struct pvk_dev_info info;
  int n = pvp_bus_devices (&grub_pvkit_host), i;
  unsigned found = 0;

  for (i = 0; i < n && found < GRUB_PVKIT_DEVICES; i++)
    {
      if (pvp_bus_info (&grub_pvkit_host, i, &info) || info.type != PVK_DEV_BLK)
	continue;
      disks[found].known = 1;
      grub_snprintf (disks[found].name, sizeof (disks[found].name), "pvd%u", found);
      found++;
    }
  grub_disk_dev_register (&disk_dev);
}

void
grub_pvkit_disk_close (void)
{
  unsigned i;

  for (i = 0; i < GRUB_PVKIT_DEVICES; i++)
    {
      if (disks[i].open)
	pvp_blk_close (&disks[i].blk);
      disks[i].open = 0;
    }
}

void
grub_pvkit_disk_fini (void)
{
  grub_pvkit_disk_close ();
  grub_disk_dev_unregister (&disk_dev);
}
