/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Looking for completions of a poll queue. */
#ifndef BLKMQ_POLL_H
#define BLKMQ_POLL_H

#ifdef blkmq_driver_poll
/* The poller is a thread in its own context, unlike all others that may not sleep: pages wait for it by RCU. */
static int blkmq_poll(struct blk_mq_hw_ctx *hctx, struct io_comp_batch *iob)
{
	struct blkmq_hw *hw = hctx->driver_data;
	struct blkmq_call call = blkmq_begin(hw->disk, BLKMQ_NO_RQ, BLKMQ_SLOT_poll, false, BLKMQ_FUEL_DATA);
	s64 nr_found;

	rcu_read_lock();
	nr_found = blkmq_driver_poll(&call, blkmq_driver(hw->disk), (struct blkmq_hw_ctx){ hw }, NULL);
	blkmq_finish(&call);
	rcu_read_unlock();
	return call.error ? 0 : clamp_t(s64, nr_found, 0, INT_MAX);
}
#endif

#endif
