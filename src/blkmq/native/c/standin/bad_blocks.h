/* SPDX-License-Identifier: MIT */
/* The verbs of BadBlocks: dispatch/nouns/bad_blocks.py.  A sorted array of ranges under a lock of its own. */
#ifndef BLKMQ_BAD_BLOCKS_H
#define BLKMQ_BAD_BLOCKS_H

#include <stdlib.h>

struct blkmq_range {
	s64 first, end;		/* sectors [first, end) */
};

#include "ranges.h"

static inline struct blkmq_range *blkmq_ranges(struct blkmq_bad_blocks *bad)
{
	return (struct blkmq_range *)bad->ranges;
}

static inline bool blkmq_leaves_disk(struct blkmq_call *call, s64 sector, s64 nr_sectors)
{
	return blkmq_bad(call, sector < 0 || nr_sectors < 0 || sector > S64_MAX - nr_sectors,
			 BLKMQ_FAULT_INDEX, sector);
}

static inline s64 blkmq_bad_blocks_set(struct blkmq_call *call, struct blkmq_bad_blocks *bad, s64 sector,
				       s64 nr_sectors)
{
	s64 result = BLKMQ_ENOMEM;

	if (blkmq_leaves_disk(call, sector, nr_sectors) || !nr_sectors)
		return 0;
	word_lock(&bad->lock);
	if (!bad->ranges)
		bad->ranges = (s64)calloc(BLKMQ_NR_RANGES_MAX + 1, sizeof(struct blkmq_range));
	if (bad->ranges)
		result = blkmq_join_range(blkmq_ranges(bad), &bad->nr_ranges, sector, sector + nr_sectors) ?
				 0 : BLKMQ_ENOSPC;
	word_unlock(&bad->lock);
	return result;
}

static inline s64 blkmq_bad_blocks_clear(struct blkmq_call *call, struct blkmq_bad_blocks *bad, s64 sector,
					 s64 nr_sectors)
{
	bool fits;

	if (blkmq_leaves_disk(call, sector, nr_sectors) || !nr_sectors || !word_load(&bad->nr_ranges))
		return 0;
	word_lock(&bad->lock);
	fits = blkmq_cut_range(blkmq_ranges(bad), &bad->nr_ranges, sector, sector + nr_sectors);
	word_unlock(&bad->lock);
	return fits ? 0 : BLKMQ_ENOSPC;
}

static inline s64 blkmq_bad_blocks_first_bad(struct blkmq_call *call, struct blkmq_bad_blocks *bad,
					     s64 sector, s64 nr_sectors)
{
	s64 found;

	if (blkmq_leaves_disk(call, sector, nr_sectors) || !nr_sectors || !word_load(&bad->nr_ranges))
		return -1;
	word_lock(&bad->lock);
	found = blkmq_first_in_ranges(blkmq_ranges(bad), bad->nr_ranges, sector, sector + nr_sectors);
	word_unlock(&bad->lock);
	return found;
}

#endif
