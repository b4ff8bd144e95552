/* SPDX-License-Identifier: MIT */
/* What a call knows (dispatch/views.py, gen_disk.py), and blkmq_entry, by which the engine calls a driver. */
#ifndef BLKMQ_ENTRY_H
#define BLKMQ_ENTRY_H

static inline void *blkmq_driver(struct blkmq_call *call)
{
	return (void *)call->driver;
}

static inline void *blkmq_shared(struct blkmq_call *call)
{
	return (void *)call->shared;
}

static inline struct blkmq_tag_set *blkmq_tag_set(struct blkmq_call *call)
{
	return (struct blkmq_tag_set *)call->fields;
}

static inline struct blkmq_limits *blkmq_limits(struct blkmq_call *call)
{
	return (struct blkmq_limits *)call->limits;
}

static inline struct blkmq_geometry *blkmq_geometry(struct blkmq_call *call)
{
	return (struct blkmq_geometry *)call->geometry;
}

static inline struct blkmq_unique_id *blkmq_unique_id(struct blkmq_call *call)
{
	return (struct blkmq_unique_id *)call->unique_id;
}

static inline struct blkmq_disk *blkmq_disk(struct blkmq_call *call)
{
	return (struct blkmq_disk *)call->disk_address;
}

static inline void blkmq_gen_disk_set_capacity(struct blkmq_call *call, s64 nr_sectors)
{
	if (!blkmq_bad(call, nr_sectors < 0, BLKMQ_FAULT_VALUE, nr_sectors))
		blkmq_disk(call)->capacity_sectors = min_t(s64, nr_sectors, BLKMQ_DEV_MAX_SECTORS);
}

static inline void blkmq_gen_disk_set_read_only(struct blkmq_call *call, bool flag)
{
	blkmq_disk(call)->read_only = flag;
}

/* Arguments of blkmq_entry. */
static inline struct blkmq_rq blkmq_rq_from_word(s64 word)
{
	return (struct blkmq_rq){ word };
}

static inline struct blkmq_hw_ctx blkmq_hw_ctx_from_word(s64 word)
{
	return (struct blkmq_hw_ctx){ word };
}

static inline struct blkmq_request_list *blkmq_request_list_from_word(s64 word)
{
	return (struct blkmq_request_list *)word;
}

static inline struct blkmq_io_completion_batch *blkmq_io_completion_batch_from_word(s64 word)
{
	return (struct blkmq_io_completion_batch *)word;
}

/* Calls slot ``slot`` of the driver; what a, b and c are depends on the slot. */
s64 blkmq_entry(s64 slot, struct blkmq_call *call, s64 a, s64 b, s64 c);

#endif
