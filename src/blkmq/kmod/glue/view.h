/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What a call knows: the records that a driver fills in, and its disk. */
#ifndef BLKMQ_VIEW_H
#define BLKMQ_VIEW_H

/* Whose readers the callbacks that may sleep are: blk-mq makes queue_rq one of the tag set's own, if it may sleep. */
static inline struct srcu_struct *blkmq_srcu(struct blkmq_set *set)
{
	return set->tag_set.srcu ?: &set->srcu;
}

/* Whether a verb may sleep at this moment. */
static __always_inline bool blkmq_may_sleep(struct blkmq_call *call)
{
	if (call->nr_spinning)
		return false;
	if (call->slot == BLKMQ_SLOT_queue_rq || call->slot == BLKMQ_SLOT_queue_rqs)
		return call->disk->set->tag_set.flags & BLK_MQ_F_BLOCKING;
	return call->may_sleep;
}

static __always_inline void *blkmq_shared(struct blkmq_call *call)
{
	return call->disk->set->shared;
}

static __always_inline struct blkmq_tag_set *blkmq_tag_set(struct blkmq_call *call)
{
	return &call->disk->set->view;
}

static __always_inline struct blkmq_limits *blkmq_limits(struct blkmq_call *call)
{
	return call->view;
}

static __always_inline struct blkmq_geometry *blkmq_geometry(struct blkmq_call *call)
{
	return call->view;
}

static __always_inline struct blkmq_unique_id *blkmq_unique_id(struct blkmq_call *call)
{
	return call->view;
}

static __always_inline struct blkmq_disk *blkmq_disk(struct blkmq_call *call)
{
	return call->disk;
}

/* Before the disk is made it is only noted. */
static __always_inline void blkmq_gen_disk_set_capacity(struct blkmq_call *call, s64 nr_sectors)
{
	if (blkmq_bad(call, nr_sectors < 0, BLKMQ_FAULT_VALUE, nr_sectors))
		return;
	WRITE_ONCE(call->disk->capacity_sectors, min_t(s64, nr_sectors, BLKMQ_DEV_MAX_SECTORS));
}

static __always_inline void blkmq_gen_disk_set_read_only(struct blkmq_call *call, bool flag)
{
	WRITE_ONCE(call->disk->read_only, flag);
}

#endif
