// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the core makes of the host's answers: error numbers, and the refusal of
 * malformed structures. Each refusal changes one field of a sound answer.
 */
#include "suites.h"

#include "../../hypercall/linux/check.h"

static void status_becomes_errno(struct kunit *test)
{
	static const struct {
		s64 status;
		int result;
	} map[] = {
		{ PVK_OK, 0 },
		{ 17, 17 },
		{ INT_MAX, INT_MAX },
		{ -PVK_EPERM, -EPERM },
		{ -PVK_ENOENT, -ENOENT },
		{ -PVK_EIO, -EIO },
		{ -PVK_EAGAIN, -EAGAIN },
		{ -PVK_EFAULT, -EFAULT },
		{ -PVK_EBUSY, -EBUSY },
		{ -PVK_EINVAL, -EINVAL },
		{ -PVK_ENOSPC, -ENOSPC },
		{ -PVK_EROFS, -EROFS },
		{ -PVK_ERANGE, -ERANGE },
		{ -PVK_ENOSYS, -EOPNOTSUPP },
		{ -PVK_EPROTO, -EPROTO },
		{ -PVK_ENOTSUP, -EOPNOTSUPP },
		{ -PVK_EVERSION, -EPROTONOSUPPORT },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(map); i++)
		KUNIT_EXPECT_EQ_MSG(test, pvk_errno(map[i].status), map[i].result, "case %u", i);
}

static void unknown_status_becomes_eio(struct kunit *test)
{
	static const s64 odd[] = { -3, -512, -4095, -4096, S64_MIN, S64_MAX, (s64)INT_MAX + 1 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(odd); i++)
		KUNIT_EXPECT_EQ_MSG(test, pvk_errno(odd[i]), -EIO, "case %u", i);
}

static void features_are_intersected(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, pvk_choose_features(~0ull, ~0ull), PVK_KNOWN_FEATURES);
	KUNIT_EXPECT_EQ(test, pvk_choose_features(0, ~0ull), 0ull);
	KUNIT_EXPECT_EQ(test, pvk_choose_features(~0ull, PVK_FEAT_EVENT), PVK_FEAT_EVENT);
	KUNIT_EXPECT_EQ(test, pvk_choose_features(PVK_FEAT_BUS, ~0ull), PVK_FEAT_BUS);
	/* no bus, no models */
	KUNIT_EXPECT_EQ(test, pvk_choose_features(~0ull, ~PVK_FEAT_BUS),
			PVK_FEAT_EVENT | PVK_FEAT_BATCH);
}

static void negotiation_grants_no_more(struct kunit *test)
{
	struct pvk_negotiate n = { .version = PVK_ABI_VERSION, .active = PVK_FEAT_BUS };

	KUNIT_EXPECT_EQ(test, pvk_check_negotiate(&n, PVK_FEAT_BUS | PVK_FEAT_EVENT), 0);
	KUNIT_EXPECT_EQ(test, pvk_check_negotiate(&n, PVK_FEAT_EVENT), -EIO);
	n.active = 0;
	KUNIT_EXPECT_EQ(test, pvk_check_negotiate(&n, 0), 0);
	n.version = PVK_VERSION(2, 0);
	KUNIT_EXPECT_EQ(test, pvk_check_negotiate(&n, 0), -EIO);
}

static void bus_is_bounded(struct kunit *test)
{
	struct pvk_bus_info info = { .devices = PVK_MAX_DEVICES };

	KUNIT_EXPECT_EQ(test, pvk_check_bus_info(&info), 0);
	info.devices++;
	KUNIT_EXPECT_EQ(test, pvk_check_bus_info(&info), -EIO);
	info.devices = U32_MAX;
	KUNIT_EXPECT_EQ(test, pvk_check_bus_info(&info), -EIO);
}

static const struct pvk_dev_info sound = {
	.id = 3,
	.type = PVK_DEV_BLK,
	.state = PVK_DEV_RESET,
	.features = PVK_BLK_F_FLUSH | PVK_BLK_F_DISCARD,
	.model = PVK_MODEL_EMULATED,
	.counterpart = PVK_COUNTERPART_PCI_IDE,
	.counterpart_location = PVK_COUNTERPART_IDE(9, 0, 0),
	.max_queues = 4,
	.max_entries = 256,
	.config_size = sizeof(struct pvk_blk_config),
};

#define REFUSED(field, value) do {					\
	struct pvk_dev_info info = sound;				\
									\
	info.field = value;						\
	KUNIT_EXPECT_EQ(test, pvk_check_dev_info(&info), -EIO);		\
} while (0)

#define TAKEN(field, value) do {					\
	struct pvk_dev_info info = sound;				\
									\
	info.field = value;						\
	KUNIT_EXPECT_EQ(test, pvk_check_dev_info(&info), 0);		\
} while (0)

static void sound_devices_are_taken(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, pvk_check_dev_info(&sound), 0);
	TAKEN(type, 77);	/* no driver, but no harm */
	TAKEN(counterpart, 77);
	TAKEN(state, PVK_DEV_RESETTING);
	TAKEN(features, ~0ull);
	TAKEN(max_entries, PVK_RING_MAX_ENTRIES);
	TAKEN(config_size, 0);
}

static void malformed_devices_are_refused(struct kunit *test)
{
	REFUSED(type, 0);
	REFUSED(state, PVK_DEV_RESETTING + 1);
	REFUSED(state, U32_MAX);
	REFUSED(accepted, PVK_BLK_F_READ_ONLY);
	REFUSED(model, 0);
	REFUSED(model, 3);
	REFUSED(counterpart, PVK_COUNTERPART_NONE);	/* then nothing is emulated */
	REFUSED(max_queues, 0);
	REFUSED(max_queues, PVK_MAX_QUEUES + 1);
	REFUSED(max_entries, 0);
	REFUSED(max_entries, 1);
	REFUSED(max_entries, PVK_RING_MAX_ENTRIES + 1);
	REFUSED(config_size, PVK_MAX_CONFIG + 1);
}

#define CHANGED(field, value) do {					\
	struct pvk_dev_info info = sound;				\
									\
	info.field = value;						\
	KUNIT_EXPECT_EQ(test, pvk_check_dev_same(&sound, &info), -EIO);	\
} while (0)

static void a_device_stays_what_it_is(struct kunit *test)
{
	struct pvk_dev_info info = sound;

	info.state = PVK_DEV_NEEDS_RESET;
	info.generation = 9;
	info.model = PVK_MODEL_PVKIT;
	KUNIT_EXPECT_EQ(test, pvk_check_dev_same(&sound, &info), 0);
	CHANGED(id, 4);
	CHANGED(type, PVK_DEV_NET);
	CHANGED(counterpart, PVK_COUNTERPART_NONE);
	CHANGED(counterpart_location, 0);
	CHANGED(max_queues, 5);
	CHANGED(max_entries, 512);
	CHANGED(config_size, 0);
}

static void counts_stay_in_the_buffer(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, pvk_check_written(72, 72), 72);
	KUNIT_EXPECT_EQ(test, pvk_check_written(0, 72), 0);
	KUNIT_EXPECT_EQ(test, pvk_check_written(73, 72), -EIO);
	KUNIT_EXPECT_EQ(test, pvk_check_written(INT_MAX, 72), -EIO);
	KUNIT_EXPECT_EQ(test, pvk_check_written(-ENOENT, 72), -ENOENT);
}

static void batches_go_forward(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, pvk_check_batch(8, 4, 8), 8);
	KUNIT_EXPECT_EQ(test, pvk_check_batch(4, 4, 8), 4);
	KUNIT_EXPECT_EQ(test, pvk_check_batch(3, 4, 8), -EIO);
	KUNIT_EXPECT_EQ(test, pvk_check_batch(9, 4, 8), -EIO);
	KUNIT_EXPECT_EQ(test, pvk_check_batch(-EFAULT, 4, 8), -EFAULT);
}

static void ring_sizes_are_powers_of_two(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, pvk_check_entries(2, 256), 0);
	KUNIT_EXPECT_EQ(test, pvk_check_entries(256, 256), 0);
	KUNIT_EXPECT_EQ(test, pvk_check_entries(256, 300), 0);
	KUNIT_EXPECT_EQ(test, pvk_check_entries(512, 300), -EINVAL);
	KUNIT_EXPECT_EQ(test, pvk_check_entries(0, 256), -EINVAL);
	KUNIT_EXPECT_EQ(test, pvk_check_entries(1, 256), -EINVAL);
	KUNIT_EXPECT_EQ(test, pvk_check_entries(3, 256), -EINVAL);
	KUNIT_EXPECT_EQ(test, pvk_check_entries(2048, 4096), -EINVAL);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(status_becomes_errno),
	KUNIT_CASE(unknown_status_becomes_eio),
	KUNIT_CASE(features_are_intersected),
	KUNIT_CASE(negotiation_grants_no_more),
	KUNIT_CASE(bus_is_bounded),
	KUNIT_CASE(sound_devices_are_taken),
	KUNIT_CASE(malformed_devices_are_refused),
	KUNIT_CASE(a_device_stays_what_it_is),
	KUNIT_CASE(counts_stay_in_the_buffer),
	KUNIT_CASE(batches_go_forward),
	KUNIT_CASE(ring_sizes_are_powers_of_two),
	{}
};

struct kunit_suite pvk_check_suite = {
	.name = "pvk_check",
	.test_cases = cases,
};
