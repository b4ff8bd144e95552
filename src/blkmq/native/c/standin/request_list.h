/* SPDX-License-Identifier: MIT */
/* The verbs of RequestList and IoCompletionBatch: dispatch/nouns/request_list.py.  A ring of handles. */
#ifndef BLKMQ_REQUEST_LIST_H
#define BLKMQ_REQUEST_LIST_H

#include <stdlib.h>

static inline void blkmq_request_list_add_tail(struct blkmq_call *call, struct blkmq_request_list *rqs,
					       struct blkmq_rq rq)
{
	if (blkmq_bad(call, !blkmq_rq_present(rq), BLKMQ_FAULT_ABSENT, 0))
		return;
	if (!rqs->ring) {
		rqs->capacity = blkmq_set_of(call)->nr_requests;
		rqs->ring = (s64)calloc((size_t)rqs->capacity, sizeof(s64));
	}
	if (blkmq_bad(call, !rqs->ring || rqs->tail - rqs->head >= rqs->capacity, BLKMQ_FAULT_INDEX,
		      rqs->tail - rqs->head))
		return;
	((s64 *)rqs->ring)[rqs->tail % rqs->capacity] = rq.word;
	rqs->tail++;
}

static inline bool blkmq_request_list_empty(struct blkmq_call *call, struct blkmq_request_list *rqs)
{
	return rqs->head >= rqs->tail;
}

static inline struct blkmq_rq blkmq_request_list_pop(struct blkmq_call *call, struct blkmq_request_list *rqs)
{
	struct blkmq_rq rq;

	if (blkmq_request_list_empty(call, rqs))
		return BLKMQ_NO_RQ;
	rq.word = ((s64 *)rqs->ring)[rqs->head % rqs->capacity];
	rqs->head++;
	return rq;
}

static inline void blkmq_io_completion_batch_add(struct blkmq_call *call,
						 struct blkmq_io_completion_batch *batch,
						 struct blkmq_rq rq, s64 status)
{
	blkmq_request_end(call, rq, status);
}

#endif
