/* SPDX-License-Identifier: MIT */
/* The verbs of Segment: dispatch/nouns/segment.py.  Each access pins the request while it copies. */
#ifndef BLKMQ_SEGMENT_H
#define BLKMQ_SEGMENT_H

#include <string.h>

static inline struct blkmq_piece *blkmq_piece_at(struct blkmq_request *request, s64 index)
{
	return (struct blkmq_piece *)request->segments + index;
}

/* Where a segment's front lies.  The request is pinned, so that the door has not taken its buffer away. */
static inline u8 *blkmq_segment_front(struct blkmq_call *call, struct blkmq_segment *segment)
{
	return (u8 *)blkmq_piece_at(blkmq_request_of(call, segment->rq), segment->index)->address + segment->eaten;
}

/* The first segment with something left to do. */
static inline struct blkmq_segment blkmq_segment_first(struct blkmq_call *call, struct blkmq_rq rq)
{
	struct blkmq_request *request = blkmq_live(call, rq);
	struct blkmq_segment segment = { .rq = rq, .eaten = request->done_bytes };

	while (segment.index < request->nr_segments &&
	       segment.eaten >= blkmq_piece_at(request, segment.index)->nr_bytes) {
		segment.eaten -= blkmq_piece_at(request, segment.index)->nr_bytes;
		segment.index++;
	}
	return segment;
}

/* Whether there is such a segment; if so, its length. */
static inline bool blkmq_segment_more(struct blkmq_call *call, struct blkmq_segment *segment)
{
	struct blkmq_request *request = blkmq_live(call, segment->rq);

	if (call->error || segment->index >= request->nr_segments)
		return false;
	/* Belongs to this life of the request, or else the pin of each access will fail. */
	segment->nr_bytes = blkmq_piece_at(request, segment->index)->nr_bytes;
	return true;
}

static inline void blkmq_segment_next(struct blkmq_call *call, struct blkmq_segment *segment)
{
	segment->index++;
	segment->eaten = 0;
}

static inline s64 blkmq_segment_len(struct blkmq_call *call, struct blkmq_segment *segment)
{
	return segment->nr_bytes - segment->eaten;
}

/* ``nr_bytes`` or what is left of the segment; pays the fuel; -1 with an error noted. */
static inline s64 blkmq_segment_clipped(struct blkmq_call *call, struct blkmq_segment *segment, s64 nr_bytes)
{
	s64 count;

	if (blkmq_bad(call, nr_bytes < 0, BLKMQ_FAULT_INDEX, nr_bytes))
		return -1;
	count = min_t(s64, nr_bytes, blkmq_segment_len(call, segment));
	return blkmq_burn(call, count / BLKMQ_BYTES_PER_FUEL) ? -1 : count;
}

/* How much can be copied between a segment and a page; -1 with an error noted. */
static inline s64 blkmq_segment_fitting(struct blkmq_call *call, struct blkmq_segment *segment,
					struct blkmq_page page, s64 offset, s64 nr_bytes)
{
	if (blkmq_page_absent(call, page) || blkmq_bad_index(call, offset, BLKMQ_PAGE_SIZE + 1))
		return -1;
	return blkmq_segment_clipped(call, segment, min_t(s64, nr_bytes, BLKMQ_PAGE_SIZE - offset));
}

static inline s64 blkmq_segment_copy_to_page(struct blkmq_call *call, struct blkmq_segment *segment,
					     struct blkmq_page page, s64 offset, s64 nr_bytes)
{
	s64 count = blkmq_segment_fitting(call, segment, page, offset, nr_bytes);

	if (count < 0 || !blkmq_pin(call, segment->rq))
		return 0;
	memcpy(page.memory + offset, blkmq_segment_front(call, segment), (size_t)count);
	blkmq_unpin(call, segment->rq);
	segment->eaten += count;
	return count;
}

static inline s64 blkmq_segment_copy_from_page(struct blkmq_call *call, struct blkmq_segment *segment,
					       struct blkmq_page page, s64 offset, s64 nr_bytes)
{
	s64 count = blkmq_segment_fitting(call, segment, page, offset, nr_bytes);

	if (count < 0 || !blkmq_pin(call, segment->rq))
		return 0;
	memcpy(blkmq_segment_front(call, segment), page.memory + offset, (size_t)count);
	blkmq_unpin(call, segment->rq);
	segment->eaten += count;
	return count;
}

static inline s64 blkmq_segment_zero(struct blkmq_call *call, struct blkmq_segment *segment, s64 nr_bytes)
{
	s64 count = blkmq_segment_clipped(call, segment, nr_bytes);

	if (count < 0 || !blkmq_pin(call, segment->rq))
		return 0;
	memset(blkmq_segment_front(call, segment), 0, (size_t)count);
	blkmq_unpin(call, segment->rq);
	segment->eaten += count;
	return count;
}

static inline void blkmq_segment_advance(struct blkmq_call *call, struct blkmq_segment *segment, s64 nr_bytes)
{
	if (!blkmq_bad_index(call, nr_bytes, blkmq_segment_len(call, segment) + 1))
		segment->eaten += nr_bytes;
}

static inline s64 blkmq_segment_getitem(struct blkmq_call *call, struct blkmq_segment *segment, s64 index)
{
	s64 value;

	if (blkmq_bad_index(call, index, blkmq_segment_len(call, segment)) || !blkmq_pin(call, segment->rq))
		return 0;
	value = READ_ONCE(blkmq_segment_front(call, segment)[index]);
	blkmq_unpin(call, segment->rq);
	return value;
}

static inline void blkmq_segment_setitem(struct blkmq_call *call, struct blkmq_segment *segment, s64 index,
					 s64 value)
{
	if (blkmq_bad_index(call, index, blkmq_segment_len(call, segment)) ||
	    blkmq_bad_value(call, value, 0, 255) || !blkmq_pin(call, segment->rq))
		return;
	WRITE_ONCE(blkmq_segment_front(call, segment)[index], (u8)value);
	blkmq_unpin(call, segment->rq);
}

#endif
