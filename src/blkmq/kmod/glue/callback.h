/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Calling the driver: dispatch/callback.py.
 *
 * A callback has fuel, so that it ends; what it holds when an error breaks it off
 * is given back here, and the request that it was for ends with IOERR.
 */
#ifndef BLKMQ_CALLBACK_H
#define BLKMQ_CALLBACK_H

#define BLKMQ_FUEL_CONTROL	(1LL << 24)
#define BLKMQ_FUEL_DATA		(1LL << 20)

static __always_inline void blkmq_begin(struct blkmq_call *call, struct blkmq_disk *disk, struct blkmq_rq rq, u8 slot,
					bool may_sleep, s64 fuel)
{
	if (BLKMQ_BURNS)
		call->fuel = fuel;
	call->error = 0;
	call->slot = slot;
	call->may_sleep = may_sleep;
	call->nr_spinning = 0;
	call->nr_held = 0;
	call->has_started = false;
	call->disk = disk;
	call->rq = rq;
	call->pinned = NULL;
}

static noinline __cold void blkmq_escaped(struct blkmq_call *call)
{
	/* It ended while ``timeout`` ran beside the rest of the driver: nobody's mistake. */
	if (call->slot == BLKMQ_SLOT_timeout && call->error == BLKMQ_FAULT_STALE && !blkmq_is_live(call->rq))
		return;
	atomic_inc(&call->disk->set->nr_errors);
	blkmq_report(call, call->error, call->value, call->error_at);
}

/*
 * Ends a request that the driver did not, on its behalf; BLKMQ_DONE if the caller
 * has it to himself then.
 */
static noinline enum blkmq_outcome blkmq_abandon(struct blkmq_call *call, struct blkmq_rq rq, s64 status,
						 unsigned int sources)
{
	u64 own = blkmq_own_pins(call, rq);
	enum blkmq_outcome outcome;

#ifdef blkmq_driver_cleanup_rq
	if (blkmq_is_live(rq) && blkmq_is_in(atomic64_read(&rq.slot->word), sources)) {
		struct blkmq_call inner;

		blkmq_begin(&inner, rq.slot->hw->disk, rq, BLKMQ_SLOT_cleanup_rq, false, BLKMQ_FUEL_DATA);
		blkmq_driver_cleanup_rq(&inner, rq.slot->hw->disk->driver, rq);
		blkmq_release_held(&inner);
		if (inner.error)
			blkmq_escaped(&inner);
		if (inner.pinned)
			blkmq_unpin(inner.pinned);
	}
#endif
	outcome = blkmq_transition(rq, sources, BLKMQ_ENDED, status, own);
	if (outcome <= BLKMQ_DONE_PINNED)
		blkmq_pin_is_gone(call, own);
	return outcome;
}

/* After any callback but queue_rq: an error that escaped ends the request that it was for. */
static __always_inline void blkmq_finish(struct blkmq_call *call)
{
	if (BLKMQ_LOCKS && unlikely(call->nr_held))
		blkmq_release_held(call);
	if (unlikely(call->error)) {
		blkmq_escaped(call);
		if (call->rq.slot &&
		    blkmq_abandon(call, call->rq, BLKMQ_STATUS_IOERR, BLKMQ_FROM_FAIL) == BLKMQ_DONE)
			blkmq_hand_over(call->rq.slot, BLKMQ_STATUS_IOERR);
	}
	if (call->pinned)
		blkmq_unpin(call->pinned);
}

/* What a control callback that is over came to; its Errno may be any number. */
static inline int blkmq_errno(struct blkmq_call *call, s64 error)
{
	if (!call->error && !error)
		return 0;
	return !call->error && error < 0 && error >= -MAX_ERRNO ? error : -EIO;
}

static __always_inline s64 blkmq_fuel_of(struct request *request)
{
	return BLKMQ_FUEL_DATA + request->__data_len / BLKMQ_BYTES_PER_FUEL;
}

static __always_inline struct blkmq_slot *blkmq_slot_of(struct blkmq_hw *hw, struct request *request)
{
	return (struct blkmq_slot *)(hw->slots + request->tag * BLKMQ_SLOT_BYTES);
}

static inline struct blkmq_slot *blkmq_slot(struct blkmq_set *set, unsigned int queue, unsigned int tag)
{
	return set->queues[queue].slots + tag * BLKMQ_SLOT_BYTES;
}

/* The slot that a kept handle names; index is one of ours. */
static inline struct blkmq_slot *blkmq_slot_at(struct blkmq_set *set, u32 index)
{
	return blkmq_slot(set, index >> 16 & 0x7fff, index & 0xffff);
}

/* The present handle of a request that the block layer has, or that the driver has: it cannot change here. */
static __always_inline struct blkmq_rq blkmq_rq_of(struct request *request)
{
	struct blkmq_hw *hw = request->mq_hctx->driver_data;
	struct blkmq_slot *slot = blkmq_slot_of(hw, request);

	return (struct blkmq_rq){ slot, atomic64_read(&slot->word) & ~(BLKMQ_GENERATION - 1) };
}

/* A timer or a work: its request may be gone, and it is not called for then. */
static void blkmq_call_later(struct blkmq_disk *disk, struct blkmq_rq rq, s64 callback, bool may_sleep)
{
	struct blkmq_call call;
	int reader = 0;

	if (rq.slot) {
		if (!blkmq_is_live(rq)) {
			atomic_inc(&rq.slot->set->nr_stale_timers);
			return;
		}
		disk = rq.slot->hw->disk;
	}
	if (may_sleep)
		reader = srcu_read_lock(blkmq_srcu(disk->set));
	blkmq_begin(&call, disk, rq, callback, may_sleep, BLKMQ_FUEL_DATA);
	if (BLKMQ_BURNS && rq.slot && blkmq_pin(&call, rq))
		call.fuel = blkmq_fuel_of(rq.slot->rq);
	if (!call.error)
		blkmq_driver_later(&call, disk->driver, rq, callback);
	else if (call.error == BLKMQ_FAULT_STALE)
		call.error = 0;
	blkmq_finish(&call);
	if (may_sleep)
		srcu_read_unlock(blkmq_srcu(disk->set), reader);
}

#endif
