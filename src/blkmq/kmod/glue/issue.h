/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The lives of a slot: how one begins, and what comes of the callback that has begun with it. */
#ifndef BLKMQ_ISSUE_H
#define BLKMQ_ISSUE_H

/*
 * A new life of the slot: its handle.  Nobody writes to the word between two lives
 * but who still has a pin of the past one.
 */
static __always_inline struct blkmq_rq blkmq_issue(struct blkmq_hw *hw, struct request *request)
{
	struct blkmq_slot *slot = hw->slots + request->tag * BLKMQ_SLOT_BYTES;
	struct blkmq_rq rq = blkmq_issued(slot, slot->generation + 1);
	s64 word;

	blkmq_in_request(request)->slot = slot;
	slot->rq = request;
	slot->hw = hw;
	if (likely(!(slot->low & BLKMQ_PINS_MASK))) {
		atomic64_set_release(&slot->word, blkmq_word(rq, BLKMQ_IDLE));
	} else {
		word = atomic64_read(&slot->word);
		while (!atomic64_try_cmpxchg(&slot->word, &word,
					     blkmq_word(rq, BLKMQ_IDLE) | (word & BLKMQ_PINS_MASK)))
			;
	}
	return rq;
}

/*
 * The driver has taken a request that it did not start: it is timed from here on,
 * and the driver starts it whenever it likes.  Only who has issued it may do this.
 */
static __always_inline void blkmq_take_unstarted(struct blkmq_rq rq)
{
	if (blkmq_is_idle(rq)) {
		blk_mq_start_request(rq.slot->rq);
		atomic64_add(BLKMQ_STATE_BITS(BLKMQ_TAKEN - BLKMQ_IDLE), &rq.slot->word);
	}
}

/* What comes of queue_rq if it did not just start the request and return OK. */
static noinline blk_status_t blkmq_answered(struct blkmq_call call, s64 status)
{
	unsigned int from_all = BLKMQ_FROM_FAIL | BLKMQ_IDLE;
	struct blkmq_rq rq = call.rq;
	blk_status_t answer = BLK_STS_OK;
	u64 own;

	blkmq_give_back(&call);
	if (call.error) {
		blkmq_escaped(&call);
		status = BLKMQ_STATUS_IOERR;
	} else if (!blkmq_is_status(status)) {
		blkmq_report(call.disk, call.slot, BLKMQ_FAULT_STATUS, status, call.at);
		status = BLKMQ_STATUS_IOERR;
	}
	own = blkmq_own_pins(&call, rq);
	if (!status) {
		blkmq_take_unstarted(rq);
	} else if (status == BLKMQ_STATUS_RESOURCE || status == BLKMQ_STATUS_DEV_RESOURCE) {
		enum blkmq_outcome outcome = blkmq_transition(rq, from_all, BLKMQ_FREE, 0, own);

		if (outcome <= BLKMQ_DONE_PINNED) {
			blkmq_pin_is_gone(&call, own);
			answer = (__force blk_status_t)status;
			if (blkmq_is_over(call.disk->set)) {
				blkmq_refuse_late(call.disk, call.slot, rq, call.at);
				answer = BLK_STS_TIMEOUT;
			}
		} else {
			blkmq_report_stale_end(call.disk, call.slot, rq, call.at);
		}
	} else if (blkmq_abandon(&call, rq, status, from_all) == BLKMQ_DONE) {
		answer = (__force blk_status_t)status;	/* the block layer ends it */
	} else if (!call.error && !blkmq_is_live(rq)) {
		blkmq_report_stale_end(call.disk, call.slot, rq, call.at);
	}
	blkmq_let_go(&call);
	return answer;
}

#endif
