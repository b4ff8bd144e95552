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

#define BLKMQ_FROM_END		(BLKMQ_STARTED | BLKMQ_COMPLETING)
#define BLKMQ_FROM_FAIL		(BLKMQ_FROM_END | BLKMQ_TAKEN)

enum blkmq_outcome {
	BLKMQ_DONE,
	BLKMQ_DONE_PINNED,
	BLKMQ_NOT_ALLOWED,
	BLKMQ_GONE,
};

/* It may end at any moment after: what must not, has a pin.  A plain read, so that one look may serve several. */
static __always_inline bool blkmq_is_live(struct blkmq_rq rq)
{
	/* whoever must be sure looks again when it makes a step, or pins */
	return data_race(rq.slot->generation) == rq.generation;
}

static __always_inline bool blkmq_rq_present(struct blkmq_rq rq)
{
	return rq.slot != &blkmq_no_slot;
}

/* Whether a word says one of several states. */
static __always_inline bool blkmq_is_in(u64 word, unsigned int states)
{
	return word & BLKMQ_STATE_BITS(states);
}

/* What a slot says of a request in a state: once that has ended, or is the block layer's, no handle is good. */
static __always_inline u64 blkmq_word(struct blkmq_rq rq, enum blkmq_state state)
{
	bool is_over = state == BLKMQ_FREE || state == BLKMQ_ENDED;

	return ((u64)rq.generation << BLKMQ_GENERATION_SHIFT) +
	       (((u64)is_over << BLKMQ_GENERATION_SHIFT) + BLKMQ_STATE_BITS(state));
}

/* A request that was issued has a slot: it spares compilers a look whether that is the one of none. */
static __always_inline struct blkmq_rq blkmq_issued(struct blkmq_slot *slot, u32 generation)
{
	if (slot == &blkmq_no_slot)
		__builtin_unreachable();
	return (struct blkmq_rq){ slot, generation };
}

/* Whether queue_rq has not started it; most often nobody has pinned it either. */
static __always_inline bool blkmq_is_idle(struct blkmq_rq rq)
{
	u64 word = atomic64_read(&rq.slot->word);

	return likely(word == blkmq_word(rq, BLKMQ_IDLE)) ||
	       (word >> BLKMQ_GENERATION_SHIFT == rq.generation && blkmq_is_in(word, BLKMQ_IDLE));
}

static __always_inline void blkmq_fail_stale(struct blkmq_call *call, struct blkmq_rq rq)
{
	blkmq_fail(call, blkmq_rq_present(rq) ? BLKMQ_FAULT_STALE : BLKMQ_FAULT_ABSENT, rq.slot->index);
}

/* Notes why a transition was not made. */
static __always_inline void blkmq_refuse(struct blkmq_call *call, enum blkmq_outcome outcome, struct blkmq_rq rq)
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
static noinline enum blkmq_outcome blkmq_transition(struct blkmq_rq rq, unsigned int sources, enum blkmq_state target,
						    u64 status, u64 own)
{
	s64 word = atomic64_read(&rq.slot->word);

	for (;;) {
		u64 pins = (word & BLKMQ_PINS_MASK) - own;

		if ((u32)(word >> BLKMQ_GENERATION_SHIFT) != rq.generation)
			return BLKMQ_GONE;
		if (!blkmq_is_in(word, sources))
			return BLKMQ_NOT_ALLOWED;
		if (likely(atomic64_try_cmpxchg(&rq.slot->word, &word,
						blkmq_word(rq, target) | status << BLKMQ_STATUS_SHIFT | pins)))
			return pins ? BLKMQ_DONE_PINNED : BLKMQ_DONE;
	}
}

/* The end of a request that nobody else can reach any more. */
static __always_inline void blkmq_hand_over(struct blkmq_slot *slot, u64 status)
{
	blk_mq_end_request(slot->rq, (__force blk_status_t)status);
}

/* --- pins ------------------------------------------------------------------------- */

static __always_inline void blkmq_unpin(struct blkmq_slot *slot)
{
	u64 word = atomic64_dec_return(&slot->word);

	if (unlikely(!(word & BLKMQ_PINS_MASK) && blkmq_is_in(word, BLKMQ_ENDED)))
		blkmq_hand_over(slot, word >> BLKMQ_STATUS_SHIFT & 0xff);
}

/* Keeps a live request from ending; not while a thread is in update. */
static __always_inline bool blkmq_pin_slot(struct blkmq_rq rq)
{
	s64 word = atomic64_read(&rq.slot->word);

	do {
		if (unlikely((u32)(word >> BLKMQ_GENERATION_SHIFT) != rq.generation ||
			     blkmq_is_in(word, BLKMQ_UPDATING)))
			return false;
	} while (unlikely(!atomic64_try_cmpxchg(&rq.slot->word, &word, word + 1)));
	return true;
}

static __always_inline void blkmq_let_go(struct blkmq_call *call)
{
	struct blkmq_slot *slot = call->pinned;

	if (slot == &blkmq_no_slot)
		return;
	call->pinned = &blkmq_no_slot;
	call->nr_pins++;
	blkmq_unpin(slot);
}

/*
 * Makes sure that a request is live, and keeps it from ending until the callback
 * is over; false, with an error noted, if it is not.  A call pins one at a time.
 * What is pinned and ends keeps its memory, but no handle of it is live.
 */
static __always_inline bool blkmq_pin(struct blkmq_call *call, struct blkmq_rq rq)
{
	bool is_good;

	if (likely(call->pinned == rq.slot)) {
		is_good = blkmq_is_live(rq);
	} else {
		blkmq_let_go(call);
		is_good = blkmq_pin_slot(rq);
		if (likely(is_good)) {
			call->pinned = rq.slot;
			call->nr_pins++;
		}
	}
	if (unlikely(!is_good))
		blkmq_fail_stale(call, rq);
	return is_good;
}

/* The pins that a call itself has of a request. */
static __always_inline u64 blkmq_own_pins(struct blkmq_call *call, struct blkmq_rq rq)
{
	return call->pinned == rq.slot && blkmq_is_live(rq);
}

/* Forgets a pin that went with a transition. */
static __always_inline void blkmq_pin_is_gone(struct blkmq_call *call, u64 own)
{
	if (own) {
		call->pinned = &blkmq_no_slot;
		call->nr_pins++;
	}
}

#endif
