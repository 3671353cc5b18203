// SPDX-License-Identifier: GPL-2.0-only
/*
 * The core's devices, queues and event channels, as pvk_core.ko compiles them, on
 * a host that is a function of this file: it refuses to reset a device, does not
 * answer, does not bind an event channel. Interrupts are real ones.
 */
#include "suites.h"

#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/export.h>
#include <linux/slab.h>

/* pvk_core.ko exports them; here they are the suite's own. */
#undef EXPORT_SYMBOL_GPL
#define EXPORT_SYMBOL_GPL(name)

#include "../../hypercall/linux/call.c"
#include "../../hypercall/linux/device.c"
#include "../../hypercall/linux/event.c"
#include "../../hypercall/linux/queue.c"

#define CHANNELS	4u

struct pvk_host pvk_host;
bool pvk_managed_irqs;

/* ---- the host ---- */

static struct {
	int reset;		/* what DEV_RESET answers */
	bool late;		/* an event while the device is being reset */
	int bind;		/* what EVENT_BIND answers, so many times */
	int bind_times;
	struct task_struct *task;
	unsigned int bind_calls;	/* of that task */
	struct pvk_event_bind bound[CHANNELS];
	char order[16];		/* of what happens: W recovery, R reset, U unbind */
} host;

static struct {
	struct pvk_device *pdev;
	struct pvk_driver driver;
	unsigned int irq;
	atomic_t events;
	atomic_t begun, recoveries;
	bool event_faults;	/* what the handler finds is wrong */
} guest;

static void note(char what)
{
	size_t n = strlen(host.order);

	if (n < sizeof(host.order) - 1)
		host.order[n] = what;
}

#define COMES	2000u	/* ms for an event that is to arrive */
#define MAY	100u	/* for one that is not */

/*
 * As the host does it: a message at the channel's present vector. Waits until the
 * handler was called.
 */
static void raise_event(unsigned int ms)
{
	struct irq_data *data = irq_get_irq_data(guest.irq);
	unsigned long end = jiffies + msecs_to_jiffies(ms);
	int was = atomic_read(&guest.events);

	if (data)
		data->chip->irq_retrigger(data);
	while (atomic_read(&guest.events) == was && time_before(jiffies, end))
		msleep(20);
}

static int fake_bind(u64 gpa)
{
	const struct pvk_event_bind *bind = phys_to_virt(gpa);

	if (current == host.task)
		host.bind_calls++;
	if (host.bind_times) {
		host.bind_times--;
		return host.bind;
	}
	if (bind->channel < CHANNELS)
		host.bound[bind->channel] = *bind;
	return 0;
}

int pvk_call(u32 nr, u64 a0, u64 a1, u64 a2, u64 a3)
{
	switch (nr) {
	case PVK_CALL_EVENT_BIND:
		return fake_bind(a0);
	case PVK_CALL_EVENT_UNBIND:
		note('U');
		return 0;
	case PVK_CALL_DEV_RESET:
		if (host.reset != -EAGAIN)
			note('R');
		if (host.late)
			raise_event(MAY);
		return host.reset;
	default:
		return 0;
	}
}

/* ---- the driver ---- */

static irqreturn_t handler(int irq, void *data)
{
	atomic_inc(&guest.events);
	if (guest.event_faults)
		pvk_dev_fault(guest.pdev);
	return IRQ_HANDLED;
}

static void recover_slowly(struct pvk_device *pdev)
{
	atomic_inc(&guest.begun);
	msleep(50);
	atomic_inc(&guest.recoveries);
	note('W');
}

/* A device in service, with one queue. */
static void begin(struct kunit *test)
{
	const struct pvk_queues_plan plan = {
		.nr = 1, .group = 1, .entries = { 8 }, .handler = handler,
	};

	KUNIT_ASSERT_EQ(test, pvk_queues_alloc(guest.pdev, &plan), 0);
	guest.irq = guest.pdev->queues[0].irq;
	KUNIT_ASSERT_EQ(test, pvk_dev_accept(guest.pdev, 0), 0);
	KUNIT_ASSERT_EQ(test, pvk_queues_setup(guest.pdev, 1), 0);
	KUNIT_ASSERT_EQ(test, pvk_dev_start(guest.pdev), 0);
	pvk_recovery_on(guest.pdev);
	raise_event(COMES);
	KUNIT_ASSERT_EQ(test, atomic_read(&guest.events), 1);
}

static void end(void)
{
	pvk_dev_retire(guest.pdev);
	pvk_queues_free(guest.pdev);
}

static void refused_reset_is_a_stop(struct kunit *test)
{
	begin(test);
	host.reset = -EIO;
	KUNIT_EXPECT_EQ(test, pvk_dev_reset(guest.pdev), -EIO);
	KUNIT_EXPECT_TRUE(test, guest.pdev->leaked);
	raise_event(MAY);
	KUNIT_EXPECT_EQ_MSG(test, atomic_read(&guest.events), 1, "an event is passed on");
	/* Its memory is not handed out again before it has stopped. */
	KUNIT_EXPECT_EQ(test, pvk_queues_setup(guest.pdev, 1), -EBUSY);
	host.reset = 0;
	KUNIT_EXPECT_EQ(test, pvk_dev_reset(guest.pdev), 0);
	KUNIT_EXPECT_EQ(test, pvk_queues_setup(guest.pdev, 1), 0);
	end();
}

static void apart_in_one_order(struct kunit *test)
{
	begin(test);
	memset(host.order, 0, sizeof(host.order));
	host.reset = -EIO;
	host.late = true;
	guest.event_faults = true;
	pvk_dev_fault(guest.pdev);
	while (!atomic_read(&guest.begun))
		msleep(20);
	pvk_dev_retire(guest.pdev);
	KUNIT_EXPECT_STREQ(test, host.order, "WRU");
	KUNIT_EXPECT_EQ(test, guest.pdev->queues[0].irq, 0u);
	/* Neither the late event's fault nor another one is heard. */
	pvk_dev_fault(guest.pdev);
	msleep(100);
	KUNIT_EXPECT_EQ(test, atomic_read(&guest.recoveries), 1);
	/* Once is enough. */
	pvk_dev_retire(guest.pdev);
	KUNIT_EXPECT_STREQ(test, host.order, "WRU");
	pvk_queues_free(guest.pdev);
}

static void silent_host_is_not_waited_for_again(struct kunit *test)
{
	ktime_t start = ktime_get();

	begin(test);
	host.reset = -EAGAIN;
	pvk_host.overdue = true;	/* it had its 60 s */
	KUNIT_EXPECT_EQ(test, pvk_dev_reset(guest.pdev), -ETIMEDOUT);
	KUNIT_EXPECT_LT(test, ktime_ms_delta(ktime_get(), start), 30000ll);
	KUNIT_EXPECT_TRUE(test, guest.pdev->leaked);
	KUNIT_EXPECT_TRUE(test, pvk_host.overdue);
	host.reset = 0;
	KUNIT_EXPECT_EQ(test, pvk_dev_reset(guest.pdev), 0);
	KUNIT_EXPECT_FALSE(test, pvk_host.overdue);
	end();
}

/* Does the host have the message of the interrupt as it is now? */
static bool follows(const struct pvk_irq *irq)
{
	struct irq_data *parent = irq_get_irq_data(irq->irq)->parent_data;
	struct msi_msg msg = {};

	parent->chip->irq_compose_msi_msg(parent, &msg);
	return host.bound[irq->channel].msi_data == msg.data &&
	       host.bound[irq->channel].msi_address ==
	       ((u64)msg.address_hi << 32 | msg.address_lo);
}

static void refused_channel_follows_later(struct kunit *test)
{
	struct pvk_irq irq;

	KUNIT_ASSERT_EQ(test, pvk_irq_alloc(&irq, NULL, false), 0);
	host.bind = -EIO;
	host.bind_times = 2;
	KUNIT_ASSERT_EQ(test, pvk_irq_request(&irq, handler, "pvk-test", &irq), 0);
	KUNIT_EXPECT_TRUE(test, follows(&irq));
	/* Moved, with a host that is busy: one call, and no waiting, under the lock. */
	host.bind = -EAGAIN;
	host.bind_times = 5;
	host.task = current;
	host.bind_calls = 0;
	KUNIT_EXPECT_EQ(test, irq_set_affinity(irq.irq, cpumask_of(num_online_cpus() - 1)), 0);
	KUNIT_EXPECT_LE(test, host.bind_calls, 1u);
	flush_work(&settle_work);
	KUNIT_EXPECT_TRUE(test, follows(&irq));
	guest.irq = irq.irq;
	raise_event(COMES);
	KUNIT_EXPECT_EQ(test, atomic_read(&guest.events), 1);
	free_irq(irq.irq, &irq);
	pvk_irq_free(&irq);
}

static void refused_channel_has_no_interrupt(struct kunit *test)
{
	struct pvk_irq irq;

	KUNIT_ASSERT_EQ(test, pvk_irq_alloc(&irq, NULL, false), 0);
	host.bind = -EINVAL;
	host.bind_times = INT_MAX;
	KUNIT_EXPECT_EQ(test, pvk_irq_request(&irq, handler, "pvk-test", &irq), -EINVAL);
	host.bind_times = 0;
	KUNIT_EXPECT_EQ(test, pvk_irq_request(&irq, handler, "pvk-test", &irq), 0);
	free_irq(irq.irq, &irq);
	pvk_irq_free(&irq);
}

static void release(struct device *dev)
{
	kfree(to_pvk_device(dev));
}

static int init(struct kunit *test)
{
	struct pvk_device *pdev = kzalloc(sizeof(*pdev), GFP_KERNEL);

	if (!pdev)
		return -ENOMEM;
	memset(&host, 0, sizeof(host));
	memset(&guest, 0, sizeof(guest));
	memset(&pvk_host, 0, sizeof(pvk_host));
	pvk_host.open = true;
	pvk_host.active = PVK_FEAT_EVENT | PVK_FEAT_BUS;
	pvk_host.offer.struct_size = PAGE_SIZE;
	guest.pdev = pdev;
	guest.driver.recover = recover_slowly;
	device_initialize(&pdev->dev);
	pdev->dev.release = release;
	pdev->dev.driver = &guest.driver.driver;
	pdev->info.max_queues = 1;
	pdev->info.max_entries = 8;
	pvk_host.dev = &pdev->dev;
	pvk_dev_init(pdev);
	return dev_set_name(&pdev->dev, "pvk-test") ?: pvk_event_init(CHANNELS);
}

static void clean(struct kunit *test)
{
	if (!guest.pdev)
		return;
	host.late = false;
	end();
	pvk_event_exit();
	pvk_host.dev = NULL;
	put_device(&guest.pdev->dev);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(refused_reset_is_a_stop),
	KUNIT_CASE(apart_in_one_order),
	KUNIT_CASE(silent_host_is_not_waited_for_again),
	KUNIT_CASE(refused_channel_follows_later),
	KUNIT_CASE(refused_channel_has_no_interrupt),
	{}
};

struct kunit_suite pvk_device_suite = {
	.name = "pvk_device",
	.init = init,
	.exit = clean,
	.test_cases = cases,
};
