/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The verbs of Segment: the pieces of a request's bios, a page at most each.
 *
 * Bios are only followed while the request is pinned, and not after an update,
 * which frees those that are done.  64-bit kernels have all memory mapped.
 */
#ifndef BLKMQ_SEGMENT_H
#define BLKMQ_SEGMENT_H

static_assert(IS_ENABLED(CONFIG_64BIT));

/* Whether the segment's memory may be touched: of the pin that it was looked up with, which no update followed. */
static __always_inline bool blkmq_segment_is_good(struct blkmq_call *call, struct blkmq_segment *segment)
{
	if (unlikely(!blkmq_pin(call, segment->rq)))
		return false;
	if (likely(segment->pin == call->nr_pins))
		return true;
	blkmq_fail_stale(call, segment->rq);
	return false;
}

/* Looks up the piece that it is at, or the next one that has bytes; at the end there is no bio. */
static __always_inline void blkmq_segment_settle(struct blkmq_segment *segment)
{
	struct bio_vec piece;

	while (!segment->iter.bi_size) {
		segment->bio = segment->bio->bi_next;
		if (!segment->bio)
			return;
		segment->iter = segment->bio->bi_iter;
	}
	piece = bio_iter_iovec(segment->bio, segment->iter);
	segment->front = page_address(piece.bv_page) + piece.bv_offset;
	segment->nr_bytes = piece.bv_len;
	segment->piece_bytes = piece.bv_len;
}

/* A callback's fuel lasts for the data of a request. */
static __always_inline void blkmq_refuel(struct blkmq_call *call, s64 nr_bytes)
{
	if (!call->has_data_fuel)
		call->fuel += nr_bytes / BLKMQ_BYTES_PER_FUEL;
	call->has_data_fuel = true;
}

static __always_inline struct blkmq_segment blkmq_segment_first(struct blkmq_call *call, struct blkmq_rq rq)
{
	struct blkmq_segment segment = { .rq = rq };

	if (likely(blkmq_pin(call, rq))) {
		struct request *request = rq.slot->rq;

		segment.pin = call->nr_pins;
		blkmq_refuel(call, request->__data_len);
		if (likely(bio_has_data(request->bio))) {
			segment.bio = request->bio;
			segment.iter = segment.bio->bi_iter;
			blkmq_segment_settle(&segment);
		}
	}
	return segment;
}

static __always_inline bool blkmq_segment_more(struct blkmq_call *call, struct blkmq_segment *segment)
{
	return !call->error && segment->bio;
}

static __always_inline void blkmq_segment_next(struct blkmq_call *call, struct blkmq_segment *segment)
{
	if (unlikely(!blkmq_segment_is_good(call, segment)))
		return;
	if (segment->piece_bytes == segment->iter.bi_size)
		segment->iter.bi_size = 0;
	else
		bvec_iter_advance_single(segment->bio->bi_io_vec, &segment->iter, segment->piece_bytes);
	blkmq_segment_settle(segment);
}

static __always_inline s64 blkmq_segment_len(struct blkmq_call *call, struct blkmq_segment *segment)
{
	return segment->nr_bytes;
}

static __always_inline void blkmq_segment_eat(struct blkmq_segment *segment, s64 count)
{
	segment->front += count;
	segment->nr_bytes -= count;
}

/* ``nr_bytes`` or what is left of the segment; pays the fuel; -1 with an error noted. */
static __always_inline s64 blkmq_segment_clipped(struct blkmq_call *call, struct blkmq_segment *segment, s64 nr_bytes)
{
	s64 count;

	if (blkmq_bad(call, nr_bytes < 0, BLKMQ_FAULT_INDEX, nr_bytes))
		return -1;
	count = min_t(s64, nr_bytes, segment->nr_bytes);
	if (blkmq_burn(call, count / BLKMQ_BYTES_PER_FUEL) || !blkmq_segment_is_good(call, segment))
		return -1;
	return count;
}

/* How much can be copied between a segment and a page; -1 with an error noted. */
static __always_inline s64 blkmq_segment_fitting(struct blkmq_call *call, struct blkmq_segment *segment,
						 struct blkmq_page page, s64 offset, s64 nr_bytes)
{
	if (blkmq_page_absent(call, page) || blkmq_bad_index(call, offset, BLKMQ_PAGE_SIZE + 1))
		return -1;
	return blkmq_segment_clipped(call, segment, min_t(s64, nr_bytes, BLKMQ_PAGE_SIZE - offset));
}

static __always_inline s64 blkmq_segment_copy_to_page(struct blkmq_call *call, struct blkmq_segment *segment,
						      struct blkmq_page page, s64 offset, s64 nr_bytes)
{
	s64 count = blkmq_segment_fitting(call, segment, page, offset, nr_bytes);

	if (unlikely(count < 0))
		return 0;
	memcpy(page.memory + offset, segment->front, count);
	blkmq_segment_eat(segment, count);
	return count;
}

static __always_inline s64 blkmq_segment_copy_from_page(struct blkmq_call *call, struct blkmq_segment *segment,
							struct blkmq_page page, s64 offset, s64 nr_bytes)
{
	s64 count = blkmq_segment_fitting(call, segment, page, offset, nr_bytes);

	if (unlikely(count < 0))
		return 0;
	memcpy(segment->front, page.memory + offset, count);
	blkmq_segment_eat(segment, count);
	return count;
}

static __always_inline s64 blkmq_segment_zero(struct blkmq_call *call, struct blkmq_segment *segment, s64 nr_bytes)
{
	s64 count = blkmq_segment_clipped(call, segment, nr_bytes);

	if (count < 0)
		return 0;
	memset(segment->front, 0, count);
	blkmq_segment_eat(segment, count);
	return count;
}

static __always_inline void blkmq_segment_advance(struct blkmq_call *call, struct blkmq_segment *segment, s64 nr_bytes)
{
	if (!blkmq_bad_index(call, nr_bytes, segment->nr_bytes + 1))
		blkmq_segment_eat(segment, nr_bytes);
}

static __always_inline s64 blkmq_segment_getitem(struct blkmq_call *call, struct blkmq_segment *segment, s64 index)
{
	if (blkmq_bad_index(call, index, segment->nr_bytes) || !blkmq_segment_is_good(call, segment))
		return 0;
	return READ_ONCE(segment->front[index]);
}

static __always_inline void blkmq_segment_setitem(struct blkmq_call *call, struct blkmq_segment *segment, s64 index,
						  s64 value)
{
	if (blkmq_bad_index(call, index, segment->nr_bytes) || blkmq_bad_value(call, value, 0, 255) ||
	    !blkmq_segment_is_good(call, segment))
		return;
	WRITE_ONCE(segment->front[index], (u8)value);
}

#endif
