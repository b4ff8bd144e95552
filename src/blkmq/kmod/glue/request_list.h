/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The verbs of RequestList and IoCompletionBatch: a ring of handles. */
#ifndef BLKMQ_REQUEST_LIST_H
#define BLKMQ_REQUEST_LIST_H

static inline void blkmq_request_list_init(struct blkmq_request_list *rqs)
{
}

static inline void blkmq_request_list_exit(struct blkmq_request_list *rqs)
{
	kvfree(rqs->ring);
}

static __always_inline void blkmq_request_list_add_tail(struct blkmq_call *call, struct blkmq_request_list *rqs,
							struct blkmq_rq rq)
{
	struct blk_mq_tag_set *tags = &call->disk->set->tag_set;

	if (blkmq_bad(call, !blkmq_rq_present(rq), BLKMQ_FAULT_ABSENT, 0))
		return;
	if (!rqs->ring) {
		rqs->capacity = (s64)tags->nr_hw_queues * tags->queue_depth;
		rqs->ring = kcalloc(rqs->capacity, sizeof(*rqs->ring), GFP_NOWAIT | __GFP_NOWARN);
	}
	if (blkmq_bad(call, !rqs->ring || rqs->tail - rqs->head >= rqs->capacity, BLKMQ_FAULT_INDEX,
		      rqs->tail - rqs->head))
		return;
	rqs->ring[rqs->tail++ % rqs->capacity] = blkmq_word_of(rq);
}

static __always_inline bool blkmq_request_list_empty(struct blkmq_call *call, struct blkmq_request_list *rqs)
{
	return rqs->head >= rqs->tail;
}

static __always_inline struct blkmq_rq blkmq_request_list_pop(struct blkmq_call *call, struct blkmq_request_list *rqs)
{
	if (blkmq_request_list_empty(call, rqs))
		return BLKMQ_NO_RQ;
	return blkmq_rq_of_word(call, rqs->ring[rqs->head++ % rqs->capacity]);
}

static __always_inline void blkmq_io_completion_batch_add(struct blkmq_call *call,
							  struct blkmq_io_completion_batch *batch,
							  struct blkmq_rq rq, s64 status)
{
	blkmq_request_end(call, rq, status);
}

#endif
