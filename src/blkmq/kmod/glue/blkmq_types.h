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
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/srcu.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#define BLKMQ_NO_BACKING_FILE

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
#define BLKMQ_GENERATION	(1ULL << 32)
#define BLKMQ_STATUS_SHIFT	24
#define BLKMQ_STATE_SHIFT	16
#define BLKMQ_PINS_MASK		0xffffULL
#define BLKMQ_STATE_BITS(state)	((u64)(state) << BLKMQ_STATE_SHIFT)

struct blkmq_slot {
	atomic64_t word;
	struct request *rq;	/* while the word says that the driver has it */
	struct blkmq_hw *hw;	/* of the disk that it is for */
	struct blkmq_set *set;
	u32 index;		/* queue << 16 | tag */
	u32 updates;		/* segments are of the past once this has changed */
	unsigned long kept_since;	/* jiffies when complete was called */
	/* the driver's Pdu follows */
};

/* A request and the life of its slot. */
struct blkmq_rq {
	struct blkmq_slot *slot;
	u64 generation;		/* << 32, the rest is zero */
};

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
	u32 updates;
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
	spinlock_t lock;
	s64 nr_ranges;
	struct blkmq_range *ranges;
};

struct blkmq_atomic {
	atomic64_t value;
};

struct blkmq_spin_lock {
	spinlock_t lock;
	struct blkmq_call *owner;
	unsigned long flags;
} ____cacheline_aligned_in_smp;

struct blkmq_mutex {
	struct mutex lock;
	struct blkmq_call *owner;
};

struct blkmq_hr_timer {
	struct hrtimer timer;
	struct blkmq_disk *disk;	/* NULL: in a Pdu, for its request */
	struct blkmq_slot *slot;	/* of that request */
	atomic64_t generation;
	s64 callback;
};

struct blkmq_work {
	struct work_struct work;
	struct blkmq_disk *disk;
	struct blkmq_slot *slot;
	atomic64_t generation;
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

/* --- a callback in progress ------------------------------------------------------ */

#define BLKMQ_NR_HELD_MAX	8

#ifndef __uninitialized		/* kernels that clear all locals: a call's are set by blkmq_begin() */
#define __uninitialized
#endif

struct blkmq_held {
	void *lock;
	bool spins;
};

struct blkmq_call {
	s64 fuel;
	u32 error;		/* enum blkmq_fault */
	u32 at;
	u32 error_at;
	u8 slot;		/* number of the callback */
	bool may_sleep;
	u8 nr_spinning;
	u8 nr_held;
	bool has_started;	/* its request */
	s64 value;
	struct blkmq_disk *disk;
	struct blkmq_rq rq;	/* which it serves; none */
	struct blkmq_slot *pinned;
	struct blkmq_limits *limits;
	struct blkmq_geometry *geometry;
	struct blkmq_unique_id *unique_id;
	struct blkmq_held held[BLKMQ_NR_HELD_MAX];
};

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
	void *driver;			/* the driver's own record */
	const char *name;
	struct llist_head dead_hws;
	bool is_added;
};

struct blkmq_hw {
	struct blkmq_disk *disk;
	struct blk_mq_hw_ctx *hctx;
	u8 *slots;
	unsigned int queue_num;
	bool may_block;
	struct llist_node dead;
	/* the driver's Hw follows, which may have spin locks */
} ____cacheline_aligned_in_smp;

#endif
