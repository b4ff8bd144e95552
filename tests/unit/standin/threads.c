// SPDX-License-Identifier: MIT
/* Two threads at the same nouns. */
#include <pthread.h>

#include "world.h"

#define NR_ROUNDS	200000
#define NR_LIVES	40000
#define NR_PAGES	20000
#define NR_MEETINGS	10000
#define NR_MAKES	20
#define NR_DELAYS	500

static s64 nr_met;
static struct blkmq_rq shared_rq;
static struct blkmq_spin_lock lock;
static struct blkmq_page_store store;
static struct blkmq_xarray array;
static struct blkmq_bad_blocks bad;
static struct blkmq_hr_timer racing_timers[8];
static s64 guarded, nr_handed_over, stop;

static void in_two_threads(void *(*work)(void *))
{
	pthread_t threads[2];
	s64 i;

	for (i = 0; i < 2; i++)
		CHECK(!pthread_create(&threads[i], NULL, work, &calls[i]));
	for (i = 0; i < 2; i++)
		CHECK(!pthread_join(threads[i], NULL));
	CHECK(!calls[0].error && !calls[1].error);
}

/* Both go on at the same moment: a pthread barrier would let the first go far ahead. */
static void meet(void)
{
	s64 both = (word_add(&nr_met, 1) / 2 + 1) * 2, i;

	for (i = 1; word_load(&nr_met) < both; i++)
		if (i % 1000 == 0)
			sched_yield();
}

/* Both end the same request, and both touch its data meanwhile: it is handed over once. */
static void *end_together(void *argument)
{
	struct blkmq_call *call = argument;
	bool leads = call == &calls[0];
	s64 round, i;

	for (round = 0; round < NR_LIVES; round++) {
		if (leads) {
			shared_rq = issue(1);
			blkmq_request_start(call, shared_rq);
		}
		meet();
		for (i = 0; i < 1 + !leads * 20; i++)
			if (blkmq_pin(call, shared_rq))
				blkmq_unpin(call, shared_rq);
		call->error = 0;	/* the other one may have ended it */
		blkmq_request_end(call, shared_rq, 0);
		meet();
		if (leads)
			nr_handed_over += drain(&queues[0].ended);
	}
	return NULL;
}

/* Both push on one stack; the leader takes it over and over. */
static void *push_together(void *argument)
{
	struct blkmq_call *call = argument;
	s64 first = call == &calls[0] ? 0 : 2, round, i;

	for (round = 0; round < NR_LIVES; round++) {
		for (i = first; i < first + 2; i++) {
			struct blkmq_rq rq = issue(i);

			blkmq_request_start(call, rq);
			blkmq_request_end(call, rq, 0);
		}
		meet();
		if (first == 0)
			CHECK(drain(&queues[0].ended) == 4);
		meet();
	}
	return NULL;
}

static void *count_under_lock(void *argument)
{
	struct blkmq_call *call = argument;
	s64 i;

	for (i = 0; i < NR_ROUNDS; i++) {
		blkmq_spin_lock_enter(call, &lock);
		guarded++;
		blkmq_spin_lock_exit(call, &lock);
	}
	return NULL;
}

/* Neighbours: their bits lie in the same words. */
static void *fill_store(void *argument)
{
	struct blkmq_call *call = argument;
	s64 i;

	for (i = 0; i < NR_PAGES; i++) {
		if (i % 32 == 0)
			meet();
		CHECK(blkmq_page_present(blkmq_page_store_get_or_alloc(call, &store, i * 2 + call->id)));
	}
	return NULL;
}

static void *fill_nouns(void *argument)
{
	struct blkmq_call *call = argument;
	s64 i;

	meet();
	for (i = 0; i < NR_PAGES; i++) {
		CHECK(blkmq_xarray_store(call, &array, i * 64 + call->id, i + 1) == 0);
		CHECK(blkmq_xarray_load(call, &array, i * 64 + call->id) == i + 1);
		CHECK(blkmq_bad_blocks_set(call, &bad, i % 200 * 4 + call->id * 2, 1) == 0);
		blkmq_hr_timer_start(call, &racing_timers[i % 8], i % 1000, BLKMQ_NO_RQ, 30);
		if (i % 3 == 0)
			blkmq_hr_timer_cancel(call, &racing_timers[(i + call->id) % 8]);
	}
	return NULL;
}

/* Both arm one timer, each for a request of its own queue: it is in one heap at most. */
static void *arm_one_timer(void *argument)
{
	struct blkmq_call *call = argument;
	s64 index = call == &calls[0] ? 0 : QUEUE_DEPTH, i;
	struct blkmq_rq rq = issue(index);

	blkmq_request_start(call, rq);
	meet();
	for (i = 0; i < NR_ROUNDS; i++) {
		blkmq_hr_timer_start(call, &racing_timers[0], 1000000, rq, 30);
		if (i % 5 == 0)
			blkmq_hr_timer_cancel(call, &racing_timers[0]);
	}
	return NULL;
}

/* One erases and makes pages, the other reads them: it sees what was written, or zeroes, and never faults. */
static void *erase_and_read(void *argument)
{
	struct blkmq_call *call = argument;
	bool erases = call == &calls[0];
	s64 i;

	for (i = 0; erases ? i < NR_PAGES : !word_load(&stop); i++) {
		struct blkmq_page page;

		if (erases) {
			page = blkmq_page_store_get_or_alloc(call, &store, 5);
			blkmq_page_setitem(call, page, 100, 3);
			blkmq_page_store_erase(call, &store, 5);
			continue;
		}
		page = blkmq_page_store_get(call, &store, 5);
		if (blkmq_page_present(page)) {
			s64 byte = blkmq_page_getitem(call, page, 100);

			CHECK(byte == 0 || byte == 3);
		}
	}
	if (erases)
		word_store(&stop, 1);
	return NULL;
}

/*
 * One makes page 6 and writes, the other erases it: what is there afterwards has
 * kept what was written, and what is made anew has nothing of before.
 */
static void *make_and_erase(void *argument)
{
	struct blkmq_call *call = argument;
	bool erases = call == &calls[0];
	s64 round, i;

	for (round = 0; round < NR_MEETINGS; round++) {
		struct blkmq_page page;

		if (erases && round % 2)
			blkmq_page_store_get_or_alloc(call, &store, 6);
		meet();
		if (erases) {
			for (i = 0; i < round % NR_DELAYS; i++)
				__atomic_thread_fence(__ATOMIC_SEQ_CST);
			blkmq_page_store_erase(call, &store, 6);
		} else {
			for (i = 0; i < NR_MAKES; i++) {
				page = blkmq_page_store_get_or_alloc(call, &store, 6);
				blkmq_page_setitem(call, page, 100, 3);
			}
		}
		meet();
		if (!erases)
			continue;
		page = blkmq_page_store_get(call, &store, 6);
		if (blkmq_page_present(page)) {
			CHECK(blkmq_page_getitem(call, page, 100) == 3);
		} else {
			page = blkmq_page_store_get_or_alloc(call, &store, 6);
			CHECK(blkmq_page_getitem(call, page, 100) == 0);
		}
		blkmq_page_store_erase(call, &store, 6);
	}
	return NULL;
}

int main(void)
{
	s64 i;

	make_world();
	in_two_threads(end_together);
	CHECK(nr_handed_over == NR_LIVES && set.nr_stale_ends == NR_LIVES);
	in_two_threads(push_together);
	in_two_threads(count_under_lock);
	CHECK(guarded == 2 * NR_ROUNDS);
	in_two_threads(fill_store);
	in_two_threads(fill_nouns);
	CHECK(blkmq_page_store_nr_pages(&calls[0], &store) == 2 * NR_PAGES);
	for (i = 0; i < NR_PAGES; i++) {
		CHECK(blkmq_page_present(blkmq_page_store_get(&calls[0], &store, i * 2 + 1)));
		CHECK(blkmq_page_present(blkmq_page_store_get(&calls[0], &store, i * 2 + 2)));
		CHECK(blkmq_xarray_load(&calls[0], &array, i * 64 + 1) == i + 1);
		CHECK(blkmq_xarray_load(&calls[0], &array, i * 64 + 2) == i + 1);
	}
	CHECK(bad.nr_ranges == 400 && queues[0].nr_timers <= 8);
	for (i = 0; i < 8; i++)
		blkmq_hr_timer_cancel(&calls[0], &racing_timers[i]);
	CHECK(!queues[0].nr_timers);
	in_two_threads(arm_one_timer);
	CHECK(queues[0].nr_timers + queues[1].nr_timers == !!racing_timers[0].heap_index);
	blkmq_page_store_erase(&calls[0], &store, 5);
	in_two_threads(erase_and_read);
	blkmq_page_store_erase(&calls[0], &store, 6);
	in_two_threads(make_and_erase);
	return 0;
}
