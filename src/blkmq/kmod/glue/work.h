/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The verb of Work: as HrTimer, on a thread that may sleep. */
#ifndef BLKMQ_WORK_H
#define BLKMQ_WORK_H

static void blkmq_work_runs(struct work_struct *item)
{
	struct blkmq_work *work = container_of(item, struct blkmq_work, work);

	blkmq_call_later(work->disk, (struct blkmq_rq){ work->slot, READ_ONCE(work->generation) },
			 work->callback, true);
}

static inline void blkmq_work_init(struct blkmq_work *work, struct blkmq_disk *disk, struct blkmq_slot *slot,
				   s64 callback)
{
	work->disk = disk;
	work->slot = slot ?: &blkmq_no_slot;
	work->callback = callback;
	INIT_WORK(&work->work, blkmq_work_runs);
}

static inline void blkmq_work_exit(struct blkmq_work *work)
{
	cancel_work_sync(&work->work);
}

static __always_inline bool blkmq_work_queue(struct blkmq_call *call, struct blkmq_work *work, struct blkmq_rq rq,
					     s64 callback)
{
	if (work->slot != &blkmq_no_slot) {
		if (!blkmq_is_live(rq) || rq.slot != work->slot) {
			blkmq_fail_stale(call, rq);
			return false;
		}
		if (!work_pending(&work->work))
			WRITE_ONCE(work->generation, rq.generation);
	}
	return queue_work(call->disk->set->works, &work->work);
}

#endif
