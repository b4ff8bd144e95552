/* SPDX-License-Identifier: MIT */
/* The verbs of HrTimer, and the heap of armed timers of a hardware queue: dispatch/nouns/hr_timer.py. */
#ifndef BLKMQ_HR_TIMER_H
#define BLKMQ_HR_TIMER_H

#include <time.h>

static inline s64 blkmq_ktime_get_ns(struct blkmq_call *call)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static inline struct blkmq_hr_timer **blkmq_timers(struct blkmq_hw_queue *queue)
{
	return (struct blkmq_hr_timer **)queue->timers;
}

/* Also tells the queue's thread what comes first now. */
static inline void blkmq_unlock_timers(struct blkmq_hw_queue *queue)
{
	s64 first = queue->nr_timers ? blkmq_timers(queue)[0]->expires_nsec : S64_MAX;

	word_store(&queue->next_timer_nsec, first);
	word_unlock(&queue->timer_lock);
}

static inline void blkmq_place_timer(struct blkmq_hw_queue *queue, struct blkmq_hr_timer *timer, s64 i)
{
	blkmq_timers(queue)[i] = timer;
	timer->heap_index = (s32)(i + 1);
}

/* Finds the place of a timer that may be earlier than those above ``i``. */
static inline void blkmq_sift_up(struct blkmq_hw_queue *queue, struct blkmq_hr_timer *timer, s64 i)
{
	while (i > 0) {
		struct blkmq_hr_timer *above = blkmq_timers(queue)[(i - 1) / 2];

		if (above->expires_nsec <= timer->expires_nsec)
			break;
		blkmq_place_timer(queue, above, i);
		i = (i - 1) / 2;
	}
	blkmq_place_timer(queue, timer, i);
}

/* Finds the place of a timer that may be later than those below ``i``. */
static inline void blkmq_sift_down(struct blkmq_hw_queue *queue, struct blkmq_hr_timer *timer, s64 i)
{
	for (;;) {
		struct blkmq_hr_timer **below = blkmq_timers(queue) + 2 * i + 1;

		if (2 * i + 1 >= queue->nr_timers)
			break;
		if (2 * i + 2 < queue->nr_timers && below[1]->expires_nsec < below[0]->expires_nsec)
			below++;
		if (below[0]->expires_nsec >= timer->expires_nsec)
			break;
		blkmq_place_timer(queue, *below, i);
		i = below - blkmq_timers(queue);
	}
	blkmq_place_timer(queue, timer, i);
}

/* Takes an armed timer off the heap; whether it was armed.  The heap's lock is held. */
static inline bool blkmq_take_out_timer(struct blkmq_hw_queue *queue, struct blkmq_hr_timer *timer)
{
	s64 i = timer->heap_index - 1;
	struct blkmq_hr_timer *last;

	if (i < 0)
		return false;
	timer->heap_index = 0;
	last = blkmq_timers(queue)[--queue->nr_timers];
	if (last == timer)
		return true;
	if (last->expires_nsec < timer->expires_nsec)
		blkmq_sift_up(queue, last, i);
	else
		blkmq_sift_down(queue, last, i);
	return true;
}

/*
 * Locks the heap that a timer belongs to.  Its fields are that lock's, ``queue``
 * too, so that two threads cannot put it into two heaps.
 */
static inline struct blkmq_hw_queue *blkmq_lock_timer(struct blkmq_call *call, struct blkmq_hr_timer *timer)
{
	for (;;) {
		s64 number = __atomic_load_n(&timer->queue, __ATOMIC_ACQUIRE);
		struct blkmq_hw_queue *queue = blkmq_queue_at(call, number);

		word_lock(&queue->timer_lock);
		if (__atomic_load_n(&timer->queue, __ATOMIC_ACQUIRE) == number)
			return queue;
		word_unlock(&queue->timer_lock);
	}
}

static inline bool blkmq_hr_timer_cancel(struct blkmq_call *call, struct blkmq_hr_timer *timer)
{
	struct blkmq_hw_queue *queue = blkmq_lock_timer(call, timer);
	bool was_armed = blkmq_take_out_timer(queue, timer);

	blkmq_unlock_timers(queue);
	return was_armed;
}

static inline void blkmq_hr_timer_start(struct blkmq_call *call, struct blkmq_hr_timer *timer, s64 nsec,
					struct blkmq_rq rq, s64 slot)
{
	struct blkmq_hw_queue *queue;
	s64 number = 0;
	s64 now;

	if (blkmq_bad(call, nsec < 0, BLKMQ_FAULT_VALUE, nsec))
		return;
	if (blkmq_rq_present(rq)) {
		if (blkmq_bad(call, !blkmq_is_live(call, rq), BLKMQ_FAULT_STALE, rq.word))
			return;
		number = blkmq_request_of(call, rq)->hctx;
	}
	now = blkmq_ktime_get_ns(call);
	for (;;) {
		queue = blkmq_lock_timer(call, timer);
		blkmq_take_out_timer(queue, timer);
		if (timer->queue == number)
			break;
		__atomic_store_n(&timer->queue, number, __ATOMIC_RELEASE);	/* another lock's from here on */
		blkmq_unlock_timers(queue);
	}
	timer->expires_nsec = nsec < S64_MAX - now ? now + nsec : S64_MAX;
	timer->rq = rq.word;
	timer->slot = (s32)slot;
	timer->disk = call->disk_address;
	queue->nr_timers++;
	blkmq_sift_up(queue, timer, queue->nr_timers - 1);
	blkmq_unlock_timers(queue);
	blkmq_kick(queue);
}

#endif
