/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Network cards of a pvkit host: pvn0, pvn1, ... GRUB polls. A card is opened at once, as
 * its address is in the host's configuration, and closed while nobody uses it.
 */
#include <grub/err.h>
#include <grub/misc.h>
#include <grub/net.h>
#include <grub/net/netbuff.h>
#include <grub/time.h>

#include "glue.h"

#define SEND_MS 200		/* that a full card is waited for */

static struct
{
  struct pvp_net net;
  struct grub_net_card card;
  char name[8];
  int open;
} cards[GRUB_PVKIT_DEVICES];

static grub_err_t
open (struct grub_net_card *card)
{
  const int i = card->data_num;
  int ret;

  if (cards[i].open)
    return GRUB_ERR_NONE;
  ret = pvp_net_open (&cards[i].net, &grub_pvkit_host, i, PVK_CHANNEL_NONE);
  if (ret)
    return grub_error (GRUB_ERR_IO, "pvkit card %s does not open: %d", card->name, ret);
  cards[i].open = 1;
  return GRUB_ERR_NONE;
}

static void
close (struct grub_net_card *card)
{
  const int i = card->data_num;

  if (cards[i].open)
    pvp_net_close (&cards[i].net);
  cards[i].open = 0;
}

static grub_err_t
send (struct grub_net_card *card, struct grub_net_buff *pack)
{
  const int i = card->data_num;
  const grub_uint64_t begin = grub_get_time_ms ();
  int ret;

  /* It was closed for a kernel that came back.  */
  if (!cards[i].open && open (card))
    return grub_errno;

  do
    ret = pvp_net_send (&cards[i].net, pack->data, pack->tail - pack->data);
  while (ret == -PVK_EAGAIN && grub_get_time_ms () - begin < SEND_MS);
  if (ret)
    return grub_error (GRUB_ERR_IO, N_("couldn't send network packet"));
  return GRUB_ERR_NONE;
}

static struct grub_net_buff *
recv (struct grub_net_card *card)
{
  const int i = card->data_num;
  struct grub_net_buff *nb;
  int ret;

  if (!cards[i].open && open (card))
    {
      grub_errno = GRUB_ERR_NONE;
      return NULL;
    }
  /* Looking costs nothing; a buffer does.  */
  if (cards[i].net.rx.broken || !pvk_cq_pending (&cards[i].net.rx.cq))
    return NULL;
  nb = grub_netbuff_alloc (PVP_NET_FRAME + 2);
  if (!nb)
    return NULL;
  /* So that the IP header is at a multiple of 4.  */
  if (grub_netbuff_reserve (nb, 2))
    {
      grub_netbuff_free (nb);
      return NULL;
    }
  ret = pvp_net_receive (&cards[i].net, nb->data, PVP_NET_FRAME);
  if (ret <= 0 || ret > (int) PVP_NET_FRAME || grub_netbuff_put (nb, ret))
    {
      grub_netbuff_free (nb);
      return NULL;
    }
  return nb;
}

static struct grub_net_card_driver driver = {
  .name = "pvkit",
  .open = open,
  .close = close,
  .send = send,
  .recv = recv,
};

void
grub_pvkit_net_init (void)
{
  unsigned i;

  for (i = 0; i < GRUB_PVKIT_DEVICES; i++)
    {
      struct grub_net_card *card = &cards[i].card;

      if (pvp_net_open (&cards[i].net, &grub_pvkit_host, i, PVK_CHANNEL_NONE))
	break;
      grub_snprintf (cards[i].name, sizeof (cards[i].name), "pvn%u", i);
      card->name = cards[i].name;
      card->driver = &driver;
      card->mtu = 1500;
      card->data_num = i;
      card->default_address.type = GRUB_NET_LINK_LEVEL_PROTOCOL_ETHERNET;
      grub_memcpy (card->default_address.mac, cards[i].net.config.mac, 6);
      card->idle_poll_delay_ms = 10;
      pvp_net_close (&cards[i].net);
      grub_net_card_register (card);
    }
}

void
grub_pvkit_net_close (void)
{
  unsigned i;

  for (i = 0; i < GRUB_PVKIT_DEVICES; i++)
    if (cards[i].open)
      close (&cards[i].card);
}

void
grub_pvkit_net_fini (void)
{
  unsigned i;

  grub_pvkit_net_close ();
  for (i = 0; i < GRUB_PVKIT_DEVICES; i++)
    if (cards[i].card.name)
      grub_net_card_unregister (&cards[i].card);
}
