/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The slots of struct blk_mq_ops: each is set only where the driver has the callback, or the glue needs it. */
#ifndef BLKMQ_OPS_H
#define BLKMQ_OPS_H

#ifdef blkmq_driver_commit_rqs
static void blkmq_commit_rqs(struct blk_mq_hw_ctx *hctx)
{
	struct blkmq_hw *hw = hctx->driver_data;
	struct blkmq_call call = blkmq_begin(hw->disk, BLKMQ_NO_RQ, BLKMQ_SLOT_commit_rqs, false, BLKMQ_FUEL_DATA);

	blkmq_driver_commit_rqs(&call, blkmq_driver(hw->disk), (struct blkmq_hw_ctx){ hw });
	blkmq_finish(&call);
}
#endif

#ifdef blkmq_driver_busy
static bool blkmq_busy(struct request_queue *q)
{
	struct blkmq_disk *disk = q->queuedata;
	struct blkmq_call call = blkmq_begin(disk, BLKMQ_NO_RQ, BLKMQ_SLOT_busy, false, BLKMQ_FUEL_DATA);
	bool busy;

	busy = blkmq_driver_busy(&call, blkmq_driver(disk));
	blkmq_finish(&call);
	return busy && !call.error;
}
#endif

/*
 * Asks the driver about a request that takes too long, and ends it unless the
 * answer is to wait on; nothing is waited for once the time of a removal is over.
 * False: it is late no more, or ``complete`` is about to come.
 */
static bool blkmq_expire(struct blkmq_rq rq, struct request *request, u32 at, u8 slot)
{
	struct blkmq_disk *disk = rq.slot->hw->disk;
	struct blkmq_call call = blkmq_begin(disk, rq, BLKMQ_SLOT_timeout, false, BLKMQ_FUEL_DATA);
	s64 answer = BLKMQ_EH_DONE, status = BLKMQ_STATUS_TIMEOUT;
	enum blkmq_outcome outcome;

	atomic_inc(&disk->set->nr_timeouts);
#ifdef blkmq_driver_timeout
	if (!blkmq_is_over(disk->set))
		answer = blkmq_driver_timeout(&call, blkmq_driver(disk), rq);
#endif
	blkmq_give_back(&call);
	if (call.error) {
		blkmq_escaped(&call);
		status = BLKMQ_STATUS_IOERR;
	}
	if (call.error || answer != BLKMQ_EH_RESET_TIMER) {
		outcome = blkmq_abandon(&call, rq, status, BLKMQ_FROM_FAIL);
		if (outcome <= BLKMQ_DONE_PINNED && !call.error)
			blkmq_report_late(disk, slot, request, at);
		if (outcome == BLKMQ_DONE)
			blkmq_hand_over(rq.slot, status);
	}
	blkmq_let_go(&call);
	return blkmq_is_live(rq);
}

/* blk-mq holds a reference of the request meanwhile, so that its slot does not begin another life. */
static enum blk_eh_timer_return blkmq_timeout(struct request *request)
{
	struct blkmq_rq rq = blkmq_rq_of(request);

	if (rq.slot->rq != request || !blkmq_is_live(rq))
		return BLK_EH_DONE;
	return blkmq_expire(rq, request, BLKMQ_AT_queue_rq, BLKMQ_SLOT_queue_rq) ? BLK_EH_RESET_TIMER : BLK_EH_DONE;
}

/*
 * Ends a request that ``complete`` has kept, when its time is over; whether there
 * is one.  It is pinned before it is looked at, so that the driver may end it
 * meanwhile.
 */
static bool blkmq_look_at_slot(struct blkmq_set *set, struct blkmq_slot *slot)
{
	/* pairs with blkmq_keep(): kept_since is of that generation */
	u32 kept = smp_load_acquire(&slot->kept);
	struct blkmq_rq rq = { slot, kept };
	struct blkmq_call call = blkmq_begin(set->disks[0], BLKMQ_NO_RQ, BLKMQ_SLOT_timeout, false, 0);

	if (!(rq.generation & 1) || !blkmq_is_live(rq))
		return false;
	if (time_before(jiffies, READ_ONCE(slot->kept_since) + set->tag_set.timeout) && !blkmq_is_over(set))
		return true;
	if (blkmq_pin(&call, rq)) {
		if (blkmq_expire(rq, slot->rq, BLKMQ_AT_complete, BLKMQ_SLOT_complete))
			WRITE_ONCE(slot->kept_since, jiffies);
		blkmq_let_go(&call);
	}
	return true;
}

static void blkmq_look_again(struct blkmq_set *set)
{
	schedule_delayed_work(&set->kept, max(set->tag_set.timeout / 8, 1u));
}

/* What blk-mq does not time: such requests, and during a removal those that were requeued without a kick. */
static void blkmq_look_at_kept(struct work_struct *item)
{
	struct blkmq_set *set = container_of(to_delayed_work(item), struct blkmq_set, kept);
	bool again = READ_ONCE(set->removal);
	unsigned int i, tag;

	for (i = 0; again && i < set->nr_disks; i++)
		blk_mq_kick_requeue_list(set->disks[i]->gendisk->queue);
	for (i = 0; i < set->nr_queues; i++) {
		for (tag = 0; set->queues[i].slots && tag < set->tag_set.queue_depth; tag++)
			again |= blkmq_look_at_slot(set, blkmq_slot(set, i, tag));
	}
	if (again)
		blkmq_look_again(set);
}

/* ``complete`` has not ended it: its time begins anew. */
static noinline __cold void __maybe_unused blkmq_keep(struct blkmq_rq rq)
{
	WRITE_ONCE(rq.slot->kept_since, jiffies);
	/* pairs with blkmq_look_at_slot() */
	smp_store_release(&rq.slot->kept, rq.generation);
	blkmq_look_again(rq.slot->set);
}

static void blkmq_complete(struct request *request)
{
	struct blkmq_rq rq = blkmq_rq_of(request);

	atomic64_add(BLKMQ_STATE_BITS(BLKMQ_COMPLETING - BLKMQ_COMPLETED), &rq.slot->word);
#ifdef blkmq_driver_complete
	struct blkmq_disk *disk = rq.slot->hw->disk;
	struct blkmq_call call = blkmq_begin(disk, rq, BLKMQ_SLOT_complete, false, BLKMQ_FUEL_DATA);

	blkmq_driver_complete(&call, blkmq_driver(disk), rq);
	blkmq_finish(&call);
	if (unlikely(!call.has_ended && blkmq_is_live(rq)))
		blkmq_keep(rq);
#else
	if (blkmq_transition(rq, BLKMQ_FROM_END, BLKMQ_ENDED, BLKMQ_STATUS_OK, 0) == BLKMQ_DONE)
		blkmq_hand_over(rq.slot, BLKMQ_STATUS_OK);
#endif
}

/* The maps one after the other, as the view numbers them; one without queues is served by the default one. */
static void blkmq_map_queues(struct blk_mq_tag_set *tags)
{
	struct blkmq_set *set = container_of(tags, struct blkmq_set, tag_set);
	unsigned int nr_queues[HCTX_MAX_TYPES] = {
		[HCTX_TYPE_READ] = tags->nr_maps > HCTX_TYPE_READ ? set->view.nr_read_queues : 0,
		[HCTX_TYPE_POLL] = tags->nr_maps > HCTX_TYPE_POLL ? set->view.nr_poll_queues : 0,
	};
	unsigned int offset = 0, i;

	if (unlikely(nr_queues[HCTX_TYPE_READ] + nr_queues[HCTX_TYPE_POLL] >= tags->nr_hw_queues)) {
		nr_queues[HCTX_TYPE_READ] = 0;	/* blk-mq did not get as many */
		nr_queues[HCTX_TYPE_POLL] = 0;
	}
	nr_queues[HCTX_TYPE_DEFAULT] = tags->nr_hw_queues - nr_queues[HCTX_TYPE_READ] - nr_queues[HCTX_TYPE_POLL];
	for (i = 0; i < tags->nr_maps; i++) {
		tags->map[i].nr_queues = nr_queues[i];
		tags->map[i].queue_offset = offset;
		offset += nr_queues[i];
		if (nr_queues[i])
			blk_mq_map_queues(&tags->map[i]);
	}
}

static void blkmq_free_hw(struct blkmq_hw *hw)
{
	blkmq_hw_exit((void *)(hw + 1));
	kfree(hw);
}

static int blkmq_init_hctx(struct blk_mq_hw_ctx *hctx, void *data, unsigned int index)
{
	struct blkmq_set *set = data;
	struct blkmq_disk *disk = hctx->queue->queuedata;
	struct blkmq_hw *hw;

	if (index >= set->nr_queues)
		return -ENOMEM;
	hw = kzalloc_node(sizeof(*hw) + BLKMQ_HW_BYTES, GFP_KERNEL, hctx->numa_node);
	if (!hw)
		return -ENOMEM;
	hw->disk = disk;
	hw->hctx = hctx;
	hw->queue_num = index;
	hw->slots = set->queues[index].slots;
	blkmq_hw_init((void *)(hw + 1), disk, NULL);
	hctx->driver_data = hw;
#ifdef blkmq_driver_init_hctx
	struct blkmq_call call = blkmq_begin(disk, BLKMQ_NO_RQ, BLKMQ_SLOT_init_hctx, true, BLKMQ_FUEL_CONTROL);
	s64 error;

	error = blkmq_driver_init_hctx(&call, blkmq_driver(disk), (struct blkmq_hw_ctx){ hw });
	blkmq_finish(&call);
	if (call.error || error) {
		blkmq_free_hw(hw);
		return blkmq_errno(&call, error);
	}
#endif
	return 0;
}

static void blkmq_exit_hctx(struct blk_mq_hw_ctx *hctx, unsigned int index)
{
	struct blkmq_hw *hw = hctx->driver_data;

#ifdef blkmq_driver_exit_hctx
	struct blkmq_call call = blkmq_begin(hw->disk, BLKMQ_NO_RQ, BLKMQ_SLOT_exit_hctx, true, BLKMQ_FUEL_CONTROL);

	blkmq_driver_exit_hctx(&call, blkmq_driver(hw->disk), (struct blkmq_hw_ctx){ hw });
	blkmq_finish(&call);
#endif
	llist_add(&hw->dead, &hw->disk->dead_hws);	/* a timer or a work may still look at it */
}

static const struct blk_mq_ops blkmq_all_but_queue_rq __initconst = {
#ifdef blkmq_driver_queue_rqs
	.queue_rqs = blkmq_queue_list,
#endif
	.timeout = blkmq_timeout,
	.complete = blkmq_complete,
	.init_hctx = blkmq_init_hctx,
	.exit_hctx = blkmq_exit_hctx,
	.map_queues = blkmq_map_queues,
#ifdef blkmq_driver_commit_rqs
	.commit_rqs = blkmq_commit_rqs,
#endif
#ifdef blkmq_driver_get_budget
	.get_budget = blkmq_get_budget,
#endif
#ifdef blkmq_driver_put_budget
	.put_budget = blkmq_put_budget,
#endif
#ifdef BLKMQ_HAS_BUDGET
	.set_rq_budget_token = blkmq_keep_token,
	.get_rq_budget_token = blkmq_kept_token,
#endif
#ifdef blkmq_driver_poll
	.poll = blkmq_poll,
#endif
#ifdef blkmq_driver_busy
	.busy = blkmq_busy,
#endif
};

/* By variant. */
static struct blk_mq_ops blkmq_ops[BLKMQ_NR_VARIANTS] __ro_after_init;

static void __init blkmq_init_ops(void)
{
	unsigned int variant;

	for (variant = 0; variant < BLKMQ_NR_VARIANTS; variant++) {
		blkmq_ops[variant] = blkmq_all_but_queue_rq;
		blkmq_ops[variant].queue_rq = blkmq_queue_rqs[variant];
	}
}

#endif
