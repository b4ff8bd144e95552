// SPDX-License-Identifier: MIT
/* PageStore, Page and Segment. */
#include "world.h"

static struct blkmq_call *call = &calls[0];
static struct blkmq_page_store store;

static void store_keeps_pages(void)
{
	static const s64 indexes[] = { 0, 1, 63, 64, BLKMQ_CHUNK_PAGES - 1, BLKMQ_CHUNK_PAGES, BLKMQ_NR_PAGES_MAX - 1 };
	s64 i, n = sizeof(indexes) / sizeof(*indexes);

	for (i = 0; i < n; i++) {
		struct blkmq_page page;

		CHECK(!blkmq_page_present(blkmq_page_store_get(call, &store, indexes[i])));
		page = blkmq_page_store_get_or_alloc(call, &store, indexes[i]);
		CHECK(blkmq_page_present(page) && blkmq_page_getitem(call, page, 0) == 0);
		blkmq_page_setitem(call, page, BLKMQ_PAGE_SIZE - 1, i + 1);
		CHECK(blkmq_page_store_nr_pages(call, &store) == i + 1);
	}
	for (i = 0; i < n; i++) {
		struct blkmq_page page = blkmq_page_store_get(call, &store, indexes[i]);

		CHECK(blkmq_page_getitem(call, page, BLKMQ_PAGE_SIZE - 1) == i + 1);
		CHECK(page.memory == blkmq_page_store_get_or_alloc(call, &store, indexes[i]).memory);
		blkmq_page_store_erase(call, &store, indexes[i]);
		blkmq_page_store_erase(call, &store, indexes[i]);
		CHECK(!blkmq_page_present(blkmq_page_store_get(call, &store, indexes[i])));
		CHECK(page.memory[BLKMQ_PAGE_SIZE - 1] == 0);	/* still mapped */
		CHECK(blkmq_page_store_nr_pages(call, &store) == n - 1 - i);
	}
	CHECK(!call->error);
	blkmq_page_store_get(call, &store, -1);
	CHECK_FAULT(call, BLKMQ_FAULT_INDEX);
	blkmq_page_store_get_or_alloc(call, &store, BLKMQ_NR_PAGES_MAX);
	CHECK_FAULT(call, BLKMQ_FAULT_INDEX);
	blkmq_page_store_erase(call, &store, S64_MAX);
	CHECK_FAULT(call, BLKMQ_FAULT_INDEX);
}

static void pages_check_everything(void)
{
	struct blkmq_page page = blkmq_page_store_get_or_alloc(call, &store, 9);

	memset(page.memory, 1, BLKMQ_PAGE_SIZE);
	blkmq_page_zero(call, page, 1, BLKMQ_PAGE_SIZE - 1);
	CHECK(!call->error && page.memory[0] == 1 && page.memory[1] == 0);
	blkmq_page_zero(call, page, 1, BLKMQ_PAGE_SIZE);
	CHECK_FAULT(call, BLKMQ_FAULT_INDEX);
	blkmq_page_zero(call, page, S64_MIN, S64_MAX);
	CHECK_FAULT(call, BLKMQ_FAULT_INDEX);
	blkmq_page_getitem(call, page, BLKMQ_PAGE_SIZE);
	CHECK_FAULT(call, BLKMQ_FAULT_INDEX);
	blkmq_page_setitem(call, page, 0, 256);
	CHECK_FAULT(call, BLKMQ_FAULT_VALUE);
	blkmq_page_getitem(call, BLKMQ_NO_PAGE, 0);
	CHECK_FAULT(call, BLKMQ_FAULT_ABSENT);
}

/* Three pieces, of 512, 4096 and 1 bytes, each in memory that ASan watches. */
static struct blkmq_rq request_with_data(u8 *data[3])
{
	static const s64 lengths[] = { 512, 4096, 1 };
	struct blkmq_rq rq = issue(0);
	s64 i;

	for (i = 0; i < 3; i++) {
		data[i] = malloc((size_t)lengths[i]);
		memset(data[i], 0x10 + (int)i, (size_t)lengths[i]);
		pieces[0][i] = (struct blkmq_piece){ (s64)data[i], lengths[i] };
	}
	requests[0].nr_segments = 3;
	requests[0].nr_bytes = 4609;
	blkmq_request_start(call, rq);
	return rq;
}

static void segments_copy(void)
{
	struct blkmq_page page = blkmq_page_store_get_or_alloc(call, &store, 9);
	struct blkmq_segment segment;
	s64 fuel = call->fuel;
	struct blkmq_rq rq;
	u8 *data[3];

	rq = request_with_data(data);
	segment = blkmq_segment_first(call, rq);
	CHECK(blkmq_segment_more(call, &segment) && blkmq_segment_len(call, &segment) == 512);
	CHECK(blkmq_segment_copy_to_page(call, &segment, page, 4000, 4096) == 96);
	CHECK(page.memory[4095] == 0x10 && blkmq_segment_len(call, &segment) == 416 && call->fuel == fuel - 1);
	CHECK(blkmq_segment_getitem(call, &segment, 415) == 0x10);
	blkmq_segment_getitem(call, &segment, 416);
	CHECK_FAULT(call, BLKMQ_FAULT_INDEX);
	blkmq_segment_setitem(call, &segment, -1, 0);
	CHECK_FAULT(call, BLKMQ_FAULT_INDEX);
	blkmq_segment_advance(call, &segment, 417);
	CHECK_FAULT(call, BLKMQ_FAULT_INDEX);
	blkmq_segment_advance(call, &segment, 415);
	CHECK(blkmq_segment_zero(call, &segment, 4096) == 1 && data[0][511] == 0 && data[0][510] == 0x10);

	blkmq_segment_next(call, &segment);
	CHECK(blkmq_segment_more(call, &segment) && blkmq_segment_len(call, &segment) == 4096);
	memset(page.memory, 0x77, BLKMQ_PAGE_SIZE);
	CHECK(blkmq_segment_copy_from_page(call, &segment, page, 0, 100) == 100);
	CHECK(data[1][99] == 0x77 && data[1][100] == 0x11);
	CHECK(blkmq_segment_copy_from_page(call, &segment, page, BLKMQ_PAGE_SIZE, 4096) == 0 && !call->error);
	blkmq_segment_copy_from_page(call, &segment, page, BLKMQ_PAGE_SIZE + 1, 4096);
	CHECK_FAULT(call, BLKMQ_FAULT_INDEX);
	blkmq_segment_copy_to_page(call, &segment, page, 0, -1);
	CHECK_FAULT(call, BLKMQ_FAULT_INDEX);
	blkmq_segment_copy_to_page(call, &segment, BLKMQ_NO_PAGE, 0, 1);
	CHECK_FAULT(call, BLKMQ_FAULT_ABSENT);
	call->fuel = 3;
	blkmq_segment_zero(call, &segment, 4096);
	CHECK_FAULT(call, BLKMQ_FAULT_FUEL);
	CHECK(data[1][100] == 0x11);
	call->fuel = fuel;

	blkmq_segment_next(call, &segment);
	blkmq_segment_next(call, &segment);
	CHECK(!blkmq_segment_more(call, &segment) && !call->error);

	requests[0].done_bytes = 600;	/* the rest begins 88 bytes into the second piece */
	segment = blkmq_segment_first(call, rq);
	CHECK(blkmq_segment_more(call, &segment) && segment.index == 1 && blkmq_segment_len(call, &segment) == 4008);

	blkmq_request_end(call, rq, 0);	/* the door takes its buffers away */
	drain(&queues[0].ended);
	free(data[0]);
	free(data[1]);
	free(data[2]);
	blkmq_segment_zero(call, &segment, 4096);
	CHECK_FAULT(call, BLKMQ_FAULT_STALE);
	blkmq_segment_getitem(call, &segment, 0);
	CHECK_FAULT(call, BLKMQ_FAULT_STALE);
	CHECK(!blkmq_segment_more(call, &segment));
	CHECK_FAULT(call, BLKMQ_FAULT_STALE);
}

int main(void)
{
	make_world();
	store_keeps_pages();
	pages_check_everything();
	segments_copy();
	return 0;
}
