// SPDX-License-Identifier: BSD-2-Clause
/*
 * How long vm->lock is held (host-stub/hold.h): the worst that guests can do, and that
 * nobody waits for something else with the lock held.
 *
 * The clock is the monotonic one without the time that a thread was ready to run and
 * did not (/proc/thread-self/schedstat): the CPU time of who holds the lock, and
 * whatever it waits for. So a loaded machine does not show, and a wait does.
 */
/* LINK: host-stub/emu/e1000.c host-stub/emu/e1000_irq.c host-stub/emu/e1000_eeprom.c host-stub/emu/e1000_tx.c host-stub/emu/e1000_frame.c host-stub/emu/e1000_rx.c host-stub/emu/pci.c host-stub/emu/ide.c host-stub/emu/ide_cmd.c host-stub/emu/uart.c host-stub/console.c host-stub/writer.c host-stub/output.c host-stub/net/net_soft.c host-stub/disk/disk.c host-stub/disk/disk_open.c host-stub/worker.c host-stub/mem.c host-stub/io.c host-stub/log.c host-stub/thread.c */
/* LIBS: -luring -lpthread -Wl,--wrap=ioctl */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "e1000_guest.h"
#include "host-stub/console.h"
#include "host-stub/writer.h"
#include "ide_guest.h"

#define MOST_NS		5000000ull
#define IO_PORT		HS_PORT_NIC(0)
#define CTRL_RST	(1u << 26)
#define ROUNDS		3u
#define SECONDS		(getenv("PVKIT_LONG") ? 20u : 1u)	/* a round */

/* ns that this thread waited for a CPU */
static uint64_t delayed(void)
{
	static _Thread_local int fd = -1;
	unsigned long long ran, waited = 0;
	char text[80];
	ssize_t n;

	if (fd < 0)
		fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
	n = pread(fd, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = 0;
	return sscanf(text, "%llu %llu", &ran, &waited) == 2 ? waited : 0;
}

static uint64_t undisturbed(void)
{
	uint64_t before, now;

	do {		/* both at one time */
		before = delayed();
		now = hs_now();
	} while (delayed() != before);
	return now - before;
}

static char fifo[80];

static int power_on(void **state)
{
	(void)state;
	fake.config.vcpus = 4;
	if (!fake_disk(0, 64 << 20, HS_MODELS_BOTH) || fake_create() || wire_create())
		return -1;
	fake.vm.hold.clock = undisturbed;
	return hs_pci_create(&fake.vm) || hs_ide_create(&fake.vm) || hs_e1000_create(&fake.vm);
}

static int power_off(void **state)
{
	(void)state;
	wire_release();
	fake_destroy();
	wire_destroy();
	return 0;
}

static void tell(const char *what)
{
	const struct hs_hold *h = &fake.vm.hold;

	print_message("%s: %llu holds, longest %llu us;", what, (unsigned long long)h->holds,
		      (unsigned long long)(h->max_ns / 1000));
	for (unsigned int i = 0; i < HS_HOLD_BUCKETS; i++)
		if (h->histogram[i])
			print_message(" <%llu ns: %llu", 1ull << i, (unsigned long long)h->histogram[i]);
	print_message("\n");
}

/* A frame that the back end keeps. */
static void hold_a_frame(unsigned int *n)
{
	atomic_store(&wire.hold, true);
	nic_open(0x8002);
	tx_put(n, TX_BUFFER, 1000 | LAST, 0);
	nic_out(N_TDT, *n);
	assert_true(FAKE_UNTIL(atomic_load(&wire.sent) == 1));
}

static atomic_bool over;

/* By the ports, as Linux does it. */
static void *reset_by_ports(void *arg)
{
	(void)arg;
	fake_out(IO_PORT, 4, N_CTRL);
	fake_out(IO_PORT + 4, 4, CTRL_RST);
	atomic_store(&over, true);
	return NULL;
}

static void *unplug(void *arg)
{
	(void)arg;
	hs_e1000_detach(&fake.vm, 0);
	atomic_store(&over, true);
	return NULL;
}

/* What another vCPU does meanwhile; each access of which takes the lock. */
static void others_go_on(void)
{
	uint64_t since = undisturbed();

	for (unsigned int i = 0; i < 100; i++) {
		(void)ide_alt();
		(void)pci_in(HS_PCI_IDE, 0, 4);
		(void)nic_in(N_STATUS);
	}
	assert_true(undisturbed() - since < 50 * MOST_NS);
}

static atomic_bool released;

static void *release_later(void *arg)
{
	(void)arg;
	usleep(1000000);
	atomic_store(&released, true);
	wire_release();
	return NULL;
}

static void run_while(void *(*fn)(void *), void (*meanwhile)(void))
{
	pthread_t thread, releaser;
	unsigned int n = 0;

	hold_a_frame(&n);
	atomic_store(&over, false);
	atomic_store(&released, false);
	assert_int_equal(pthread_create(&releaser, NULL, release_later, NULL), 0);
	assert_int_equal(pthread_create(&thread, NULL, fn, NULL), 0);
	usleep(300000);		/* longer than a wire may keep a frame */
	meanwhile();
	assert_true(!atomic_load(&over) || atomic_load(&released));
	assert_int_equal(pthread_join(releaser, NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(atomic_load(&wire.done), 1);
	assert_true(fake.vm.hold.max_ns < MOST_NS);
}

static void reset_waits_alone(void **state)
{
	(void)state;
	run_while(reset_by_ports, others_go_on);
	tell("reset");
}

static void unplug_waits_alone(void **state)
{
	(void)state;
	run_while(unplug, others_go_on);
	tell("unplug");
	assert_int_equal(pci_in(HS_PCI_NIC(0), 0, 4), 0xffffffff);
	hs_e1000_attach(&fake.vm, 0);
	assert_int_equal(pci_in(HS_PCI_NIC(0), 0, 4), 0x100e8086);
}

/* BARs move, and decoding goes off, while a vCPU is in the handler of the region. */
static void move_bars(void)
{
	for (unsigned int i = 0; i < 100; i++) {
		pci_out(HS_PCI_NIC(0), 0x18, 4, 0xd000 + 0x40 * (i % 8));
		pci_out(HS_PCI_NIC(0), 4, 2, i & 1 ? 7 : 4);
	}
	pci_out(HS_PCI_NIC(0), 0x18, 4, IO_PORT);
	pci_out(HS_PCI_NIC(0), 4, 2, 7);
}

static void bars_move_without_a_wait(void **state)
{
	(void)state;
	run_while(reset_by_ports, move_bars);
	tell("BARs");
}

static void end_of_the_vm_ends_the_wait(void **state)
{
	unsigned int n = 0;
	pthread_t thread;

	(void)state;
	hold_a_frame(&n);
	atomic_store(&over, false);
	assert_int_equal(pthread_create(&thread, NULL, reset_by_ports, NULL), 0);
	usleep(50000);
	assert_false(atomic_load(&over));
	hs_vm_stop(&fake.vm, HS_STOP_SIGNAL);
	assert_true(FAKE_UNTIL(atomic_load(&over)));
	assert_int_equal(atomic_load(&wire.done), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

/* ---- all at once ---- */

static atomic_bool enough;

/* Frames in flight, resets by both ways, BARs. */
static void *vcpu_nic(void *arg)
{
	unsigned int n, round = 0;

	(void)arg;
	while (!atomic_load(&enough)) {
		n = 0;
		atomic_store(&wire.hold, true);
		nic_open(0x8002);
		for (unsigned int i = 0; i < 20; i++)
			tx_put(&n, TX_BUFFER, 1000 | LAST, 0);
		nic_out(N_TDT, n);
		wire_release();
		if (round++ & 1)
			nic_out(N_CTRL, CTRL_RST);
		else
			(void)reset_by_ports(NULL);
		pci_out(HS_PCI_NIC(0), 0x18, 4, 0xd000);
		pci_out(HS_PCI_NIC(0), 0x18, 4, IO_PORT);
	}
	return NULL;
}

static void *vcpu_unplug(void *arg)
{
	static const struct timespec pause = { .tv_nsec = 3000000 };

	(void)arg;
	while (!atomic_load(&enough)) {
		hs_e1000_detach(&fake.vm, 0);
		nanosleep(&pause, NULL);
		hs_e1000_attach(&fake.vm, 0);
		nanosleep(&pause, NULL);
	}
	return NULL;
}

/* PIO by long strings, and DMA by the longest table, each entry of which is looked at. */
static void *vcpu_ide(void *arg)
{
	uint8_t data[4096];

	(void)arg;
	for (unsigned int i = 0; i < 8192; i++) {
		uint32_t prd[2] = { 0x1000000 + 2 * i, 2 };

		memcpy(fake_ram(IDE_PRD + 8 * i, 8), prd, 8);
	}
	while (!atomic_load(&enough)) {
		ide_start28(0, 0x20, 0, 64);			/* READ SECTORS */
		for (unsigned int i = 0; i < 64; i++) {
			(void)ide_wait();
			hs_io_dispatch(fake.vm.io, HS_PIO, HS_PORT_IDE0, false, 1, data, 512);
		}
		hs_io_dispatch(fake.vm.io, HS_PIO, HS_PORT_IDE0 + R_STATUS, false, 1, data, 4096);
		fake_out(HS_PORT_BMDMA + 4, 4, (uint32_t)IDE_PRD);
		ide_start28(0, 0xc8, 0, 0);			/* READ DMA, 256 sectors */
		fake_out(HS_PORT_BMDMA, 1, BM_START | BM_READ);
		(void)ide_wait();
		fake_out(HS_PORT_BMDMA, 1, 0);
		ide_control(CTL_SRST);
		ide_control(0);
		(void)ide_wait();
	}
	return NULL;
}

/* A console that nobody reads. */
static void *vcpu_uart(void *arg)
{
	static uint8_t text[4096];

	(void)arg;
	while (!atomic_load(&enough))
		hs_io_dispatch(fake.vm.io, HS_PIO, HS_PORT_UART, true, 1, text, sizeof(text));
	return NULL;
}

static void all_at_once(void **state)
{
	static void *(*const vcpu[])(void *) = { vcpu_nic, vcpu_unplug, vcpu_ide, vcpu_uart };
	struct hs_drain_limit none = { .idle_ns = 1 };
	pthread_t thread[4];
	uint64_t least = UINT64_MAX;

	(void)state;
	snprintf(fifo, sizeof(fifo), "%s.fifo", fake.path[0]);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	fake.config.console = fifo;
	assert_int_equal(hs_uart_create(&fake.vm), 0);
	atomic_store(&enough, false);
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, vcpu[i], NULL), 0);
	/* Interrupts, and a hypervisor below, take time that nobody tells of; not in each round. */
	for (unsigned int i = 0; i < ROUNDS; i++) {
		pthread_mutex_lock(&fake.vm.lock);
		fake.vm.hold.max_ns = 0;
		pthread_mutex_unlock(&fake.vm.lock);
		sleep(SECONDS);
		pthread_mutex_lock(&fake.vm.lock);
		if (fake.vm.hold.max_ns < least)
			least = fake.vm.hold.max_ns;
		pthread_mutex_unlock(&fake.vm.lock);
	}
	atomic_store(&enough, true);
	for (unsigned int i = 0; i < 4; i++) {
		wire_release();
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	}
	hs_console_detach(HS_CONSOLE_UART);
	hs_console_end(&none);
	unlink(fifo);
	tell("all at once");
	assert_true(fake.vm.hold.holds > 1000);
	assert_true(least < MOST_NS);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, power_on, power_off)
	const struct CMUnitTest tests[] = {
		T(reset_waits_alone),
		T(unplug_waits_alone),
		T(bars_move_without_a_wait),
		T(end_of_the_vm_ends_the_wait),
		T(all_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
