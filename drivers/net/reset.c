// SPDX-License-Identifier: GPL-2.0-only
/*
 * Into service, out of it, back after a fault, and on with other queues, rings
 * or buffers. All of it under RTNL.
 *
 * Going out of service first keeps senders and NAPI away, then resets the
 * device, and only then frees what was in flight: until the host has confirmed
 * the reset it may write to receive buffers. From a host that does not confirm
 * it the memory is kept for ever (pdev->leaked).
 *
 * Memory for the next state of things is there before the present one is given
 * up, so that a lack of it changes nothing.
 *
 * Meanwhile the interface is detached: a host may take a minute for a reset, and
 * to the kernel a queue that is stopped for so long under a carrier is a fault.
 */
#include <linux/rtnetlink.h>
#include <linux/slab.h>

#include "net.h"

int pvk_net_read_config(struct pvk_net *net, struct pvk_net_config *config)
{
	struct pvk_device *pdev = net->pdev;
	struct pvk_net_config c;
	int ret = pvk_dev_config(pdev, &c, sizeof(c));

	if (ret < 0)
		return ret;
	ret = pvk_net_check_config(&c, net->features);
	if (ret) {
		dev_err_ratelimited(&pdev->dev,
				    "the host's configuration is impossible: address %pM, MTU %u of %u, %u segments\n",
				    c.mac, c.mtu, c.max_mtu, c.max_segs);
		return ret;
	}
	*config = c;
	return 0;
}

/* ---- memory ---- */

/* Callable for what was made half. mem: of `pairs` pairs, or NULL. */
static void pvk_net_mem_free(struct pvk_net *net, struct pvk_net_mem *mem, u32 pairs)
{
	bool leaked = net->pdev->leaked;
	u32 i, k;

	for (i = 0; mem && i < pairs; i++) {
		struct pvk_net_mem *m = &mem[i];

		if (xdp_rxq_info_is_reg(&m->rxq))
			xdp_rxq_info_unreg(&m->rxq);
		/* A pool waits for its pages: it stays with those that are lost. */
		if (m->pool && !leaked)
			page_pool_destroy(m->pool);
		for (k = 0; m->lists && k < m->nr_lists && !leaked; k++)
			free_page((unsigned long)m->lists[k]);
		kvfree(m->lists);
		kvfree(m->slot);
		kvfree(m->page);
	}
	kvfree(mem);
}

static int pvk_net_mem_alloc_one(struct pvk_net *net, struct pvk_net_mem *m, u32 index,
				 const struct pvk_net_setup *setup)
{
	struct page_pool_params params = {
		.order = 0,
		.pool_size = setup->entries[0],
		.nid = NUMA_NO_NODE,
		.dev = &net->pdev->dev,
	};
	struct page_pool *pool;
	int ret;
	u32 k;

	m->rx_entries = setup->entries[0];
	m->tx_entries = setup->entries[1];
	m->nr_lists = DIV_ROUND_UP(m->tx_entries, PVK_NET_LISTS_PER_PAGE);
	m->slot = kvcalloc(m->tx_entries, sizeof(*m->slot), GFP_KERNEL);
	m->page = kvcalloc(m->rx_entries, sizeof(*m->page), GFP_KERNEL);
	m->lists = kvcalloc(m->nr_lists, sizeof(*m->lists), GFP_KERNEL);
	if (!m->slot || !m->page || !m->lists)
		return -ENOMEM;
	for (k = 0; k < m->nr_lists; k++) {
		m->lists[k] = (void *)__get_free_page(GFP_KERNEL);
		if (!m->lists[k])
			return -ENOMEM;
	}
	pvk_pool_belongs(&params, net->dev);
	pool = page_pool_create(&params);
	if (IS_ERR(pool))
		return PTR_ERR(pool);
	m->pool = pool;
	ret = xdp_rxq_info_reg(&m->rxq, net->dev, index, net->pairs[index].napi.napi_id);
	if (ret)
		return ret;
	return xdp_rxq_info_reg_mem_model(&m->rxq, MEM_TYPE_PAGE_POOL, pool);
}

/* Of setup->pairs pairs; NULL when there is not enough. Pairs with pvk_net_mem_free(). */
static struct pvk_net_mem *pvk_net_mem_alloc(struct pvk_net *net, const struct pvk_net_setup *setup)
{
	struct pvk_net_mem *mem = kvcalloc(setup->pairs, sizeof(*mem), GFP_KERNEL);
	u32 i;

	for (i = 0; mem && i < setup->pairs; i++) {
		if (pvk_net_mem_alloc_one(net, &mem[i], i, setup)) {
			/* Nothing of it was ever the host's, whatever it keeps. */
			pvk_net_mem_free(net, mem, setup->pairs);
			return NULL;
		}
	}
	return mem;
}

/* ---- out of service, and into it ---- */

/* RUNNING -> STOPPED; net->mem stays, empty. */
static void pvk_net_bring_down(struct pvk_net *net)
{
	u32 pairs = net->setup.pairs;
	u32 i;

	for (i = 0; i < pairs; i++) {
		struct pvk_net_tx *tx = &net->pairs[i].tx;

		__netif_tx_lock_bh(tx->nq);
		tx->live = false;
		netif_tx_stop_queue(tx->nq);
		__netif_tx_unlock_bh(tx->nq);
	}
	cancel_delayed_work_sync(&net->watch);
	for (i = 0; i < pairs; i++) {
		napi_disable(&net->pairs[i].napi);
		cancel_delayed_work_sync(&net->pairs[i].refill);
	}
	pvk_dev_reset(net->pdev);	/* says so when it fails; see pdev->leaked */
	for (i = 0; i < pairs; i++) {
		struct pvk_net_tx *tx = &net->pairs[i].tx;

		__netif_tx_lock_bh(tx->nq);
		pvk_net_tx_drop_all(tx);
		__netif_tx_unlock_bh(tx->nq);
		pvk_net_rx_drop_all(&net->pairs[i].rx);
	}
	WRITE_ONCE(net->state, PVK_NET_STOPPED);
}

/*
 * In state RUNNING, so that a change under way at the same time is not lost:
 * set_rx_mode() sends nothing before.
 */
static void pvk_net_send_filter(struct pvk_net *net)
{
	int ret;

	netif_addr_lock_bh(net->dev);
	ret = pvk_net_send_rx_mode(net);
	netif_addr_unlock_bh(net->dev);
	if (ret)
		dev_warn(&net->pdev->dev, "%s: the filter of addresses is not set: error %d\n",
			 net->dev->name, -ret);
}

/* Device RESET, mem empty: RESET -> RUNNING; on -errno mem is empty again. */
static int pvk_net_bring_up(struct pvk_net *net, struct pvk_net_mem *mem)
{
	struct pvk_device *pdev = net->pdev;
	u32 pairs = net->setup.pairs;
	u32 i;
	int ret;

	if (pdev->leaked)
		return -EIO;
	for (i = 0; i < pairs; i++) {
		pvk_net_tx_begin(&net->pairs[i].tx, &mem[i]);
		pvk_net_rx_begin(&net->pairs[i].rx, &mem[i]);
	}
	ret = pvk_dev_accept(pdev, net->features);
	if (!ret)
		ret = pvk_queues_setup(pdev, pairs * 2);
	if (!ret)
		ret = pvk_net_send_offloads(net, net->dev->features);
	if (!ret)
		ret = pvk_net_send_rss(net, &net->rss);
	if (!ret)
		ret = pvk_dev_start(pdev);
	for (i = 0; !ret && i < pairs; i++)
		ret = pvk_net_rx_fill(&net->pairs[i].rx, GFP_KERNEL) ? 0 : -ENOMEM;
	if (ret)
		goto err;

	net->mem = mem;
	WRITE_ONCE(net->stuck, false);
	WRITE_ONCE(net->state, PVK_NET_RUNNING);
	pvk_net_send_filter(net);
	for (i = 0; i < pairs; i++) {
		struct pvk_net_tx *tx = &net->pairs[i].tx;

		__netif_tx_lock_bh(tx->nq);
		tx->live = true;
		__netif_tx_unlock_bh(tx->nq);
		napi_enable(&net->pairs[i].napi);
		/* An event may have come before that. */
		local_bh_disable();
		napi_schedule(&net->pairs[i].napi);
		local_bh_enable();
	}
	netif_tx_wake_all_queues(net->dev);
	schedule_delayed_work(&net->watch, PVK_NET_WATCH);	/* until pvk_net_bring_down() */
	return 0;

err:
	for (i = 0; i < pairs; i++)
		cancel_delayed_work_sync(&net->pairs[i].refill);
	pvk_dev_reset(pdev);
	for (i = 0; i < pairs; i++)
		pvk_net_rx_drop_all(&net->pairs[i].rx);
	dev_err(&pdev->dev, "%s: the device does not start: error %d\n", net->dev->name, -ret);
	return ret;
}

int pvk_net_up(struct pvk_net *net)
{
	struct pvk_net_mem *mem;
	int ret;

	/* It may need one since the last time: the host lost its back end, or hung. */
	ret = pvk_dev_reset(net->pdev);
	if (ret)
		return ret;
	mem = pvk_net_mem_alloc(net, &net->setup);
	if (!mem)
		return -ENOMEM;
	atomic_set(&net->faults, 0);
	ret = pvk_net_bring_up(net, mem);
	if (ret)
		pvk_net_mem_free(net, mem, net->setup.pairs);
	else
		pvk_net_show_link(net);
	return ret;
}

void pvk_net_down(struct pvk_net *net)
{
	if (net->state == PVK_NET_RUNNING)
		pvk_net_bring_down(net);
	pvk_net_mem_free(net, net->mem, net->setup.pairs);
	net->mem = NULL;
	net->state = PVK_NET_STOPPED;
	pvk_net_show_link(net);
}

/* ---- with other queues, rings or buffers ---- */

/* Each CPU sends by the pair whose interrupt it serves. */
void pvk_net_set_xps(struct pvk_net *net)
{
	u32 pairs = net->setup.pairs;
	cpumask_var_t mask;
	u32 i, k;

	if (!zalloc_cpumask_var(&mask, GFP_KERNEL))
		return;		/* the stack then chooses by hash */
	for (i = 0; i < pairs; i++) {
		cpumask_clear(mask);
		/* CPUs whose own pair is not in use share those that are. */
		for (k = i; k < net->max_pairs; k += pairs)
			cpumask_or(mask, mask, net->pairs[k].tx.q->affinity);
		netif_set_xps_queue(net->dev, mask, i);
	}
	free_cpumask_var(mask);
}

/*
 * Device in RESET: rings (NULL: those that there are) and number of queues as in
 * want; net->setup is then that. On -errno rings and setup are as they were.
 */
static int pvk_net_apply(struct pvk_net *net, const struct pvk_net_setup *want,
			 struct pvk_rings *rings)
{
	const u32 pairs = net->setup.pairs;
	int ret = rings ? pvk_rings_swap(net->pdev, rings) : 0;

	if (ret)
		return ret;
	ret = netif_set_real_num_queues(net->dev, want->pairs, want->pairs);
	if (ret) {
		if (rings)
			pvk_rings_swap(net->pdev, rings);
		return ret;
	}
	WRITE_ONCE(net->setup.pairs, want->pairs);
	memcpy(net->setup.entries, want->entries, sizeof(want->entries));
	net->setup.prog = want->prog;
	rcu_assign_pointer(net->xdp_prog, want->prog);
	if (!netif_is_rxfh_configured(net->dev))
		pvk_net_spread(net->rss.table, want->pairs);
	/* Only then: with the same pairs it is the user's, who may have set it. */
	if (want->pairs != pairs)
		pvk_net_set_xps(net);
	return 0;
}

/* No way to go on: down and up by the user tries again. */
static void pvk_net_give_up(struct pvk_net *net, int err)
{
	net->state = PVK_NET_DEAD;
	netif_carrier_off(net->dev);
	dev_err(&net->pdev->dev, "%s: given up (error %d); 'ip link set %s down' and 'up' tries again\n",
		net->dev->name, -err, net->dev->name);
}

/* In service. rings, mem: as want has it, in use or given back afterwards. */
static int pvk_net_exchange(struct pvk_net *net, const struct pvk_net_setup *want,
			    struct pvk_rings *rings, struct pvk_net_mem *mem)
{
	const struct pvk_net_setup was = net->setup;
	struct pvk_net_mem *old = net->mem;
	int ret, err;

	pvk_net_bring_down(net);
	ret = pvk_net_apply(net, want, rings);
	if (!ret) {
		ret = pvk_net_bring_up(net, mem);
		if (!ret) {
			pvk_net_mem_free(net, old, was.pairs);
			pvk_net_show_link(net);
			return 0;
		}
		err = pvk_net_apply(net, &was, rings);
		if (err) {
			/* Dead with what net->setup says, but for the program. */
			net->setup.prog = was.prog;
			rcu_assign_pointer(net->xdp_prog, was.prog);
			pvk_net_mem_free(net, old, was.pairs);
			net->mem = mem;
			pvk_net_give_up(net, err);
			return ret;
		}
	}
	pvk_net_mem_free(net, mem, want->pairs);
	err = pvk_net_bring_up(net, old);
	if (err)
		pvk_net_give_up(net, err);
	else
		pvk_net_show_link(net);
	return ret;
}

int pvk_net_reconfigure(struct pvk_net *net, const struct pvk_net_setup *want)
{
	struct pvk_rings *rings = NULL;
	struct pvk_net_mem *mem;
	int ret = -ENOMEM;

	if (net->state != PVK_NET_RUNNING && net->mem)
		return -EIO;	/* dead: it is to be set down first */
	if (memcmp(net->setup.entries, want->entries, sizeof(want->entries)))
		rings = pvk_rings_alloc(net->pdev, want->entries);
	if (IS_ERR(rings))
		return PTR_ERR(rings);
	if (net->state != PVK_NET_RUNNING) {
		ret = pvk_net_apply(net, want, rings);
	} else {
		mem = pvk_net_mem_alloc(net, want);
		if (mem) {
			netif_device_detach(net->dev);
			ret = pvk_net_exchange(net, want, rings, mem);
			netif_device_attach(net->dev);
		}
	}
	pvk_rings_free(rings);
	return ret;
}

/* ---- faults ---- */

void pvk_net_malformed(struct pvk_net *net, const struct pvk_queue *q, const struct pvk_cqe *e)
{
	atomic64_inc(&net->malformed);
	dev_err_ratelimited(&net->pdev->dev,
			    "queue %u: completion that the ABI does not allow (id %u, op %u, flags 0x%x, status %d, value 0x%llx): resetting the device\n",
			    q->index, e->id, e->op, e->flags, e->status, e->value);
	pvk_dev_fault(net->pdev);
}

/* A time limit ran out: said once, and the device is reset. Any context. */
static void pvk_net_stuck(struct pvk_net *net, u32 index)
{
	if (xchg(&net->stuck, true))
		return;		/* recovery may wait, for RTNL for instance */
	netdev_err(net->dev, "transmit queue %u: %u frames not answered in time: resetting the device\n",
		   index, READ_ONCE(net->pairs[index].tx.in_flight));
	/* One that is not heard, as the driver is just being bound, is asked for again. */
	if (!pvk_dev_fault(net->pdev))
		WRITE_ONCE(net->stuck, false);
}

/*
 * Not what pvk_net_watch_work() is for, which looks more often, and at queues that
 * are not stopped, too. What is left: an event that was lost, and a fault that
 * nobody heard of.
 */
void pvk_net_tx_timeout(struct net_device *dev, unsigned int index)
{
	struct pvk_net *net = netdev_priv(dev);

	if (pvk_net_tx_missed(&net->pairs[index].tx))
		netdev_warn(dev, "transmit queue %u: completions came without an event\n", index);
	else
		pvk_net_stuck(net, index);
}

void pvk_net_watch_work(struct work_struct *work)
{
	struct pvk_net *net = container_of(to_delayed_work(work), struct pvk_net, watch);
	u32 i;

	/* setup.pairs changes out of service only, when this does not run */
	for (i = 0; i < net->setup.pairs; i++) {
		struct pvk_net_tx *tx = &net->pairs[i].tx;

		if (pvk_net_tx_stalled(tx)) {
			pvk_net_stuck(net, i);
			break;
		}
	}
	schedule_delayed_work(&net->watch, PVK_NET_WATCH);
}

void pvk_net_recover(struct pvk_device *pdev)
{
	struct pvk_net *net = pvk_get_drvdata(pdev);
	unsigned int faults;
	int ret = -EIO;

	rtnl_lock();
	if (net->state != PVK_NET_RUNNING || net->away)
		goto unlock;
	net->resets++;
	netif_device_detach(net->dev);
	pvk_net_bring_down(net);
	faults = atomic_inc_return(&net->faults);
	if (faults <= PVK_NET_MAX_FAULTS)
		ret = pvk_net_bring_up(net, net->mem);
	if (ret) {
		pvk_net_give_up(net, ret);
	} else {
		pvk_net_show_link(net);
		dev_info_ratelimited(&net->pdev->dev, "%s: works again after a reset\n",
				     net->dev->name);
	}
	netif_device_attach(net->dev);
unlock:
	rtnl_unlock();
}
