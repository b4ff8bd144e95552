/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Who has a request: dispatch/ownership.py, on the words of slots.
 *
 * Safe because a slot outlives every handle of it, and slot->rq is only followed
 * by who has just moved the word out of a state, or has a pin: a request ends in
 * one place, and not before its last pin is gone.
 */
#ifndef BLKMQ_OWNERSHIP_H
#define BLKMQ_OWNERSHIP_H

#define BLKMQ_LIVE							\
	(BLKMQ_IDLE | BLKMQ_TAKEN | BLKMQ_STARTED | BLKMQ_COMPLETED | BLKMQ_COMPLETING | BLKMQ_UPDATING)
#define BLKMQ_FROM_END		(BLKMQ_STARTED | BLKMQ_COMPLETING)
#define BLKMQ_FROM_FAIL		(BLKMQ_FROM_END | BLKMQ_TAKEN)

enum blkmq_outcome {
	BLKMQ_DONE,
	BLKMQ_DONE_PINNED,
	BLKMQ_NOT_ALLOWED,
	BLKMQ_GONE,
};

static __always_inline bool blkmq_is_its_life(u64 word, struct blkmq_rq rq)
{
	return !((word ^ rq.generation) >> 32);
}

/* Whether a word says one of several states. */
static __always_inline bool blkmq_is_in(u64 word, unsigned int states)
{
	return word & BLKMQ_STATE_BITS(states);
}

static __always_inline bool blkmq_word_is_live(u64 word, struct blkmq_rq rq)
{
	return blkmq_is_its_life(word, rq) && blkmq_is_in(word, BLKMQ_LIVE);
}

static inline bool blkmq_rq_present(struct blkmq_rq rq)
{
	return rq.slot != NULL;
}

static inline bool blkmq_is_live(struct blkmq_rq rq)
{
	return rq.slot && blkmq_word_is_live(atomic64_read(&rq.slot->word), rq);
}

static noinline __cold void blkmq_fail_stale(struct blkmq_call *call, struct blkmq_rq rq)
{
	if (rq.slot)
		blkmq_fail(call, BLKMQ_FAULT_STALE, rq.slot->index);
	else
		blkmq_fail(call, BLKMQ_FAULT_ABSENT, 0);
}

/* Notes why a transition was not made. */
static noinline __cold void blkmq_refuse(struct blkmq_call *call, enum blkmq_outcome outcome, struct blkmq_rq rq)
{
	if (outcome == BLKMQ_NOT_ALLOWED)
		blkmq_fail(call, BLKMQ_FAULT_STATE, rq.slot->index);
	else
		blkmq_fail_stale(call, rq);
}

/*
 * Moves a request to ``target`` if it is in one of ``sources``.  ``own`` pins are
 * the caller's and go with it.  Whoever gets BLKMQ_DONE with an end has the
 * request to himself.
 */
static __always_inline enum blkmq_outcome blkmq_transition(struct blkmq_rq rq, unsigned int sources,
							   enum blkmq_state target, u64 status, u64 own)
{
	s64 word;

	if (unlikely(!rq.slot))
		return BLKMQ_GONE;
	word = atomic64_read(&rq.slot->word);
	for (;;) {
		u64 pins = (word & BLKMQ_PINS_MASK) - own;

		if (unlikely(!blkmq_is_its_life(word, rq) || !blkmq_is_in(word, sources)))
			return blkmq_word_is_live(word, rq) ? BLKMQ_NOT_ALLOWED : BLKMQ_GONE;
		if (likely(atomic64_try_cmpxchg(&rq.slot->word, &word,
						rq.generation | status << BLKMQ_STATUS_SHIFT |
						BLKMQ_STATE_BITS(target) | pins)))
			return pins ? BLKMQ_DONE_PINNED : BLKMQ_DONE;
	}
}

/* The end of a request that nobody else can reach any more. */
static __always_inline void blkmq_hand_over(struct blkmq_slot *slot, u64 status)
{
	blk_mq_end_request(slot->rq, (__force blk_status_t)status);
}

static inline void blkmq_unpin(struct blkmq_slot *slot)
{
	u64 word = atomic64_dec_return(&slot->word);

	if (unlikely(!(word & BLKMQ_PINS_MASK) && blkmq_is_in(word, BLKMQ_ENDED)))
		blkmq_hand_over(slot, word >> BLKMQ_STATUS_SHIFT & 0xff);
}

/*
 * Keeps a live request from ending until the callback is over; false, with an
 * error noted, if it is not live.  A call pins one request at a time: a request
 * whose generation is still good when it is pinned again has not ended between.
 */
static noinline bool blkmq_pin_anew(struct blkmq_call *call, struct blkmq_rq rq)
{
	s64 word;

	if (call->pinned) {
		blkmq_unpin(call->pinned);
		call->pinned = NULL;
	}
	if (!rq.slot) {
		blkmq_fail_stale(call, rq);
		return false;
	}
	word = atomic64_read(&rq.slot->word);
	do {
		if (!blkmq_word_is_live(word, rq) || blkmq_is_in(word, BLKMQ_UPDATING)) {
			blkmq_fail_stale(call, rq);
			return false;
		}
	} while (!atomic64_try_cmpxchg(&rq.slot->word, &word, word + 1));
	call->pinned = rq.slot;
	return true;
}

/* What is pinned belongs to one life: it cannot begin another before the pin is gone. */
static __always_inline bool blkmq_pin(struct blkmq_call *call, struct blkmq_rq rq)
{
	if (likely(call->pinned == rq.slot && rq.slot &&
		   blkmq_is_its_life(atomic64_read(&rq.slot->word), rq)))
		return true;
	return blkmq_pin_anew(call, rq);
}

/* The pins that a call itself has of a request. */
static __always_inline u64 blkmq_own_pins(struct blkmq_call *call, struct blkmq_rq rq)
{
	return call->pinned && call->pinned == rq.slot && blkmq_is_its_life(atomic64_read(&rq.slot->word), rq);
}

#endif
