/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The verbs of HrTimer: it calls its callback later, for a request that is live then, or for its disk. */
#ifndef BLKMQ_HR_TIMER_H
#define BLKMQ_HR_TIMER_H

static void blkmq_call_later(struct blkmq_disk *disk, struct blkmq_rq rq, s64 callback, bool may_sleep);

static __always_inline s64 blkmq_ktime_get_ns(struct blkmq_call *call)
{
	return ktime_get_ns();
}

static enum hrtimer_restart blkmq_hr_timer_fired(struct hrtimer *hrtimer)
{
	struct blkmq_hr_timer *timer = container_of(hrtimer, struct blkmq_hr_timer, timer);

	blkmq_call_later(timer->disk, (struct blkmq_rq){ timer->slot, READ_ONCE(timer->generation) },
			 timer->callback, false);
	return HRTIMER_NORESTART;
}

/* ``slot`` is that of the Pdu that it is in, or NULL: it is the disk's. */
static inline void blkmq_hr_timer_init(struct blkmq_hr_timer *timer, struct blkmq_disk *disk,
				       struct blkmq_slot *slot, s64 callback)
{
	timer->disk = disk;
	timer->slot = slot ?: &blkmq_no_slot;
	timer->callback = callback;
#if BLKMQ_HAS_HRTIMER_SETUP
	hrtimer_setup(&timer->timer, blkmq_hr_timer_fired, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
#else
	hrtimer_init(&timer->timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	timer->timer.function = blkmq_hr_timer_fired;
#endif
}

/* Afterwards it does not fire, nor is its callback running. */
static inline void blkmq_hr_timer_exit(struct blkmq_hr_timer *timer)
{
	hrtimer_cancel(&timer->timer);
}

static __always_inline void blkmq_hr_timer_start(struct blkmq_call *call, struct blkmq_hr_timer *timer, s64 nsec,
						 struct blkmq_rq rq, s64 callback)
{
	if (blkmq_bad(call, nsec < 0, BLKMQ_FAULT_VALUE, nsec))
		return;
	if (timer->slot != &blkmq_no_slot) {
		if (!blkmq_is_live(rq) || rq.slot != timer->slot) {
			blkmq_fail_stale(call, rq);
			return;
		}
		WRITE_ONCE(timer->generation, rq.generation);
	}
	hrtimer_start(&timer->timer, ns_to_ktime(nsec), HRTIMER_MODE_REL);
}

static __always_inline bool blkmq_hr_timer_cancel(struct blkmq_call *call, struct blkmq_hr_timer *timer)
{
	return hrtimer_try_to_cancel(&timer->timer) > 0;
}

#endif
