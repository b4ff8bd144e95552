/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Calling the driver: dispatch/callback.py.
 *
 * A callback has fuel, so that it ends; what it holds when an error breaks it off
 * is given back here, and the request that it was for ends with IOERR.
 */
#ifndef BLKMQ_CALLBACK_H
#define BLKMQ_CALLBACK_H

#define BLKMQ_FUEL_CONTROL	((s64)BIT_ULL(24))
#define BLKMQ_FUEL_DATA		((s64)BIT_ULL(20))

static __always_inline struct blkmq_call blkmq_begin(struct blkmq_disk *disk, struct blkmq_rq rq, u8 slot,
						     bool may_sleep, s64 fuel)
{
	struct blkmq_call call __uninitialized;

	call.fuel = fuel;
	call.value = 0;
	call.error = BLKMQ_FAULT_NONE;
	call.at = 0;
	call.error_at = 0;
	call.nr_pins = 0;
	call.slot = slot;
	call.variant = BLKMQ_NO_VARIANT;
	call.nr_held = 0;
	call.nr_spinning = 0;
	call.may_sleep = may_sleep;
	call.has_started = false;
	call.has_ended = false;
	call.has_data_fuel = false;
	call.disk = disk;
	call.rq.slot = rq.slot;
	call.rq.generation = rq.generation;
	call.pinned = &blkmq_no_slot;
	call.held = NULL;
	call.view = NULL;
	return call;
}

static __always_inline BLKMQ_DRIVER *blkmq_driver(struct blkmq_disk *disk)
{
	return (void *)(disk + 1);
}

static noinline __cold void blkmq_escaped(struct blkmq_call *call)
{
	/* It ended while ``timeout`` ran beside the rest of the driver: nobody's mistake. */
	if (call->slot == BLKMQ_SLOT_timeout && call->error == BLKMQ_FAULT_STALE && !blkmq_is_live(call->rq))
		return;
	atomic_inc(&call->disk->set->nr_errors);
	blkmq_report(call->disk, call->slot, call->error, call->value, call->error_at);
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
		struct blkmq_disk *disk = rq.slot->hw->disk;
		struct blkmq_call inner = blkmq_begin(disk, rq, BLKMQ_SLOT_cleanup_rq, false, BLKMQ_FUEL_DATA);

		blkmq_driver_cleanup_rq(&inner, blkmq_driver(disk), rq);
		blkmq_give_back(&inner);
		if (inner.error)
			blkmq_escaped(&inner);
		blkmq_let_go(&inner);
	}
#endif
	outcome = blkmq_transition(rq, sources, BLKMQ_ENDED, status, own);
	if (outcome <= BLKMQ_DONE_PINNED)
		blkmq_pin_is_gone(call, own);
	return outcome;
}

/* An error that escaped ends the request that the callback was for. */
static noinline __cold void blkmq_fail_request(struct blkmq_call call)
{
	blkmq_escaped(&call);
	if (blkmq_abandon(&call, call.rq, BLKMQ_STATUS_IOERR, BLKMQ_FROM_FAIL) == BLKMQ_DONE)
		blkmq_hand_over(call.rq.slot, BLKMQ_STATUS_IOERR);
	blkmq_let_go(&call);
}

/* After any callback but queue_rq. */
static __always_inline void blkmq_finish(struct blkmq_call *call)
{
	blkmq_give_back(call);
	if (unlikely(call->error))
		blkmq_fail_request(blkmq_copied(call));
	else
		blkmq_let_go(call);
}

/* What a control callback that is over came to; its Errno may be any number. */
static inline int blkmq_errno(struct blkmq_call *call, s64 error)
{
	if (!call->error && !error)
		return 0;
	return !call->error && error < 0 && error >= -MAX_ERRNO ? error : -EIO;
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

/*
 * What a request knows itself: its slot, from the moment that it is issued, and
 * before that the token of its budget.  A request's own memory may go with the
 * scheduler, its slot stays.
 */
struct blkmq_in_request {
	struct blkmq_slot *slot;
	int token;
};

static __always_inline struct blkmq_in_request *blkmq_in_request(struct request *request)
{
	return blk_mq_rq_to_pdu(request);
}

/* The present handle of a request that was issued; it is live if the driver has the request. */
static __always_inline struct blkmq_rq blkmq_rq_of(struct request *request)
{
	struct blkmq_slot *slot = blkmq_in_request(request)->slot;

	return blkmq_issued(slot, READ_ONCE(slot->generation) | 1);
}

/* A timer or a work: its request may be gone, and it is not called for then. */
static void blkmq_call_later(struct blkmq_disk *disk, struct blkmq_rq rq, s64 callback, bool may_sleep)
{
	struct blkmq_call call;
	int reader = 0;

	if (blkmq_rq_present(rq)) {
		if (!blkmq_is_live(rq)) {
			atomic_inc(&rq.slot->set->nr_stale_timers);
			return;
		}
		disk = rq.slot->hw->disk;
	}
	if (may_sleep)
		reader = srcu_read_lock(blkmq_srcu(disk->set));
	call = blkmq_begin(disk, rq, callback, may_sleep, BLKMQ_FUEL_DATA);
	blkmq_driver_later(&call, blkmq_driver(disk), rq, callback);
	blkmq_finish(&call);
	if (may_sleep)
		srcu_read_unlock(blkmq_srcu(disk->set), reader);
}

#endif
