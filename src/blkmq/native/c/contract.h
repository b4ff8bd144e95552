/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What a printed driver may use: all of it, and nothing else.
 *
 * Two directories implement this contract, and the include path chooses: the
 * stand-in (user space, over the records of dispatch/) and the kernel's glue.
 * Each brings two headers:
 *
 *   blkmq_types.h	the types below, u8..u64, s8..s64, bool, READ_ONCE,
 *			WRITE_ONCE, likely, unlikely, min_t, max_t, S64_MIN,
 *			S64_MAX, __always_inline, noinline and div64_s64; the
 *			kernel has these already
 *   blkmq_verbs.h	every function that is only declared here
 *
 * Values, passed in registers; "none" is BLKMQ_NO_RQ and its like:
 *
 *   struct blkmq_rq		a request and the life of its tag: may be stale
 *   struct blkmq_page		a page of a PageStore, good until the callback returns
 *   struct blkmq_hw_ctx	a hardware queue, never none
 *   struct blkmq_segment	a place in a request's data; a local of one loop
 *
 * Fields of the driver's records; all zeroes is a noun in its first state:
 *
 *   struct blkmq_page_store, blkmq_xarray, blkmq_bad_blocks, blkmq_atomic,
 *   blkmq_spin_lock, blkmq_mutex, blkmq_hr_timer, blkmq_work,
 *   blkmq_request_list, blkmq_backing_file, blkmq_kept_request
 *
 * Records with the fields of mq.TagSet, mq.QueueLimits and mq.GenDisk by name:
 *
 *   struct blkmq_tag_set, blkmq_limits, blkmq_disk, blkmq_geometry, blkmq_unique_id
 *
 * struct blkmq_call is one callback in progress, owned by the thread that runs
 * it; the printed text touches only its fields fuel, error, value, at and
 * error_at.  Its caller sets fuel and clears error before; afterwards, if there
 * is an error, it reports that, ends the request, and gives back the locks that
 * the call still holds.
 *
 * BLKMQ_APART(type, function, (parameters), (arguments)) and, without a type,
 * BLKMQ_APART_VOID() define function##_apart(): the function without being
 * inlined, for a caller that wants it so.  What they list leaves out the call.
 *
 * BLKMQ_MODE(attribute, field) is the value of a field that stays as it is as
 * long as the disk is in service.
 *
 * A verb may assume that its pointers are good: they come from the records or
 * the caller's own locals.  It may assume nothing of a number or of a handle:
 * it checks them, notes what is wrong by blkmq_fail(), does nothing, and returns
 * 0 or none.  The text looks at call->error behind each verb that may fail.
 * Any verb may run on any thread at any time, but for what its comment says.
 */
#ifndef BLKMQ_CONTRACT_H
#define BLKMQ_CONTRACT_H

#include "blkmq_types.h"

#define BLKMQ_NO_PAGE	((struct blkmq_page){ })
#define BLKMQ_NO_HW_CTX	((struct blkmq_hw_ctx){ })

/* Where in the source something is: what call->at and call->error_at hold. */
#define BLKMQ_AT(file, line)	((file) << 20 | (line))

/* The kinds of error: mq/errors.py, class Fault. */
enum blkmq_fault {
	BLKMQ_FAULT_NONE,
	BLKMQ_FAULT_INDEX,
	BLKMQ_FAULT_VALUE,
	BLKMQ_FAULT_OVERFLOW,
	BLKMQ_FAULT_ZERO_DIVISION,
	BLKMQ_FAULT_DIVISION,
	BLKMQ_FAULT_SHIFT,
	BLKMQ_FAULT_FUEL,
	BLKMQ_FAULT_STALE,
	BLKMQ_FAULT_STATE,
	BLKMQ_FAULT_LOCK,
	BLKMQ_FAULT_STATUS,
	BLKMQ_FAULT_ABSENT,
	BLKMQ_FAULT_ASSERT,
	BLKMQ_FAULT_PYTHON,
	BLKMQ_FAULT_SLEEP,
	BLKMQ_FAULT_TIMEOUT,
};

/* --- errors, checks and arithmetic: the same for both --------------------- */

/* Notes the callback's first error. */
static __always_inline void blkmq_fail(struct blkmq_call *call, enum blkmq_fault fault, s64 value)
{
	if (call->error)
		return;
	call->error = fault;
	call->value = value;
	call->error_at = call->at;
}

/* Takes fuel; true, with an error noted, when there is none left. */
static __always_inline bool blkmq_burn(struct blkmq_call *call, s64 amount)
{
	call->fuel -= amount;
	if (likely(call->fuel >= 0))
		return false;
	blkmq_fail(call, BLKMQ_FAULT_FUEL, 0);
	return true;
}

static __always_inline bool blkmq_bad(struct blkmq_call *call, bool bad, enum blkmq_fault fault, s64 value)
{
	if (unlikely(bad))
		blkmq_fail(call, fault, value);
	return bad;
}

static __always_inline bool blkmq_bad_index(struct blkmq_call *call, s64 index, s64 length)
{
	return blkmq_bad(call, index < 0 || index >= length, BLKMQ_FAULT_INDEX, index);
}

static __always_inline bool blkmq_bad_value(struct blkmq_call *call, s64 value, s64 minimum, s64 maximum)
{
	return blkmq_bad(call, value < minimum || value > maximum, BLKMQ_FAULT_VALUE, value);
}

static __always_inline bool blkmq_bad_shift(struct blkmq_call *call, s64 count)
{
	return blkmq_bad(call, count < 0 || count > 63, BLKMQ_FAULT_SHIFT, count);
}

static __always_inline bool blkmq_bad_divisor(struct blkmq_call *call, s64 left, s64 right)
{
	return blkmq_bad(call, right == 0, BLKMQ_FAULT_ZERO_DIVISION, left) ||
	       blkmq_bad(call, right == -1 && left == S64_MIN, BLKMQ_FAULT_DIVISION, left);
}

static __always_inline bool blkmq_bad_assert(struct blkmq_call *call, bool holds)
{
	return blkmq_bad(call, !holds, BLKMQ_FAULT_ASSERT, 0);
}

/* Floor division, as in Python; the divisor has been checked. */
static __always_inline s64 blkmq_div(s64 left, s64 right)
{
	s64 quotient;

	if (__builtin_constant_p(right) && right > 0 && !(right & (right - 1)))
		return left >> __builtin_ctzll(right);
	quotient = div64_s64(left, right);
	return quotient - ((left ^ right) < 0 && quotient * right != left);
}

static __always_inline s64 blkmq_mod(s64 left, s64 right)
{
	return left - blkmq_div(left, right) * right;
}

/* --- where the driver's own data lies --------------------------------------- */

/* Per tag set (Shared), and per hardware queue of this disk (Hw). */
static inline void *blkmq_shared(struct blkmq_call *call);
static inline void *blkmq_hw_ctx_data(struct blkmq_call *call, struct blkmq_hw_ctx hctx);

/*
 * Per request (Pdu); STALE or ABSENT if the request is not live.  The memory is
 * the tag's and lives as long as the tag set, so that a driver that goes on
 * using it touches another request's Pdu at worst.
 */
static inline void *blkmq_request_pdu(struct blkmq_call *call, struct blkmq_rq rq);

static inline struct blkmq_tag_set *blkmq_tag_set(struct blkmq_call *call);
static inline struct blkmq_limits *blkmq_limits(struct blkmq_call *call);
static inline struct blkmq_disk *blkmq_disk(struct blkmq_call *call);
static inline struct blkmq_geometry *blkmq_geometry(struct blkmq_call *call);
static inline struct blkmq_unique_id *blkmq_unique_id(struct blkmq_call *call);

/* --- Request: fields; STALE or ABSENT if it is not live ------------------------ */

static inline bool blkmq_rq_present(struct blkmq_rq rq);
static inline s64 blkmq_request_op(struct blkmq_call *call, struct blkmq_rq rq);
static inline s64 blkmq_request_flags(struct blkmq_call *call, struct blkmq_rq rq);
static inline s64 blkmq_request_sector(struct blkmq_call *call, struct blkmq_rq rq);
static inline s64 blkmq_request_nr_sectors(struct blkmq_call *call, struct blkmq_rq rq);
static inline s64 blkmq_request_nr_bytes(struct blkmq_call *call, struct blkmq_rq rq);
static inline s64 blkmq_request_tag(struct blkmq_call *call, struct blkmq_rq rq);
static inline struct blkmq_hw_ctx blkmq_request_hctx(struct blkmq_call *call, struct blkmq_rq rq);

/* --- Request: verbs; each is one step of the state table, for whoever comes first;
 * STATE if the table has no such step, STALE if the request is gone
 */

static inline void blkmq_request_start(struct blkmq_call *call, struct blkmq_rq rq);
static inline void blkmq_request_complete(struct blkmq_call *call, struct blkmq_rq rq);
static inline void blkmq_request_requeue(struct blkmq_call *call, struct blkmq_rq rq, bool kick);

/* Ends it; of a request that is gone it is counted and reported, and no error.
 * A request whose data another thread is copying goes back when that is done.
 */
static inline void blkmq_request_end(struct blkmq_call *call, struct blkmq_rq rq, s64 status);

/* Only the request's driver may call this, and only one thread of it at a time. */
static inline bool blkmq_request_update(struct blkmq_call *call, struct blkmq_rq rq, s64 status,
					s64 nr_bytes);

/* A handle in a field: it is one word, loaded and stored in one piece. */
static inline struct blkmq_rq blkmq_kept_request_load(struct blkmq_call *call,
						      struct blkmq_kept_request *kept);
static inline void blkmq_kept_request_store(struct blkmq_call *call, struct blkmq_kept_request *kept,
					    struct blkmq_rq rq);

/* --- Segment: a request's data, piece by piece ---------------------------------
 *
 * A segment is a place, no address: each access makes sure that the request is
 * live and stays so until the access is over.  The verbs that eat from the
 * front change the segment.  64 bytes copied or cleared cost 1 fuel.
 */
static inline struct blkmq_segment blkmq_segment_first(struct blkmq_call *call, struct blkmq_rq rq);
static inline bool blkmq_segment_more(struct blkmq_call *call, struct blkmq_segment *segment);
static inline void blkmq_segment_next(struct blkmq_call *call, struct blkmq_segment *segment);
static inline s64 blkmq_segment_len(struct blkmq_call *call, struct blkmq_segment *segment);
static inline s64 blkmq_segment_copy_to_page(struct blkmq_call *call, struct blkmq_segment *segment,
					     struct blkmq_page page, s64 offset, s64 nr_bytes);
static inline s64 blkmq_segment_copy_from_page(struct blkmq_call *call, struct blkmq_segment *segment,
					       struct blkmq_page page, s64 offset, s64 nr_bytes);
static inline s64 blkmq_segment_zero(struct blkmq_call *call, struct blkmq_segment *segment, s64 nr_bytes);
static inline void blkmq_segment_advance(struct blkmq_call *call, struct blkmq_segment *segment,
					 s64 nr_bytes);
static inline s64 blkmq_segment_getitem(struct blkmq_call *call, struct blkmq_segment *segment, s64 index);
static inline void blkmq_segment_setitem(struct blkmq_call *call, struct blkmq_segment *segment, s64 index,
					 s64 value);

/* --- Page: PAGE_SIZE bytes that stay mapped until the callback returns, whoever
 * erases them meanwhile: what is written to them from then on is lost, or shows in
 * the page that takes its place while that callback runs; ABSENT if it is none
 */

static inline bool blkmq_page_present(struct blkmq_page page);
static inline s64 blkmq_page_getitem(struct blkmq_call *call, struct blkmq_page page, s64 index);
static inline void blkmq_page_setitem(struct blkmq_call *call, struct blkmq_page page, s64 index, s64 value);
static inline void blkmq_page_zero(struct blkmq_call *call, struct blkmq_page page, s64 offset, s64 nr_bytes);

/* --- PageStore: never sleeps; get_or_alloc is none when memory is out.  Each verb takes
 * effect at one moment between its call and its return: what is made after an erase is
 * a page of zeroes, and keeps what is written to it
 */

static inline struct blkmq_page blkmq_page_store_get(struct blkmq_call *call,
						     struct blkmq_page_store *store, s64 index);
static inline struct blkmq_page blkmq_page_store_get_or_alloc(struct blkmq_call *call,
							      struct blkmq_page_store *store, s64 index);
static inline void blkmq_page_store_erase(struct blkmq_call *call, struct blkmq_page_store *store, s64 index);
static inline s64 blkmq_page_store_nr_pages(struct blkmq_call *call, struct blkmq_page_store *store);

/* --- XArray: integers 1..2^62-1; store returns 0 or -ENOMEM ----------------------- */

static inline s64 blkmq_xarray_load(struct blkmq_call *call, struct blkmq_xarray *array, s64 index);
static inline s64 blkmq_xarray_store(struct blkmq_call *call, struct blkmq_xarray *array, s64 index,
				     s64 value);
static inline s64 blkmq_xarray_erase(struct blkmq_call *call, struct blkmq_xarray *array, s64 index);

/* --- BadBlocks: set and clear return 0 or a negative errno, first_bad a sector or -1 */

static inline s64 blkmq_bad_blocks_set(struct blkmq_call *call, struct blkmq_bad_blocks *bad, s64 sector,
				       s64 nr_sectors);
static inline s64 blkmq_bad_blocks_clear(struct blkmq_call *call, struct blkmq_bad_blocks *bad, s64 sector,
					 s64 nr_sectors);
static inline s64 blkmq_bad_blocks_first_bad(struct blkmq_call *call, struct blkmq_bad_blocks *bad,
					     s64 sector, s64 nr_sectors);

/* --- Atomic: fully ordered, but for load (acquire) and store (release); wraps ------- */

static inline s64 blkmq_atomic_load(struct blkmq_call *call, struct blkmq_atomic *atomic);
static inline void blkmq_atomic_store(struct blkmq_call *call, struct blkmq_atomic *atomic, s64 value);
static inline s64 blkmq_atomic_fetch_add(struct blkmq_call *call, struct blkmq_atomic *atomic, s64 value);
static inline s64 blkmq_atomic_xchg(struct blkmq_call *call, struct blkmq_atomic *atomic, s64 value);
static inline s64 blkmq_atomic_cmpxchg(struct blkmq_call *call, struct blkmq_atomic *atomic, s64 old, s64 new);

/* --- locks: LOCK if the call has it already; the text gives each back before it leaves
 * its block, unless an error breaks the callback off
 */

/* Interrupts are off and nothing may sleep until exit. */
static inline void blkmq_spin_lock_enter(struct blkmq_call *call, struct blkmq_spin_lock *lock);
static inline void blkmq_spin_lock_exit(struct blkmq_call *call, struct blkmq_spin_lock *lock);

/* SLEEP where the callback may not sleep. */
static inline void blkmq_mutex_enter(struct blkmq_call *call, struct blkmq_mutex *lock);
static inline void blkmq_mutex_exit(struct blkmq_call *call, struct blkmq_mutex *lock);

/* --- HrTimer, Work: ``slot`` is the callback that they make later, for ``rq`` or, without
 * one, for this disk; a request that is gone by then is not called for
 */

static inline void blkmq_hr_timer_start(struct blkmq_call *call, struct blkmq_hr_timer *timer, s64 nsec,
					struct blkmq_rq rq, s64 slot);
static inline bool blkmq_hr_timer_cancel(struct blkmq_call *call, struct blkmq_hr_timer *timer);
static inline bool blkmq_work_queue(struct blkmq_call *call, struct blkmq_work *work, struct blkmq_rq rq,
				    s64 slot);

/* --- RequestList, IoCompletionBatch: one thread at a time ---------------------------- */

static inline void blkmq_request_list_add_tail(struct blkmq_call *call, struct blkmq_request_list *rqs,
					       struct blkmq_rq rq);
static inline struct blkmq_rq blkmq_request_list_pop(struct blkmq_call *call, struct blkmq_request_list *rqs);
static inline bool blkmq_request_list_empty(struct blkmq_call *call, struct blkmq_request_list *rqs);
static inline void blkmq_io_completion_batch_add(struct blkmq_call *call,
						 struct blkmq_io_completion_batch *batch,
						 struct blkmq_rq rq, s64 status);

#ifndef BLKMQ_NO_BACKING_FILE	/* the kernel's glue, for now */
/* --- BackingFile: a verb submits a started request, and the runtime ends it; INDEX if the
 * position is negative, ABSENT if the file is not open, STATE if the request is not the
 * driver's, or with a file already.  open sleeps; it returns 0 or a negative errno
 */

static inline s64 blkmq_backing_file_open(struct blkmq_call *call, struct blkmq_backing_file *file,
					  bool read_only, bool direct_io, s64 begin, s64 block_size);
static inline s64 blkmq_backing_file_size(struct blkmq_call *call, struct blkmq_backing_file *file);
static inline bool blkmq_backing_file_is_read_only(struct blkmq_call *call, struct blkmq_backing_file *file);
static inline bool blkmq_backing_file_can_discard(struct blkmq_call *call, struct blkmq_backing_file *file);
static inline void blkmq_backing_file_read(struct blkmq_call *call, struct blkmq_backing_file *file,
					   struct blkmq_rq rq, s64 position);
static inline void blkmq_backing_file_write(struct blkmq_call *call, struct blkmq_backing_file *file,
					    struct blkmq_rq rq, s64 position);
static inline void blkmq_backing_file_flush(struct blkmq_call *call, struct blkmq_backing_file *file,
					    struct blkmq_rq rq);
static inline void blkmq_backing_file_discard(struct blkmq_call *call, struct blkmq_backing_file *file,
					      struct blkmq_rq rq, s64 position);
static inline void blkmq_backing_file_write_zeroes(struct blkmq_call *call, struct blkmq_backing_file *file,
						   struct blkmq_rq rq, s64 position);

#endif

/* --- HwCtx, TagSet, GenDisk, time -------------------------------------------------------- */

static inline s64 blkmq_hw_ctx_queue_num(struct blkmq_call *call, struct blkmq_hw_ctx hctx);
static inline s64 blkmq_hw_ctx_type(struct blkmq_call *call, struct blkmq_hw_ctx hctx);

/* INDEX if there is no such tag; none if no live request has it. */
static inline struct blkmq_rq blkmq_tag_set_tag_to_rq(struct blkmq_call *call, struct blkmq_hw_ctx hctx,
						      s64 tag);
static inline void blkmq_gen_disk_set_capacity(struct blkmq_call *call, s64 nr_sectors);
static inline void blkmq_gen_disk_set_read_only(struct blkmq_call *call, bool flag);
static inline s64 blkmq_ktime_get_ns(struct blkmq_call *call);

#include "blkmq_verbs.h"

#endif
