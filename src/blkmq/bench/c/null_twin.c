/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * drivers/null_blk as a C programmer would write it on the kernel's glue: its
 * callbacks in place of the printed ones, without the write cache.  It trusts
 * itself in its loops: no fuel, no look for errors behind each verb.
 */
static s64 null_blk_configure(struct blkmq_call *call, struct null_blk *self)
{
	const struct null_blk_config *config = &self->config;
	struct blkmq_tag_set *tags = blkmq_tag_set(call);
	struct blkmq_limits *limits = blkmq_limits(call);

	tags->nr_hw_queues = max(config->submit_queues, 1u);
	tags->queue_depth = config->hw_queue_depth;
	tags->timeout_msec = 5000;
	if (config->blocking || config->memory_backed)
		tags->flags |= BLK_MQ_F_BLOCKING;
	limits->logical_block_size = config->blocksize;
	limits->physical_block_size = config->blocksize;
	limits->max_hw_sectors = config->max_sectors;
	limits->dma_alignment = 1;
	if (config->memory_backed && config->discard)
		limits->max_hw_discard_sectors = UINT_MAX >> SECTOR_SHIFT;
	blkmq_gen_disk_set_capacity(call, config->size << (20 - SECTOR_SHIFT));
	return 0;
}

static __always_inline s64 null_blk_transfer(struct blkmq_call *call, struct null_blk *self, struct blkmq_rq rq)
{
	s64 position = blkmq_request_sector(call, rq) << SECTOR_SHIFT;
	bool is_write = blkmq_request_op(call, rq) == REQ_OP_WRITE;
	struct blkmq_segment segment = blkmq_segment_first(call, rq);

	for (; blkmq_segment_more(call, &segment); blkmq_segment_next(call, &segment)) {
		while (blkmq_segment_len(call, &segment) > 0) {
			s64 offset = position & (PAGE_SIZE - 1);
			s64 index = position >> PAGE_SHIFT;
			struct blkmq_page page;

			if (is_write) {
				page = blkmq_page_store_get_or_alloc(call, &self->store, index);
				if (!blkmq_page_present(page))
					return BLKMQ_STATUS_NOSPC;
				position += blkmq_segment_copy_to_page(call, &segment, page, offset, PAGE_SIZE);
				continue;
			}
			page = blkmq_page_store_get(call, &self->store, index);
			if (blkmq_page_present(page))
				position += blkmq_segment_copy_from_page(call, &segment, page, offset, PAGE_SIZE);
			else
				position += blkmq_segment_zero(call, &segment, PAGE_SIZE - offset);
		}
	}
	return BLKMQ_STATUS_OK;
}

static noinline s64 null_blk_discard(struct null_blk *self, struct blkmq_set *set, s64 position, s64 end)
{
	while (position < end) {
		s64 offset = position & (PAGE_SIZE - 1);
		s64 nr_bytes = min_t(s64, end - position, PAGE_SIZE - offset);
		void *page;

		if (nr_bytes == PAGE_SIZE) {
			blkmq_erase_page(set, &self->store, position >> PAGE_SHIFT);
		} else {
			page = xa_load(&self->store.pages, position >> PAGE_SHIFT);
			if (page)
				memset(page + offset, 0, nr_bytes);
		}
		position += nr_bytes;
	}
	return BLKMQ_STATUS_OK;
}

static __always_inline s64 null_blk_process(struct blkmq_call *call, struct null_blk *self, struct blkmq_rq rq)
{
	if (!BLKMQ_MODE(memory_backed, self->config.memory_backed))
		return BLKMQ_STATUS_OK;
	if (blkmq_request_op(call, rq) == REQ_OP_DISCARD) {
		s64 position = blkmq_request_sector(call, rq) << SECTOR_SHIFT;

		return null_blk_discard(self, call->disk->set, position,
					position + blkmq_request_nr_bytes(call, rq));
	}
	return null_blk_transfer(call, self, rq);
}

static __always_inline s64 null_blk_queue_rq(struct blkmq_call *call, struct null_blk *self, struct blkmq_hw_ctx hctx,
					     struct blkmq_rq rq, bool is_last)
{
	struct null_blk_pdu *pdu = blkmq_request_pdu(call, rq);
	s64 error;

	if (unlikely(call->error))
		return 0;
	pdu->error = BLKMQ_STATUS_OK;
	blkmq_request_start(call, rq);
	if (unlikely(call->error))
		return 0;
	error = null_blk_process(call, self, rq);
	if (unlikely(call->error))
		return 0;
	if (error && pdu->error == BLKMQ_STATUS_OK)
		pdu->error = error;
	switch (BLKMQ_MODE(irqmode, self->config.irqmode)) {
	case 0:
		blkmq_request_end(call, rq, pdu->error);
		break;
	case 1:
		blkmq_request_complete(call, rq);
		break;
	default:
		blkmq_hr_timer_start(call, &pdu->timer, self->config.completion_nsec, rq, 0);
	}
	return BLKMQ_STATUS_OK;
}

static __always_inline void null_blk_complete(struct blkmq_call *call, struct null_blk *self, struct blkmq_rq rq)
{
	struct null_blk_pdu *pdu = blkmq_request_pdu(call, rq);

	if (likely(!call->error))
		blkmq_request_end(call, rq, pdu->error);
}

static __always_inline void null_blk_timer(struct blkmq_call *call, struct null_blk *self, struct blkmq_rq rq)
{
	null_blk_complete(call, self, rq);
}

static __always_inline s64 null_blk_timeout(struct blkmq_call *call, struct null_blk *self, struct blkmq_rq rq)
{
	struct null_blk_pdu *pdu = blkmq_request_pdu(call, rq);

	pdu->error = BLKMQ_STATUS_TIMEOUT;
	return BLKMQ_EH_DONE;
}
