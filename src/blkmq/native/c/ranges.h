/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A sorted array of ranges of sectors [first, end) that do not touch: what BadBlocks is on both C targets. */
#ifndef BLKMQ_RANGES_H
#define BLKMQ_RANGES_H

static inline void blkmq_remove_range(struct blkmq_range *ranges, s64 *nr_ranges, s64 i)
{
	for (--*nr_ranges; i < *nr_ranges; i++)
		ranges[i] = ranges[i + 1];
}

/* Keeps the array sorted; there is room. */
static inline void blkmq_insert_range(struct blkmq_range *ranges, s64 *nr_ranges, struct blkmq_range range)
{
	s64 i = (*nr_ranges)++;

	for (; i > 0 && ranges[i - 1].first > range.first; i--)
		ranges[i] = ranges[i - 1];
	ranges[i] = range;
}

/* Adds a range, joined with those that it touches; false, and nothing changes, if they would be too many. */
static inline bool blkmq_join_range(struct blkmq_range *ranges, s64 *nr_ranges, s64 first, s64 end)
{
	struct blkmq_range range = { first, end };
	s64 i, nr_touched = 0;

	for (i = 0; i < *nr_ranges; i++)
		nr_touched += ranges[i].end >= first && ranges[i].first <= end;
	if (*nr_ranges - nr_touched >= BLKMQ_NR_RANGES_MAX)
		return false;
	for (i = 0; i < *nr_ranges;) {
		if (ranges[i].end < range.first || ranges[i].first > range.end) {
			i++;
			continue;
		}
		range.first = min_t(s64, range.first, ranges[i].first);
		range.end = max_t(s64, range.end, ranges[i].end);
		blkmq_remove_range(ranges, nr_ranges, i);
	}
	blkmq_insert_range(ranges, nr_ranges, range);
	return true;
}

/* Takes a range out; false, and nothing changes, if what it leaves would be too many. */
static inline bool blkmq_cut_range(struct blkmq_range *ranges, s64 *nr_ranges, s64 first, s64 end)
{
	s64 i = 0;

	while (i < *nr_ranges) {
		struct blkmq_range old = ranges[i];

		if (old.end <= first || old.first >= end) {
			i++;
		} else if (old.first < first && old.end > end) {
			if (*nr_ranges >= BLKMQ_NR_RANGES_MAX)
				return false;
			ranges[i].end = first;
			blkmq_insert_range(ranges, nr_ranges, (struct blkmq_range){ end, old.end });
			return true;
		} else if (old.first < first) {
			ranges[i++].end = first;
		} else if (old.end > end) {
			ranges[i++].first = end;
		} else {
			blkmq_remove_range(ranges, nr_ranges, i);
		}
	}
	return true;
}

/* The first sector of [first, end) that lies in a range; -1: none does. */
static inline s64 blkmq_first_in_ranges(const struct blkmq_range *ranges, s64 nr_ranges, s64 first, s64 end)
{
	s64 low = 0, high = nr_ranges;

	while (low < high) {	/* the first range that ends behind the sector */
		s64 middle = (low + high) / 2;

		if (ranges[middle].end <= first)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < nr_ranges && ranges[low].first < end)
		return max_t(s64, first, ranges[low].first);
	return -1;
}

#endif
