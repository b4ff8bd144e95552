/* SPDX-License-Identifier: MIT */
/* The verbs of BadBlocks: dispatch/nouns/bad_blocks.py.  A sorted array of ranges under a lock of its own. */
#ifndef BLKMQ_BAD_BLOCKS_H
#define BLKMQ_BAD_BLOCKS_H

#include <stdlib.h>
#include <string.h>

struct blkmq_range {
	s64 first, end;		/* sectors [first, end) */
};

static inline struct blkmq_range *blkmq_ranges(struct blkmq_bad_blocks *bad)
{
	return (struct blkmq_range *)bad->ranges;
}

static inline bool blkmq_leaves_disk(struct blkmq_call *call, s64 sector, s64 nr_sectors)
{
	return blkmq_bad(call, sector < 0 || nr_sectors < 0 || sector > S64_MAX - nr_sectors,
			 BLKMQ_FAULT_INDEX, sector);
}

static inline void blkmq_remove_range(struct blkmq_bad_blocks *bad, s64 i)
{
	struct blkmq_range *range = blkmq_ranges(bad) + i;

	bad->nr_ranges--;
	memmove(range, range + 1, (size_t)(bad->nr_ranges - i) * sizeof(*range));
}

/* Keeps the array sorted. */
static inline void blkmq_insert_range(struct blkmq_bad_blocks *bad, struct blkmq_range range)
{
	struct blkmq_range *ranges = blkmq_ranges(bad);
	s64 i = bad->nr_ranges++;

	for (; i > 0 && ranges[i - 1].first > range.first; i--)
		ranges[i] = ranges[i - 1];
	ranges[i] = range;
}

/* Marks a range bad, joined with those that it touches; the lock is held. */
static inline s64 blkmq_join_range(struct blkmq_bad_blocks *bad, struct blkmq_range range)
{
	struct blkmq_range *ranges;
	s64 i, nr_touched = 0;

	if (!bad->ranges)
		bad->ranges = (s64)calloc(BLKMQ_NR_RANGES_MAX + 1, sizeof(range));
	ranges = blkmq_ranges(bad);
	if (!ranges)
		return BLKMQ_ENOMEM;
	for (i = 0; i < bad->nr_ranges; i++)
		nr_touched += ranges[i].end >= range.first && ranges[i].first <= range.end;
	if (bad->nr_ranges - nr_touched >= BLKMQ_NR_RANGES_MAX)
		return BLKMQ_ENOSPC;
	for (i = 0; i < bad->nr_ranges;) {
		if (ranges[i].end < range.first || ranges[i].first > range.end) {
			i++;
			continue;
		}
		range.first = min_t(s64, range.first, ranges[i].first);
		range.end = max_t(s64, range.end, ranges[i].end);
		blkmq_remove_range(bad, i);
	}
	blkmq_insert_range(bad, range);
	return 0;
}

/* Marks a range good; the lock is held. */
static inline s64 blkmq_cut_range(struct blkmq_bad_blocks *bad, s64 first, s64 end)
{
	struct blkmq_range *ranges = blkmq_ranges(bad);
	s64 i = 0;

	while (i < bad->nr_ranges) {
		struct blkmq_range old = ranges[i];

		if (old.end <= first || old.first >= end) {
			i++;
		} else if (old.first < first && old.end > end) {
			if (bad->nr_ranges >= BLKMQ_NR_RANGES_MAX)
				return BLKMQ_ENOSPC;
			ranges[i].end = first;
			blkmq_insert_range(bad, (struct blkmq_range){ end, old.end });
			return 0;
		} else if (old.first < first) {
			ranges[i++].end = first;
		} else if (old.end > end) {
			ranges[i++].first = end;
		} else {
			blkmq_remove_range(bad, i);
		}
	}
	return 0;
}

static inline s64 blkmq_bad_blocks_set(struct blkmq_call *call, struct blkmq_bad_blocks *bad, s64 sector,
				       s64 nr_sectors)
{
	s64 result;

	if (blkmq_leaves_disk(call, sector, nr_sectors) || !nr_sectors)
		return 0;
	word_lock(&bad->lock);
	result = blkmq_join_range(bad, (struct blkmq_range){ sector, sector + nr_sectors });
	word_unlock(&bad->lock);
	return result;
}

static inline s64 blkmq_bad_blocks_clear(struct blkmq_call *call, struct blkmq_bad_blocks *bad, s64 sector,
					 s64 nr_sectors)
{
	s64 result;

	if (blkmq_leaves_disk(call, sector, nr_sectors) || !nr_sectors || !word_load(&bad->nr_ranges))
		return 0;
	word_lock(&bad->lock);
	result = blkmq_cut_range(bad, sector, sector + nr_sectors);
	word_unlock(&bad->lock);
	return result;
}

static inline s64 blkmq_bad_blocks_first_bad(struct blkmq_call *call, struct blkmq_bad_blocks *bad,
					     s64 sector, s64 nr_sectors)
{
	s64 low = 0, high, found = -1;
	struct blkmq_range *ranges;

	if (blkmq_leaves_disk(call, sector, nr_sectors) || !nr_sectors || !word_load(&bad->nr_ranges))
		return -1;
	word_lock(&bad->lock);
	ranges = blkmq_ranges(bad);
	for (high = bad->nr_ranges; low < high;) {	/* the first range that ends behind the sector */
		s64 middle = (low + high) / 2;

		if (ranges[middle].end <= sector)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < bad->nr_ranges && ranges[low].first < sector + nr_sectors)
		found = max_t(s64, sector, ranges[low].first);
	word_unlock(&bad->lock);
	return found;
}

#endif
