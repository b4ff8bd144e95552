/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The verbs of BadBlocks: a sorted array of ranges, as on every target, under a lock of its own. */
#ifndef BLKMQ_BAD_BLOCKS_H
#define BLKMQ_BAD_BLOCKS_H

#include "ranges.h"

static inline void blkmq_bad_blocks_init(struct blkmq_bad_blocks *bad)
{
	spin_lock_init(&bad->lock);
}

static inline void blkmq_bad_blocks_exit(struct blkmq_bad_blocks *bad)
{
	kfree(bad->ranges);
}

static noinline s64 blkmq_bad_blocks_join(struct blkmq_bad_blocks *bad, s64 first, s64 end)
{
	struct blkmq_range *fresh = NULL;
	s64 result = -ENOMEM;
	unsigned long flags;

	if (!READ_ONCE(bad->ranges))
		fresh = kcalloc(BLKMQ_NR_RANGES_MAX + 1, sizeof(*fresh), GFP_NOWAIT | __GFP_NOWARN);
	spin_lock_irqsave(&bad->lock, flags);
	if (!bad->ranges) {
		WRITE_ONCE(bad->ranges, fresh);
		fresh = NULL;
	}
	if (bad->ranges)
		result = blkmq_join_range(bad->ranges, &bad->nr_ranges, first, end) ? 0 : -ENOSPC;
	spin_unlock_irqrestore(&bad->lock, flags);
	kfree(fresh);
	return result;
}

static noinline s64 blkmq_bad_blocks_cut(struct blkmq_bad_blocks *bad, s64 first, s64 end)
{
	unsigned long flags;
	bool fits;

	spin_lock_irqsave(&bad->lock, flags);
	fits = blkmq_cut_range(bad->ranges, &bad->nr_ranges, first, end);
	spin_unlock_irqrestore(&bad->lock, flags);
	return fits ? 0 : -ENOSPC;
}

static noinline s64 blkmq_bad_blocks_first(struct blkmq_bad_blocks *bad, s64 first, s64 end)
{
	unsigned long flags;
	s64 found;

	spin_lock_irqsave(&bad->lock, flags);
	found = blkmq_first_in_ranges(bad->ranges, bad->nr_ranges, first, end);
	spin_unlock_irqrestore(&bad->lock, flags);
	return found;
}

static __always_inline bool blkmq_leaves_disk(struct blkmq_call *call, s64 sector, s64 nr_sectors)
{
	return blkmq_bad(call, sector < 0 || nr_sectors < 0 || sector > S64_MAX - nr_sectors,
			 BLKMQ_FAULT_INDEX, sector);
}

static __always_inline s64 blkmq_bad_blocks_set(struct blkmq_call *call, struct blkmq_bad_blocks *bad, s64 sector,
						s64 nr_sectors)
{
	if (blkmq_leaves_disk(call, sector, nr_sectors) || !nr_sectors)
		return 0;
	return blkmq_bad_blocks_join(bad, sector, sector + nr_sectors);
}

static __always_inline s64 blkmq_bad_blocks_clear(struct blkmq_call *call, struct blkmq_bad_blocks *bad, s64 sector,
						  s64 nr_sectors)
{
	if (blkmq_leaves_disk(call, sector, nr_sectors) || !nr_sectors || !READ_ONCE(bad->nr_ranges))
		return 0;
	return blkmq_bad_blocks_cut(bad, sector, sector + nr_sectors);
}

static __always_inline s64 blkmq_bad_blocks_first_bad(struct blkmq_call *call, struct blkmq_bad_blocks *bad,
						      s64 sector, s64 nr_sectors)
{
	if (blkmq_leaves_disk(call, sector, nr_sectors) || !nr_sectors || !READ_ONCE(bad->nr_ranges))
		return -1;
	return blkmq_bad_blocks_first(bad, sector, sector + nr_sectors);
}

#endif
