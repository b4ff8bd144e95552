/* SPDX-License-Identifier: MIT */
/* The verbs of Request, TagSet and HwCtx: dispatch/request_verbs.py, dispatch/views.py. */
#ifndef BLKMQ_REQUEST_H
#define BLKMQ_REQUEST_H

static inline bool blkmq_is_status(s64 status)
{
	return status >= 0 && status <= BLKMQ_STATUS_MAX && BLKMQ_VALID_STATUSES >> status & 1;
}

static inline bool blkmq_rq_present(struct blkmq_rq rq)
{
	return rq.word != 0;
}

/* The record of a handle's request; an error is noted if it is not live. */
static inline struct blkmq_request *blkmq_live(struct blkmq_call *call, struct blkmq_rq rq)
{
	if (unlikely(!blkmq_is_live(call, rq)))
		blkmq_fail_stale(call, rq);
	return blkmq_request_of(call, rq);
}

static inline s64 blkmq_request_op(struct blkmq_call *call, struct blkmq_rq rq)
{
	return blkmq_live(call, rq)->op;
}

static inline s64 blkmq_request_flags(struct blkmq_call *call, struct blkmq_rq rq)
{
	return blkmq_live(call, rq)->flags;
}

static inline s64 blkmq_request_sector(struct blkmq_call *call, struct blkmq_rq rq)
{
	return blkmq_live(call, rq)->sector;
}

static inline s64 blkmq_request_nr_sectors(struct blkmq_call *call, struct blkmq_rq rq)
{
	return blkmq_live(call, rq)->nr_bytes >> 9;
}

static inline s64 blkmq_request_nr_bytes(struct blkmq_call *call, struct blkmq_rq rq)
{
	return blkmq_live(call, rq)->nr_bytes;
}

static inline s64 blkmq_request_tag(struct blkmq_call *call, struct blkmq_rq rq)
{
	return blkmq_live(call, rq)->tag;
}

static inline struct blkmq_hw_ctx blkmq_request_hctx(struct blkmq_call *call, struct blkmq_rq rq)
{
	return (struct blkmq_hw_ctx){ blkmq_live(call, rq)->hctx };
}

static inline void *blkmq_request_pdu(struct blkmq_call *call, struct blkmq_rq rq)
{
	struct blkmq_set *set = blkmq_set_of(call);

	blkmq_live(call, rq);
	return (u8 *)set->pdus + blkmq_index_of(rq) * set->pdu_size;
}

/* Notes why a transition was not made. */
static inline void blkmq_refuse(struct blkmq_call *call, enum blkmq_outcome outcome, struct blkmq_rq rq)
{
	if (outcome == BLKMQ_NOT_ALLOWED)
		blkmq_fail(call, BLKMQ_FAULT_STATE, rq.word);
	else if (outcome == BLKMQ_GONE)
		blkmq_fail_stale(call, rq);
}

static inline void blkmq_request_start(struct blkmq_call *call, struct blkmq_rq rq)
{
	enum blkmq_outcome outcome;

	outcome = blkmq_transition(call, rq, BLKMQ_FROM_START, BLKMQ_STATE_STARTED, 0, false);
	if (outcome > BLKMQ_DONE_PINNED)
		blkmq_refuse(call, outcome, rq);
}

static inline void blkmq_request_complete(struct blkmq_call *call, struct blkmq_rq rq)
{
	struct blkmq_request *request = blkmq_request_of(call, rq);
	struct blkmq_hw_queue *queue = blkmq_queue_at(call, request->hctx);
	enum blkmq_outcome outcome;

	outcome = blkmq_transition(call, rq, BLKMQ_FROM_COMPLETE, BLKMQ_STATE_COMPLETED, 0, false);
	if (outcome > BLKMQ_DONE_PINNED) {
		blkmq_refuse(call, outcome, rq);
		return;
	}
	blkmq_push(&queue->completed, request, blkmq_index_of(rq));
	blkmq_kick(queue);
}

static inline void blkmq_request_end(struct blkmq_call *call, struct blkmq_rq rq, s64 status)
{
	enum blkmq_outcome outcome;

	if (unlikely(!blkmq_is_status(status))) {
		blkmq_fail(call, BLKMQ_FAULT_STATUS, status);
		return;
	}
	outcome = blkmq_finish(call, rq, BLKMQ_FROM_END, status);
	if (outcome == BLKMQ_NOT_ALLOWED || !blkmq_rq_present(rq)) {
		blkmq_refuse(call, outcome, rq);
	} else if (outcome == BLKMQ_GONE) {
		word_add(&blkmq_set_of(call)->nr_stale_ends, 1);
		blkmq_report(call, BLKMQ_FAULT_STALE, status, rq);
	}
}

/* A new generation: what the driver still holds of it, a timer say, is stale from here on. */
static inline void blkmq_request_requeue(struct blkmq_call *call, struct blkmq_rq rq, bool kick)
{
	struct blkmq_request *request = blkmq_request_of(call, rq);
	struct blkmq_hw_queue *queue = blkmq_queue_at(call, request->hctx);
	enum blkmq_outcome outcome;

	outcome = blkmq_transition(call, rq, BLKMQ_FROM_REQUEUE, BLKMQ_STATE_WAITING, 0, true);
	if (outcome > BLKMQ_DONE_PINNED) {
		blkmq_refuse(call, outcome, rq);
		return;
	}
	blkmq_push(&queue->requeued, request, blkmq_index_of(rq));
	if (kick) {
		word_store(&queue->kicked, 1);
		blkmq_kick(queue);
	}
}

static inline bool blkmq_request_update(struct blkmq_call *call, struct blkmq_rq rq, s64 status, s64 nr_bytes)
{
	struct blkmq_request *request = blkmq_request_of(call, rq);
	s64 left = 0;

	if (!blkmq_is_status(status)) {
		blkmq_fail(call, BLKMQ_FAULT_STATUS, status);
		return false;
	}
	/* Else another thread could end it, and its tag be another's below. */
	if (!blkmq_pin(call, rq))
		return false;
	if (nr_bytes < 0 || nr_bytes > request->nr_bytes || nr_bytes % 512) {
		blkmq_fail(call, BLKMQ_FAULT_VALUE, nr_bytes);
	} else {
		left = request->nr_bytes - nr_bytes;
		request->done_bytes += nr_bytes;
		request->nr_bytes = left;
		request->sector += nr_bytes / 512;
		if (!request->status)
			request->status = (s32)status;
	}
	blkmq_unpin(call, rq);
	return left > 0;
}

static inline struct blkmq_rq blkmq_kept_request_load(struct blkmq_call *call, struct blkmq_kept_request *kept)
{
	return (struct blkmq_rq){ READ_ONCE(kept->handle) };
}

static inline void blkmq_kept_request_store(struct blkmq_call *call, struct blkmq_kept_request *kept,
					    struct blkmq_rq rq)
{
	WRITE_ONCE(kept->handle, rq.word);
}

/* --- HwCtx, TagSet ------------------------------------------------------------------- */

static inline s64 blkmq_hw_ctx_queue_num(struct blkmq_call *call, struct blkmq_hw_ctx hctx)
{
	return hctx.index;
}

static inline s64 blkmq_hw_ctx_type(struct blkmq_call *call, struct blkmq_hw_ctx hctx)
{
	return blkmq_queue_at(call, hctx.index)->type;
}

static inline void *blkmq_hw_ctx_data(struct blkmq_call *call, struct blkmq_hw_ctx hctx)
{
	return (u8 *)((struct blkmq_disk *)call->disk_address)->hws + hctx.index * call->hw_size;
}

static inline struct blkmq_rq blkmq_tag_set_tag_to_rq(struct blkmq_call *call, struct blkmq_hw_ctx hctx, s64 tag)
{
	struct blkmq_set *set = blkmq_set_of(call);
	struct blkmq_rq rq;

	if (blkmq_bad_index(call, tag, set->queue_depth))
		return BLKMQ_NO_RQ;
	rq.word = hctx.index * set->queue_depth + tag;
	rq.word |= blkmq_generation_of(word_load(&blkmq_request_of(call, rq)->ownership)) << BLKMQ_GENERATION_SHIFT;
	return blkmq_is_live(call, rq) ? rq : BLKMQ_NO_RQ;
}

#endif
