/* SPDX-License-Identifier: MIT */
/* The verb of Work, and the tag set's stack of queued works: dispatch/nouns/work.py. */
#ifndef BLKMQ_WORK_H
#define BLKMQ_WORK_H

static inline bool blkmq_work_queue(struct blkmq_call *call, struct blkmq_work *work, struct blkmq_rq rq, s64 slot)
{
	struct blkmq_set *set = blkmq_set_of(call);
	s64 first;

	if (blkmq_rq_present(rq) && blkmq_bad(call, !blkmq_is_live(call, rq), BLKMQ_FAULT_STALE, rq.word))
		return false;
	if (!word_cas(&work->queued, 0, 1))
		return false;
	work->rq = rq.word;
	work->slot = (s32)slot;
	work->disk = call->disk_address;
	do {
		first = word_load(&set->works);
		work->next = first;
	} while (!word_cas(&set->works, first, (s64)work));
	blkmq_wake(set->work_fd);
	return true;
}

#endif
