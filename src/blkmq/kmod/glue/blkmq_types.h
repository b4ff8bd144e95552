/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The types of the contract in the kernel.
 *
 * A request is known by its slot: the place of its tag in its hardware queue.
 * Slots are the glue's own memory and live as long as the tag set, so that any
 * handle may be looked at, however old it is; the request itself only while the
 * slot's word says that the driver has it.
 */
#ifndef BLKMQ_TYPES_H
#define BLKMQ_TYPES_H

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/blk-mq.h>
#include <linux/debugfs.h>
#include <linux/hrtimer.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/srcu.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#define BLKMQ_NO_BACKING_FILE

#include "blkmq_kernel.h"	/* printed: what this kernel has */
#include "blkmq_views.h"	/* printed: struct blkmq_tag_set, blkmq_limits, ... */

/* Who has a request, a bit each, so that several can be asked for at once; the word of its slot holds one. */
enum blkmq_state {
	BLKMQ_FREE = 0,		/* the block layer, or nobody */
	BLKMQ_IDLE = 1,		/* queue_rq, which has not started it yet */
	BLKMQ_TAKEN = 2,	/* the driver, which did not start it in queue_rq */
	BLKMQ_STARTED = 4,
	BLKMQ_COMPLETED = 8,	/* the block layer, which will call complete */
	BLKMQ_COMPLETING = 16,	/* the driver, in complete or since then */
	BLKMQ_UPDATING = 32,	/* a thread that is in update at the moment */
	BLKMQ_ENDED = 64,	/* the last pin, which hands it over */
};

/* slot->word: generation << 32 | status << 24 | state << 16 | pins */
#define BLKMQ_GENERATION_SHIFT	32
#define BLKMQ_STATUS_SHIFT	24
#define BLKMQ_STATE_SHIFT	16
#define BLKMQ_PINS_MASK		0xffffULL
#define BLKMQ_STATE_BITS(state)	((u64)(state) << BLKMQ_STATE_SHIFT)

struct blkmq_slot {
	union {
		atomic64_t word;
#ifdef __LITTLE_ENDIAN
		struct { u32 low, generation; };	/* odd while the driver has the request */
#else
		struct { u32 generation, low; };
#endif
	};
	struct request *rq;	/* while the word says that the driver has it */
	struct blkmq_hw *hw;	/* of the disk that it is for */
	struct blkmq_set *set;
	u32 index;		/* BIT(31) | queue << 16 | tag */
	u32 kept;		/* the generation that complete has kept, */
	unsigned long kept_since;	/* and when, in jiffies */
	/* the driver's Pdu follows */
};

/* A request and the life of its slot: an odd number, so that none is live that has ended. */
struct blkmq_rq {
	struct blkmq_slot *slot;	/* never NULL */
	u32 generation;
};

/* The slot of no request: no handle of it is live. */
static struct blkmq_slot blkmq_no_slot;

#define BLKMQ_NO_RQ	((struct blkmq_rq){ &blkmq_no_slot, 1 })

#define BLKMQ_PAGE_SIZE	((s64)PAGE_SIZE)

struct blkmq_page {
	u8 *memory;
};

struct blkmq_hw_ctx {
	struct blkmq_hw *hw;
};

struct blkmq_segment {
	struct blkmq_rq rq;
	struct bio *bio;
	struct bvec_iter iter;
	u8 *front;		/* good only while the request is pinned */
	s64 nr_bytes;		/* from there on */
	u32 piece_bytes;	/* of the whole piece */
	u32 pin;		/* call->nr_pins when it was looked up */
};

/* --- fields of the driver's records ------------------------------------------- */

struct blkmq_page_store {
	struct xarray pages;	/* addresses of pages */
	atomic64_t nr_pages;
};

struct blkmq_xarray {
	struct xarray values;
};

struct blkmq_range {
	s64 first, end;		/* sectors [first, end) */
};

struct blkmq_bad_blocks {
	spinlock_t lock;	/* around the ranges */
	s64 nr_ranges;
	struct blkmq_range *ranges;
};

struct blkmq_atomic {
	atomic64_t value;
};

/* What a call holds, the innermost first. */
struct blkmq_held {
	struct blkmq_held *outer;
	bool spins;
};

struct blkmq_spin_lock {
	spinlock_t lock;		/* the driver's */
	struct blkmq_held held;		/* of who has the lock */
	unsigned long flags;
} ____cacheline_aligned_in_smp;

struct blkmq_mutex {
	struct mutex lock;		/* the driver's */
	struct blkmq_held held;
};

struct blkmq_hr_timer {
	struct hrtimer timer;
	struct blkmq_disk *disk;	/* NULL: in a Pdu, for its request */
	struct blkmq_slot *slot;	/* of that request */
	u32 generation;
	s64 callback;
};

struct blkmq_work {
	struct work_struct work;
	struct blkmq_disk *disk;
	struct blkmq_slot *slot;
	u32 generation;
	s64 callback;
};

struct blkmq_io_completion_batch;	/* an address; nothing is behind it */

struct blkmq_kept_request {
	u64 word;		/* generation << 32 | index of the slot */
};

struct blkmq_request_list {
	u64 *ring;		/* words as in blkmq_kept_request */
	s64 capacity, head, tail;
};

/* What one queue_rqs has been given: the list is the driver's to change, what was issued is not. */
#define BLKMQ_BATCH_MAX		32	/* a plug's; a power of two */

struct blkmq_batch {
	struct blkmq_request_list rqs;
	s64 nr_bytes;
	u32 nr_issued;
	u64 ring[BLKMQ_BATCH_MAX];
	u64 issued[BLKMQ_BATCH_MAX];
};

/* --- a callback in progress ------------------------------------------------------ */

/*
 * A local of the callback's.  Everything that has its address is inlined, or is
 * called with a copy (blkmq_apart()): so it never is in memory, and what is known
 * of it where it is compiled, that there was no error say, costs nothing.
 */
#ifndef __uninitialized		/* kernels that clear all locals */
#define __uninitialized
#endif

struct blkmq_call {
	s64 fuel;
	s64 value;		/* of the error */
	u32 error;		/* enum blkmq_fault */
	u32 at;
	u32 error_at;
	u32 nr_pins;		/* counts each change of what is pinned, and each update */
	u8 slot;		/* number of the callback */
	u8 variant;		/* of the modes, where it is known: see BLKMQ_MODE() */
	u8 nr_held;
	u8 nr_spinning;		/* spin locks of these */
	bool may_sleep;		/* see blkmq_may_sleep() */
	bool has_started;	/* its request */
	bool has_ended;		/* that, as most often: it is not live at least */
	bool has_data_fuel;
	struct blkmq_disk *disk;
	struct blkmq_rq rq;	/* which it serves, or none */
	struct blkmq_slot *pinned;
	struct blkmq_held *held;
	void *view;		/* limits, a geometry or an id to fill in; a batch */
};

/* What a function may change of its call's record. */
static __always_inline void blkmq_copy_progress(struct blkmq_call *to, const struct blkmq_call *from)
{
	to->fuel = from->fuel;
	to->error = from->error;
	to->nr_pins = from->nr_pins;
	to->has_started = from->has_started;
	to->has_ended = from->has_ended;
	to->has_data_fuel = from->has_data_fuel;
	to->pinned = from->pinned;
	if (likely(!from->error))
		return;		/* the locks that it took are given back */
	to->value = from->value;
	to->error_at = from->error_at;
	to->nr_held = from->nr_held;
	to->nr_spinning = from->nr_spinning;
	to->held = from->held;
}

/* Field by field: what is assigned as a whole stays in memory. */
static __always_inline void blkmq_copy_call(struct blkmq_call *to, const struct blkmq_call *from)
{
	to->fuel = from->fuel;
	to->value = from->value;
	to->error = from->error;
	to->at = from->at;
	to->error_at = from->error_at;
	to->nr_pins = from->nr_pins;
	to->slot = from->slot;
	to->variant = from->variant;
	to->nr_held = from->nr_held;
	to->nr_spinning = from->nr_spinning;
	to->may_sleep = from->may_sleep;
	to->has_started = from->has_started;
	to->has_ended = from->has_ended;
	to->has_data_fuel = from->has_data_fuel;
	to->disk = from->disk;
	to->rq.slot = from->rq.slot;
	to->rq.generation = from->rq.generation;
	to->pinned = from->pinned;
	to->held = from->held;
	to->view = from->view;
}

/* A copy to be passed by value, where that is rare. */
static __always_inline struct blkmq_call blkmq_copied(const struct blkmq_call *call)
{
	struct blkmq_call copy __uninitialized;

	blkmq_copy_call(&copy, call);
	return copy;
}

/* The value of an expression with ``copy``, a pointer to a copy of the call's record. */
#define blkmq_apart(call, copy, expression) ({				\
	struct blkmq_call copy_ __uninitialized, *copy = &copy_;	\
	blkmq_copy_call(copy, call);					\
	__auto_type value_ = (expression);				\
	blkmq_copy_progress(call, copy);				\
	value_;								\
})

/*
 * What the driver's text says behind a function that is called from several
 * places, or loops: NAME_apart() is not inlined, and has the call's record in
 * registers as its caller has.
 */
#define BLKMQ_APART(type, name, parameters, arguments)			\
static noinline type name##_copied(struct blkmq_call *outer, BLKMQ_WORDS parameters)	\
{									\
	struct blkmq_call copy_ __uninitialized, *call = &copy_;	\
	blkmq_copy_call(call, outer);					\
	type value_ = name(call, BLKMQ_WORDS arguments);		\
	blkmq_copy_progress(outer, call);				\
	return value_;							\
}									\
static __always_inline type name##_apart(struct blkmq_call *call, BLKMQ_WORDS parameters)	\
{									\
	return blkmq_apart(call, copy, name##_copied(copy, BLKMQ_WORDS arguments));	\
}

#define BLKMQ_APART_VOID(name, parameters, arguments)			\
static noinline int name##_copied(struct blkmq_call *outer, BLKMQ_WORDS parameters)	\
{									\
	struct blkmq_call copy_ __uninitialized, *call = &copy_;	\
	blkmq_copy_call(call, outer);					\
	name(call, BLKMQ_WORDS arguments);				\
	blkmq_copy_progress(outer, call);				\
	return 0;							\
}									\
static __always_inline void name##_apart(struct blkmq_call *call, BLKMQ_WORDS parameters)	\
{									\
	blkmq_apart(call, copy, name##_copied(copy, BLKMQ_WORDS arguments));	\
}

#define BLKMQ_WORDS(...)	__VA_ARGS__

/*
 * There is a queue_rq for each combination of the driver's modes, so that in
 * these a mode is known when they are compiled: BLKMQ_MODE_name(), printed with
 * the driver, has BLKMQ_KNOWN() with its value in each variant.
 */
#define BLKMQ_NO_VARIANT		U8_MAX
#define BLKMQ_MODE(attribute, field)	BLKMQ_MODE_##attribute(field)
#define BLKMQ_KNOWN(...) ({						\
	static const s64 values_[] = { __VA_ARGS__ };			\
	values_[call->variant == BLKMQ_NO_VARIANT ? call->disk->variant : call->variant];	\
})

/* --- what the callbacks stand on ---------------------------------------------------- */

/* A hardware queue of the tag set: its slots, which stay when the queue goes. */
struct blkmq_queue {
	void *slots;
	unsigned int nr_born;	/* slots for which init_request has succeeded */
};

/* A tag set with its disks. */
struct blkmq_set {
	struct blk_mq_tag_set tag_set;
	struct blkmq_tag_set view;
	struct srcu_struct srcu;	/* callbacks that sleep, but for queue_rq: see blkmq_srcu() */
	struct workqueue_struct *works;
	struct delayed_work kept;	/* looks for requests that complete has kept */
	struct blkmq_queue *queues;	/* nr_cpu_ids of them, or more */
	unsigned int nr_queues;
	unsigned int nr_disks;
	struct blkmq_disk **disks;
	void *shared;			/* the driver's Shared */
	unsigned long removal;		/* jiffies from which on nothing is waited for; 0: not yet */
	struct dentry *debugfs;		/* the counters below */
	atomic_t nr_errors;
	atomic_t nr_stale_ends;
	atomic_t nr_stale_timers;
	atomic_t nr_timeouts;
};

/* A disk, and a hardware queue of it. */
struct blkmq_disk {
	struct blkmq_set *set;
	struct gendisk *gendisk;
	s64 capacity_sectors;
	u8 read_only;
	u8 variant;
	const char *name;
	struct llist_head dead_hws;
	bool is_added;
	/* the driver's own record follows, which may have spin locks */
} ____cacheline_aligned_in_smp;

struct blkmq_hw {
	struct blkmq_disk *disk;
	struct blk_mq_hw_ctx *hctx;
	void *slots;
	unsigned int queue_num;
	struct llist_node dead;
	/* the driver's Hw follows, which may have spin locks */
} ____cacheline_aligned_in_smp;

#endif
