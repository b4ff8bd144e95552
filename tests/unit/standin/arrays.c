// SPDX-License-Identifier: MIT
/* XArray, BadBlocks, Atomic and RequestList, each against the simplest thing that can be right. */
#include "world.h"

static struct blkmq_call *call = &calls[0];

static s64 random_below(s64 end)
{
	return (s64)((u64)rand() << 31 | (u64)rand()) % end;
}

static void xarray(void)
{
	static s64 indexes[64], values[64];
	struct blkmq_xarray array = {};
	s64 i, round;

	for (i = 0; i < 64; i++)
		indexes[i] = i < 8 ? i : i < 16 ? S64_MAX - i : random_below(1LL << (i % 62 + 1)) ^ i << 32;
	CHECK(blkmq_xarray_load(call, &array, S64_MAX) == 0 && blkmq_xarray_erase(call, &array, 0) == 0);
	for (round = 0; round < 5000; round++) {
		s64 value = random_below(BLKMQ_XARRAY_VALUE_END - 1) + 1, j;

		i = random_below(64);
		for (j = 0; j < i && indexes[j] != indexes[i]; j++)
			;	/* the first of equal indexes keeps the value */
		CHECK(blkmq_xarray_load(call, &array, indexes[i]) == values[j]);
		if (round % 3) {
			CHECK(blkmq_xarray_store(call, &array, indexes[i], value) == 0);
			values[j] = value;
		} else {
			CHECK(blkmq_xarray_erase(call, &array, indexes[i]) == values[j]);
			values[j] = 0;
		}
	}
	CHECK(!call->error);
	blkmq_xarray_load(call, &array, -1);
	CHECK_FAULT(call, BLKMQ_FAULT_INDEX);
	blkmq_xarray_store(call, &array, 0, 0);
	CHECK_FAULT(call, BLKMQ_FAULT_VALUE);
	blkmq_xarray_store(call, &array, 0, BLKMQ_XARRAY_VALUE_END);
	CHECK_FAULT(call, BLKMQ_FAULT_VALUE);
}

static s64 first_bad(const bool *is_bad, s64 sector, s64 nr_sectors)
{
	s64 i;

	for (i = sector; i < sector + nr_sectors; i++)
		if (is_bad[i])
			return i;
	return -1;
}

static void bad_blocks(void)
{
	static bool is_bad[256];
	struct blkmq_bad_blocks bad = {};
	s64 round, i;

	for (round = 0; round < 20000; round++) {
		s64 sector = random_below(256), nr_sectors = random_below(257 - sector) % 20;

		if (nr_sectors > 256 - sector)
			nr_sectors = 256 - sector;
		CHECK(blkmq_bad_blocks_first_bad(call, &bad, sector, nr_sectors) ==
		      first_bad(is_bad, sector, nr_sectors));
		if (round % 2)
			CHECK(blkmq_bad_blocks_set(call, &bad, sector, nr_sectors) == 0);
		else
			CHECK(blkmq_bad_blocks_clear(call, &bad, sector, nr_sectors) == 0);
		memset(is_bad + sector, round % 2, (size_t)nr_sectors);
	}
	CHECK(blkmq_bad_blocks_clear(call, &bad, 0, S64_MAX) == 0 && bad.nr_ranges == 0);
	for (i = 0; i < BLKMQ_NR_RANGES_MAX; i++)
		CHECK(blkmq_bad_blocks_set(call, &bad, 3 * i, 2) == 0);
	CHECK(blkmq_bad_blocks_set(call, &bad, 1 << 20, 1) == BLKMQ_ENOSPC);
	CHECK(blkmq_bad_blocks_set(call, &bad, 2, 1) == 0 && bad.nr_ranges == BLKMQ_NR_RANGES_MAX - 1);
	CHECK(blkmq_bad_blocks_clear(call, &bad, 2, 1) == 0 && bad.nr_ranges == BLKMQ_NR_RANGES_MAX);
	CHECK(blkmq_bad_blocks_set(call, &bad, 3000, 10) == BLKMQ_ENOSPC);
	blkmq_bad_blocks_set(call, &bad, -1, 1);
	CHECK_FAULT(call, BLKMQ_FAULT_INDEX);
	blkmq_bad_blocks_first_bad(call, &bad, S64_MAX, 1);
	CHECK_FAULT(call, BLKMQ_FAULT_INDEX);
	free((void *)bad.ranges);
}

static void atomic(void)
{
	struct blkmq_atomic atomic = { S64_MAX };

	CHECK(blkmq_atomic_fetch_add(call, &atomic, 1) == S64_MAX && blkmq_atomic_load(call, &atomic) == S64_MIN);
	CHECK(blkmq_atomic_xchg(call, &atomic, 5) == S64_MIN);
	CHECK(blkmq_atomic_cmpxchg(call, &atomic, 4, 9) == 5 && blkmq_atomic_load(call, &atomic) == 5);
	CHECK(blkmq_atomic_cmpxchg(call, &atomic, 5, 9) == 5 && blkmq_atomic_load(call, &atomic) == 9);
	blkmq_atomic_store(call, &atomic, -1);
	CHECK(atomic.value == -1);
}

static void request_list(void)
{
	struct blkmq_request_list rqs = {};
	s64 turn, i;

	CHECK(blkmq_request_list_empty(call, &rqs) && !blkmq_rq_present(blkmq_request_list_pop(call, &rqs)));
	for (turn = 0; turn < 3; turn++) {
		for (i = 1; i <= NR_REQUESTS; i++)
			blkmq_request_list_add_tail(call, &rqs, blkmq_rq_from_word(i));
		CHECK(!call->error);
		blkmq_request_list_add_tail(call, &rqs, blkmq_rq_from_word(9));
		CHECK_FAULT(call, BLKMQ_FAULT_INDEX);
		for (i = 1; i <= NR_REQUESTS; i++)
			CHECK(blkmq_request_list_pop(call, &rqs).word == i);
	}
	blkmq_request_list_add_tail(call, &rqs, BLKMQ_NO_RQ);
	CHECK_FAULT(call, BLKMQ_FAULT_ABSENT);
	free((void *)rqs.ring);
}

int main(void)
{
	make_world();
	xarray();
	bad_blocks();
	atomic();
	request_list();
	return 0;
}
