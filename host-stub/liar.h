/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a test build of the stub (make -C host-stub LIAR=1) may lie to its
 * guest: what a hostile host could say through the contract. tests/liar/lie.c
 * decides; docs/testing.md says how to ask it. In any other build nothing of
 * this is left.
 */
#ifndef HS_LIAR_H
#define HS_LIAR_H

#ifdef HS_LIAR
#include "../hypercall/ring.h"
#include "hs.h"

struct hs_pv_queue;

/* An answer on its way into the ring: true when the liar has dealt with it. Worker's thread. */
bool hs_liar_answer(struct hs_pv_queue *q, union pvk_cqe_words *e);
/* A request that was taken: true when it must not touch the guest's memory. Worker's thread. */
bool hs_liar_skips(struct hs_pv_queue *q, uint16_t id);
/* A call: true when it is not to be served, *status is the answer. pv->lock held. */
bool hs_liar_refuses(struct hs_pv *pv, uint64_t number, const uint64_t arg[4], int64_t *status);
/* What a call that was served answers. pv->lock held. */
int64_t hs_liar_status(uint64_t number, int64_t status);
/* A structure that the last call answers with. pv->lock held. */
void hs_liar_struct(void *copy, uint64_t size);
/* An event: true when the liar has dealt with it. Any thread. */
bool hs_liar_event(struct hs_irq *irq, unsigned int n);
void hs_liar_page(uint8_t *page, uint32_t bytes);
void hs_liar_offer(uint32_t index, uint32_t reg[4]);
void hs_liar_console(struct pvk_console *ctl);
#else
#define hs_liar_answer(q, e)	false
#define hs_liar_skips(q, id)	false
#define hs_liar_refuses(pv, number, arg, status)	false
#define hs_liar_status(number, status)	(status)
#define hs_liar_struct(copy, size)	((void)0)
#define hs_liar_event(irq, n)	false
#define hs_liar_page(page, bytes)	((void)0)
#define hs_liar_offer(index, reg)	((void)0)
#define hs_liar_console(ctl)	((void)0)
#endif

#endif /* HS_LIAR_H */
