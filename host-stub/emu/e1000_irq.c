// SPDX-License-Identifier: BSD-2-Clause
/*
 * Interrupts of the 82540EM and their throttling (SDM 13.4.17 to 13.4.21). All
 * state is the chip's, under its lock; only the timer runs on its worker.
 */
#include "e1000.h"
#include "../util.h"

#define ITR_UNIT_NS	256u	/* SDM 13.4.18 */
#define ITR_INTERVAL	0xffffu

void e1000_interrupt(struct hs_e1000 *nic)
{
	bool off = hs_pci_command(&nic->pci) & PCI_COMMAND_INTX_OFF;
	bool want = nic->present && (*e1000_reg(nic, R_ICR) & *e1000_reg(nic, R_IMS));
	uint64_t now;

	if (want && !nic->line) {
		/*
		 * At most one interrupt in ITR * 256 ns: what is asked for
		 * earlier comes when that time is over.
		 */
		now = hs_now();
		if (now < nic->silent_until) {
			if (!nic->timer_running) {
				nic->timer_running = true;
				hs_worker_post(nic->worker, &nic->timer_work);
			}
			want = false;
		} else {
			nic->silent_until =
				now +
				(uint64_t)(*e1000_reg(nic, R_ITR) & ITR_INTERVAL) * ITR_UNIT_NS;
		}
	}
	nic->line = want;
	hs_pci_intx(nic->vm, &nic->pci, want, off);
}

static void timer_end(struct hs_e1000 *nic)
{
	nic->timer_running = false;
	pthread_cond_broadcast(&nic->quiet);
	e1000_interrupt(nic);
}

static void e1000_irq_timer_done(struct hs_worker_io *io, int res)
{
	struct hs_e1000 *nic = hs_container_of(io, struct hs_e1000, timer);

	(void)res;
	pthread_mutex_lock(&nic->lock);
	timer_end(nic);
	pthread_mutex_unlock(&nic->lock);
}

/* On the worker: waits, by its io_uring, until silent_until. */
static void timer_start(struct hs_work *work)
{
	struct hs_e1000 *nic = hs_container_of(work, struct hs_e1000, timer_work);
	struct io_uring_sqe *sqe;
	uint64_t now = hs_now();

	pthread_mutex_lock(&nic->lock);
	if (!nic->present || now >= nic->silent_until) {
		timer_end(nic);
		goto out;
	}
	sqe = hs_worker_sqe(nic->worker, &nic->timer);
	if (!sqe) {
		hs_worker_post(nic->worker, &nic->timer_work);	/* next round */
		goto out;
	}
	/* ITR has 16 bits: less than 17 ms */
	nic->timer_ns.tv_sec = 0;
	nic->timer_ns.tv_nsec = (long long)(nic->silent_until - now);
	sqe->opcode = IORING_OP_TIMEOUT;
	sqe->fd = -1;
	sqe->addr = (uintptr_t)&nic->timer_ns;
	sqe->len = 1;
out:
	pthread_mutex_unlock(&nic->lock);
}

void e1000_cause(struct hs_e1000 *nic, uint32_t causes)
{
	*e1000_reg(nic, R_ICR) |= causes & ICR_ALL;
	e1000_interrupt(nic);
}

void e1000_interrupt_init(struct hs_e1000 *nic)
{
	nic->timer.done = e1000_irq_timer_done;
	nic->timer_work.fn = timer_start;
}
