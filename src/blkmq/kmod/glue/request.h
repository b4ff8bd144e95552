/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The verbs of Request, TagSet and HwCtx: dispatch/request_verbs.py. */
#ifndef BLKMQ_REQUEST_H
#define BLKMQ_REQUEST_H

static __always_inline bool blkmq_is_status(s64 status)
{
	return status >= 0 && status <= BLKMQ_STATUS_MAX && BLKMQ_VALID_STATUSES >> status & 1;
}

/* Whether a handle is live, with an error noted if not; it may end at any moment after. */
static __always_inline bool blkmq_live(struct blkmq_call *call, struct blkmq_rq rq)
{
	if (likely(blkmq_is_live(rq)))
		return true;
	blkmq_fail_stale(call, rq);
	return false;
}

/* --- a handle as one word ------------------------------------------------------------ */

static __always_inline u64 blkmq_word_of(struct blkmq_rq rq)
{
	return blkmq_rq_present(rq) ? (u64)rq.generation << BLKMQ_GENERATION_SHIFT | rq.slot->index : 0;
}

static inline struct blkmq_slot *blkmq_slot_at(struct blkmq_set *set, u32 index);

static __always_inline struct blkmq_rq blkmq_rq_of_set(struct blkmq_set *set, u64 word)
{
	if (!word)
		return BLKMQ_NO_RQ;
	return (struct blkmq_rq){ blkmq_slot_at(set, word), word >> BLKMQ_GENERATION_SHIFT };
}

static __always_inline struct blkmq_rq blkmq_rq_of_word(struct blkmq_call *call, u64 word)
{
	return blkmq_rq_of_set(call->disk->set, word);
}

/* --- fields ---------------------------------------------------------------------------- */

/* Reads a field of a request that is pinned meanwhile, so that it is this life's. */
#define BLKMQ_READ(call, handle, field) ({				\
	s64 value_ = 0;							\
	if (likely(blkmq_pin(call, handle)))				\
		value_ = (handle).slot->rq->field;			\
	value_;								\
})

static __always_inline s64 blkmq_request_op(struct blkmq_call *call, struct blkmq_rq rq)
{
	return BLKMQ_READ(call, rq, cmd_flags) & REQ_OP_MASK;
}

static __always_inline s64 blkmq_request_flags(struct blkmq_call *call, struct blkmq_rq rq)
{
	return BLKMQ_READ(call, rq, cmd_flags) & ~(s64)REQ_OP_MASK;
}

static __always_inline s64 blkmq_request_sector(struct blkmq_call *call, struct blkmq_rq rq)
{
	return BLKMQ_READ(call, rq, __sector);
}

static __always_inline s64 blkmq_request_nr_bytes(struct blkmq_call *call, struct blkmq_rq rq)
{
	return BLKMQ_READ(call, rq, __data_len);
}

static __always_inline s64 blkmq_request_nr_sectors(struct blkmq_call *call, struct blkmq_rq rq)
{
	return blkmq_request_nr_bytes(call, rq) >> SECTOR_SHIFT;
}

static __always_inline s64 blkmq_request_tag(struct blkmq_call *call, struct blkmq_rq rq)
{
	return blkmq_live(call, rq) ? rq.slot->index & 0xffff : 0;
}

static __always_inline struct blkmq_hw_ctx blkmq_request_hctx(struct blkmq_call *call, struct blkmq_rq rq)
{
	return (struct blkmq_hw_ctx){ blkmq_live(call, rq) ? rq.slot->hw : NULL };
}

static __always_inline void *blkmq_request_pdu(struct blkmq_call *call, struct blkmq_rq rq)
{
	blkmq_live(call, rq);
	return rq.slot + 1;
}

static noinline bool blkmq_find_in_batch(const struct blkmq_batch *batch, u64 word)
{
	unsigned int i;

	for (i = 0; i < batch->nr_issued; i++) {
		if (batch->issued[i] == word)
			return true;
	}
	return false;
}

/* Most often it is the one that was taken off the list last. */
static __always_inline bool blkmq_is_in_batch(const struct blkmq_batch *batch, struct blkmq_rq rq)
{
	u64 last = batch->rqs.head - 1, word = blkmq_word_of(rq);

	return likely(last < batch->nr_issued && batch->issued[last] == word) || blkmq_find_in_batch(batch, word);
}

/* Whether it was issued for this very call: the only one that may start it meanwhile. */
static __always_inline bool blkmq_is_calls_own(struct blkmq_call *call, struct blkmq_rq rq)
{
	if (call->slot == BLKMQ_SLOT_queue_rqs)
		return blkmq_is_in_batch(call->view, rq);
	return call->slot == BLKMQ_SLOT_queue_rq && call->rq.slot == rq.slot;
}

/*
 * In its own queue_rq nobody else can start it, so that it is the block layer's
 * turn first: a timeout must find it started.
 */
static __always_inline void blkmq_request_start(struct blkmq_call *call, struct blkmq_rq rq)
{
	enum blkmq_outcome outcome;

	if (likely(blkmq_is_calls_own(call, rq))) {
		if (likely(blkmq_is_idle(rq))) {
			blk_mq_start_request(rq.slot->rq);
			atomic64_add(BLKMQ_STATE_BITS(BLKMQ_STARTED - BLKMQ_IDLE), &rq.slot->word);
			call->has_started = true;
			return;
		}
		outcome = blkmq_is_live(rq) ? BLKMQ_NOT_ALLOWED : BLKMQ_GONE;
	} else {
		outcome = blkmq_transition(rq, BLKMQ_TAKEN, BLKMQ_STARTED, 0, 0);
	}
	if (outcome > BLKMQ_DONE_PINNED)
		blkmq_refuse(call, outcome, rq);
}

/* One step of the table, with this call's own pin; false, with an error noted, if the table has no such step. */
static __always_inline bool blkmq_step(struct blkmq_call *call, struct blkmq_rq rq, unsigned int sources,
				       enum blkmq_state target)
{
	u64 own = blkmq_own_pins(call, rq);
	enum blkmq_outcome outcome = blkmq_transition(rq, sources, target, 0, own);

	if (outcome > BLKMQ_DONE_PINNED) {
		blkmq_refuse(call, outcome, rq);
		return false;
	}
	blkmq_pin_is_gone(call, own);
	return true;
}

/*
 * Most often nobody else has a request: one compare-and-swap of the word that is
 * expected, with this call's own pin if it has one.
 */
static __always_inline bool blkmq_step_as_expected(struct blkmq_call *call, struct blkmq_rq rq,
						   enum blkmq_state source, enum blkmq_state target)
{
	u64 own = call->pinned == rq.slot;
	s64 word = blkmq_word(rq, source) + own;

	if (unlikely(!atomic64_try_cmpxchg(&rq.slot->word, &word, blkmq_word(rq, target))))
		return false;
	blkmq_pin_is_gone(call, own);
	return true;
}

static __always_inline void blkmq_request_complete(struct blkmq_call *call, struct blkmq_rq rq)
{
	if (likely(blkmq_step_as_expected(call, rq, BLKMQ_STARTED, BLKMQ_COMPLETED)) ||
	    blkmq_step(call, rq, BLKMQ_STARTED, BLKMQ_COMPLETED))
		blk_mq_complete_request(rq.slot->rq);
}

/* An end that came too late is counted and told, and is no error. */
static noinline __cold void blkmq_report_stale_end(struct blkmq_disk *disk, u8 slot, struct blkmq_rq rq, u32 at)
{
	atomic_inc(&disk->set->nr_stale_ends);
	blkmq_report(disk, slot, BLKMQ_FAULT_STALE, rq.slot->index, at);
}

/* From any state that allows it, whoever has pinned it; the caller's pin goes with it. */
static noinline enum blkmq_outcome blkmq_end_somehow(struct blkmq_rq rq, s64 status, u64 own)
{
	enum blkmq_outcome outcome = blkmq_transition(rq, BLKMQ_FROM_END, BLKMQ_ENDED, status, own);

	if (outcome == BLKMQ_DONE)
		blkmq_hand_over(rq.slot, status);
	return outcome;
}

static __always_inline void blkmq_request_end(struct blkmq_call *call, struct blkmq_rq rq, s64 status)
{
	enum blkmq_state expected = call->slot == BLKMQ_SLOT_complete ? BLKMQ_COMPLETING : BLKMQ_STARTED;
	enum blkmq_outcome outcome;
	u64 own;

	if (likely(!status)) {
		if (likely(blkmq_step_as_expected(call, rq, expected, BLKMQ_ENDED))) {
			if (rq.slot == call->rq.slot)
				call->has_ended = true;
			blkmq_hand_over(rq.slot, BLKMQ_STATUS_OK);
			return;
		}
	} else if (blkmq_bad(call, !blkmq_is_status(status), BLKMQ_FAULT_STATUS, status)) {
		return;
	}
	own = blkmq_own_pins(call, rq);
	outcome = blkmq_end_somehow(rq, status, own);
	if (outcome <= BLKMQ_DONE_PINNED)
		blkmq_pin_is_gone(call, own);
	else if (outcome == BLKMQ_NOT_ALLOWED || !blkmq_rq_present(rq))
		blkmq_refuse(call, outcome, rq);
	else
		blkmq_report_stale_end(call->disk, call->slot, rq, call->at);
}

/* Whether the time of a removal is over: nothing is waited for any more. */
static __always_inline bool blkmq_is_over(struct blkmq_set *set)
{
	unsigned long removal = READ_ONCE(set->removal);

	return removal && time_after_eq(jiffies, removal);
}

/* A request that the driver has given back, when there is no more time for it to come again. */
static noinline __cold void blkmq_refuse_late(struct blkmq_disk *disk, u8 slot, struct blkmq_rq rq, u32 at)
{
	atomic_inc(&disk->set->nr_timeouts);
	blkmq_report_late(disk, slot, rq.slot->rq, at);
}

/* It comes again with a new generation: what the driver still holds of it, a timer say, is stale then. */
static __always_inline void blkmq_request_requeue(struct blkmq_call *call, struct blkmq_rq rq, bool kick)
{
	if (!blkmq_step(call, rq, BLKMQ_FROM_END, BLKMQ_FREE))
		return;
	if (unlikely(blkmq_is_over(call->disk->set))) {
		blkmq_refuse_late(call->disk, call->slot, rq, call->at);
		blkmq_hand_over(rq.slot, BLKMQ_STATUS_TIMEOUT);
		return;
	}
	blk_mq_requeue_request(rq.slot->rq, kick);
}

/* Frees the data that is done: STATE while another thread uses it.  Whether there is more, and what was wrong. */
static noinline bool blkmq_update(struct blkmq_rq rq, s64 status, s64 nr_bytes, enum blkmq_fault *fault)
{
	struct request *request = rq.slot->rq;
	s64 word = atomic64_read(&rq.slot->word);
	bool more = false;

	do {
		*fault = BLKMQ_FAULT_STATE;
		if ((word & BLKMQ_PINS_MASK) != 1 || !blkmq_is_in(word, BLKMQ_FROM_END))
			return false;
	} while (!atomic64_try_cmpxchg(&rq.slot->word, &word,
				       (word & ~BLKMQ_STATE_BITS(0xff)) | BLKMQ_STATE_BITS(BLKMQ_UPDATING)));
	*fault = BLKMQ_FAULT_VALUE;
	if (nr_bytes >= 0 && nr_bytes <= request->__data_len && !(nr_bytes & (SECTOR_SIZE - 1))) {
		more = blk_update_request(request, (__force blk_status_t)status, nr_bytes);
		*fault = BLKMQ_FAULT_NONE;
	}
	atomic64_set_release(&rq.slot->word, word);	/* nobody can change it while it is updating */
	return more;
}

static __always_inline bool blkmq_request_update(struct blkmq_call *call, struct blkmq_rq rq, s64 status, s64 nr_bytes)
{
	enum blkmq_fault fault;
	bool more;

	if (blkmq_bad(call, !blkmq_is_status(status), BLKMQ_FAULT_STATUS, status) || !blkmq_pin(call, rq))
		return false;
	more = blkmq_update(rq, status, nr_bytes, &fault);
	if (fault)
		blkmq_fail(call, fault, fault == BLKMQ_FAULT_VALUE ? nr_bytes : rq.slot->index);
	call->nr_pins++;	/* segments are of the past */
	return more;
}

/* --- a handle in a field ------------------------------------------------------------- */

static __always_inline struct blkmq_rq blkmq_kept_request_load(struct blkmq_call *call, struct blkmq_kept_request *kept)
{
	return blkmq_rq_of_word(call, READ_ONCE(kept->word));
}

static __always_inline void blkmq_kept_request_store(struct blkmq_call *call, struct blkmq_kept_request *kept,
						     struct blkmq_rq rq)
{
	WRITE_ONCE(kept->word, blkmq_word_of(rq));
}

/* --- HwCtx, TagSet --------------------------------------------------------------------- */

static __always_inline s64 blkmq_hw_ctx_queue_num(struct blkmq_call *call, struct blkmq_hw_ctx hctx)
{
	return hctx.hw ? hctx.hw->queue_num : 0;
}

static __always_inline s64 blkmq_hw_ctx_type(struct blkmq_call *call, struct blkmq_hw_ctx hctx)
{
	return hctx.hw ? hctx.hw->hctx->type : 0;
}

static __always_inline void *blkmq_hw_ctx_data(struct blkmq_call *call, struct blkmq_hw_ctx hctx)
{
	return hctx.hw + 1;
}

static __always_inline struct blkmq_rq blkmq_tag_set_tag_to_rq(struct blkmq_call *call, struct blkmq_hw_ctx hctx,
							       s64 tag)
{
	struct blkmq_slot *slot;
	u32 generation;

	if (blkmq_bad_index(call, tag, call->disk->set->tag_set.queue_depth) || !hctx.hw)
		return BLKMQ_NO_RQ;
	slot = blkmq_slot_at(call->disk->set, hctx.hw->queue_num << 16 | tag);
	generation = READ_ONCE(slot->generation);
	return generation & 1 ? (struct blkmq_rq){ slot, generation } : BLKMQ_NO_RQ;
}

#endif
