// SPDX-License-Identifier: MIT
/* HrTimer, Work, SpinLock and Mutex. */
#include "world.h"

static struct blkmq_call *call = &calls[0];

static void check_heap(struct blkmq_hw_queue *queue, s64 number)
{
	struct blkmq_hr_timer **heap = blkmq_timers(queue);
	s64 i;

	for (i = 0; i < queue->nr_timers; i++) {
		CHECK(heap[i]->heap_index == i + 1 && heap[i]->queue == number);
		CHECK(i == 0 || heap[(i - 1) / 2]->expires_nsec <= heap[i]->expires_nsec);
	}
	CHECK(queue->next_timer_nsec == (queue->nr_timers ? heap[0]->expires_nsec : S64_MAX));
}

static void heap_order(void)
{
	static struct blkmq_hr_timer all[NR_TIMERS];
	s64 round, i, last = 0, nr_armed = 0;

	for (round = 0; round < 20000; round++) {
		struct blkmq_hr_timer *timer = &all[rand() % NR_TIMERS];
		bool was_armed = timer->heap_index;

		if (rand() % 3) {
			blkmq_hr_timer_start(call, timer, rand() % 1000, BLKMQ_NO_RQ, 30);
			nr_armed += !was_armed;
		} else {
			CHECK(blkmq_hr_timer_cancel(call, timer) == was_armed);
			nr_armed -= was_armed;
		}
		CHECK(queues[0].nr_timers == nr_armed);
		check_heap(&queues[0], 0);
	}
	for (i = 0; i < nr_armed; i++) {
		struct blkmq_hr_timer *first = blkmq_timers(&queues[0])[0];

		CHECK(first->expires_nsec >= last);
		last = first->expires_nsec;
		CHECK(blkmq_hr_timer_cancel(call, first));
	}
	CHECK(queues[0].nr_timers == 0);
}

static void timers_of_requests(void)
{
	struct blkmq_rq rq = issue(4);
	struct blkmq_hr_timer *timer = &pdus[4].timer;

	queues[1].sleeping = 1;
	blkmq_hr_timer_start(call, timer, S64_MAX, rq, 25);
	CHECK(!call->error && queues[1].nr_timers == 1 && timer->expires_nsec == S64_MAX && timer->slot == 25);
	CHECK(timer->rq == rq.word && queues[1].sleeping == 0);
	blkmq_hr_timer_start(call, timer, -1, rq, 25);
	CHECK_FAULT(call, BLKMQ_FAULT_VALUE);
	blkmq_hr_timer_start(call, timer, 5, BLKMQ_NO_RQ, 25);	/* another queue's now */
	CHECK(queues[1].nr_timers == 0 && queues[0].nr_timers == 1);
	issue(4);
	blkmq_hr_timer_start(call, timer, 5, rq, 25);
	CHECK_FAULT(call, BLKMQ_FAULT_STALE);
	CHECK(blkmq_hr_timer_cancel(call, timer) && !blkmq_hr_timer_cancel(call, timer));
}

static void works(void)
{
	struct blkmq_work one = {}, other = {};
	struct blkmq_rq rq = issue(0);

	CHECK(blkmq_work_queue(call, &one, BLKMQ_NO_RQ, 26) && blkmq_work_queue(call, &other, rq, 27));
	CHECK(!blkmq_work_queue(call, &one, BLKMQ_NO_RQ, 26));
	CHECK(set.works == (s64)&other && other.next == (s64)&one && !one.next);
	CHECK(other.rq == rq.word && other.slot == 27 && other.disk == (s64)&disk);
	issue(0);
	CHECK(!blkmq_work_queue(call, &other, rq, 27));
	CHECK_FAULT(call, BLKMQ_FAULT_STALE);
}

static void locks(void)
{
	struct blkmq_spin_lock spin[BLKMQ_NR_HELD_MAX + 1] = {};
	struct blkmq_mutex mutex = {};
	s64 i;

	blkmq_spin_lock_enter(call, &spin[0]);
	CHECK(!call->error && spin[0].owner == call->id && call->held[0] == (s64)&spin[0]);
	blkmq_spin_lock_enter(call, &spin[0]);
	CHECK_FAULT(call, BLKMQ_FAULT_LOCK);
	call->may_sleep = 1;
	blkmq_mutex_enter(call, &mutex);
	CHECK_FAULT(call, BLKMQ_FAULT_SLEEP);
	blkmq_spin_lock_exit(call, &spin[0]);
	CHECK(!spin[0].owner && !call->nr_held && !call->nr_spinning);
	blkmq_mutex_enter(call, &mutex);
	CHECK(!call->error && mutex.owner == call->id);
	blkmq_mutex_enter(call, &mutex);
	CHECK_FAULT(call, BLKMQ_FAULT_LOCK);
	blkmq_mutex_exit(call, &mutex);
	call->may_sleep = 0;
	blkmq_mutex_enter(call, &mutex);
	CHECK_FAULT(call, BLKMQ_FAULT_SLEEP);
	for (i = 0; i < BLKMQ_NR_HELD_MAX; i++)
		blkmq_spin_lock_enter(call, &spin[i]);
	CHECK(!call->error);
	blkmq_spin_lock_enter(call, &spin[i]);
	CHECK_FAULT(call, BLKMQ_FAULT_LOCK);
	while (i-- > 0)
		blkmq_spin_lock_exit(call, &spin[i]);
	CHECK(!call->nr_held);
}

int main(void)
{
	make_world();
	heap_order();
	timers_of_requests();
	works();
	locks();
	return 0;
}
