/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* One request at a time: there is a queue_rq for each combination of the driver's modes. */
#ifndef BLKMQ_QUEUE_RQ_H
#define BLKMQ_QUEUE_RQ_H

static __always_inline blk_status_t blkmq_queue_rq(struct blk_mq_hw_ctx *hctx, const struct blk_mq_queue_data *bd,
						   u8 variant)
{
	struct blkmq_hw *hw = hctx->driver_data;
	struct blkmq_disk *disk = hw->disk;
	struct blkmq_rq rq = blkmq_issue(hw, bd->rq);
	struct blkmq_call call = blkmq_begin(disk, rq, BLKMQ_SLOT_queue_rq, false, BLKMQ_FUEL_DATA);
	blk_status_t answer;
	s64 status;

	if (!blkmq_has_leave(disk, rq, bd->rq, &answer))
		return answer;
	call.variant = variant;
	status = blkmq_driver_queue_rq(&call, blkmq_driver(disk), (struct blkmq_hw_ctx){ hw }, rq, bd->last);
	if (likely(!status && !call.error && call.pinned == &blkmq_no_slot && call.has_started))
		return BLK_STS_OK;
	answer = blkmq_answered(blkmq_copied(&call), status);
	return blkmq_return_budget(hw, bd->rq, answer);
}

#define X(variant)									\
static blk_status_t blkmq_queue_rq_##variant(struct blk_mq_hw_ctx *hctx,		\
					     const struct blk_mq_queue_data *bd)	\
{											\
	return blkmq_queue_rq(hctx, bd, variant);					\
}

BLKMQ_VARIANTS(X)
#undef X

static blk_status_t (*const blkmq_queue_rqs[])(struct blk_mq_hw_ctx *hctx,
		     const struct blk_mq_queue_data *bd) __initconst = {
#define X(variant)	blkmq_queue_rq_##variant,
	BLKMQ_VARIANTS(X)
#undef X
};

#endif
