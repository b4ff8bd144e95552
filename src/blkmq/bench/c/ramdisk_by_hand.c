// SPDX-License-Identifier: MIT
/*
 * drivers/ramdisk.py as a C programmer would write it, on the same runtime.
 *
 * What it takes longer than the printed one, or less, is what printing costs.
 * The structs have the layout of the driver's records, so that the engine can
 * run either.
 */
#include "contract.h"

#define SECTOR_SHIFT	9
#define PAGE_SHIFT	12
#define PAGE_SIZE	(1 << PAGE_SHIFT)

enum {
	REQ_OP_WRITE	= 1,
	REQ_OP_DISCARD	= 3,

	BLK_STS_OK	= 0,
	BLK_STS_NOSPC	= 3,

	SLOT_CONFIGURE	= 0,
	SLOT_QUEUE_RQ	= 1,
};

struct ramdisk {
	struct {
		u64 size;	/* MiB */
		u32 blocksize;	/* bytes */
	} config;
	struct blkmq_page_store store;
};

static s64 ramdisk_configure(struct blkmq_call *call, struct ramdisk *ram)
{
	struct blkmq_limits *limits = blkmq_limits(call);

	limits->logical_block_size = ram->config.blocksize;
	limits->max_hw_discard_sectors = UINT32_MAX;
	limits->discard_granularity = PAGE_SIZE;
	blkmq_gen_disk_set_capacity(call, (s64)(ram->config.size << (20 - SECTOR_SHIFT)));
	return 0;
}

static s64 ramdisk_transfer(struct blkmq_call *call, struct ramdisk *ram, struct blkmq_rq rq, bool is_write)
{
	s64 position = blkmq_request_sector(call, rq) << SECTOR_SHIFT;
	struct blkmq_segment segment = blkmq_segment_first(call, rq);

	for (; blkmq_segment_more(call, &segment); blkmq_segment_next(call, &segment)) {
		while (blkmq_segment_len(call, &segment) > 0) {
			s64 offset = position & (PAGE_SIZE - 1);
			s64 index = position >> PAGE_SHIFT;
			struct blkmq_page page;

			if (is_write) {
				page = blkmq_page_store_get_or_alloc(call, &ram->store, index);
				if (!blkmq_page_present(page))
					return BLK_STS_NOSPC;
				position += blkmq_segment_copy_to_page(call, &segment, page, offset, PAGE_SIZE);
			} else {
				page = blkmq_page_store_get(call, &ram->store, index);
				if (blkmq_page_present(page))
					position += blkmq_segment_copy_from_page(call, &segment, page, offset,
										 PAGE_SIZE);
				else
					position += blkmq_segment_zero(call, &segment, PAGE_SIZE - offset);
			}
			if (call->error)
				return 0;
		}
	}
	return BLK_STS_OK;
}

static s64 ramdisk_discard(struct blkmq_call *call, struct ramdisk *ram, struct blkmq_rq rq)
{
	s64 start = blkmq_request_sector(call, rq) << SECTOR_SHIFT;
	s64 end = start + blkmq_request_nr_bytes(call, rq);
	s64 index;

	for (index = (start + PAGE_SIZE - 1) >> PAGE_SHIFT; index < end >> PAGE_SHIFT; index++)
		blkmq_page_store_erase(call, &ram->store, index);
	return BLK_STS_OK;
}

static s64 ramdisk_queue_rq(struct blkmq_call *call, struct ramdisk *ram, struct blkmq_rq rq)
{
	s64 op, status;

	blkmq_request_start(call, rq);
	op = blkmq_request_op(call, rq);
	if (op == REQ_OP_DISCARD)
		status = ramdisk_discard(call, ram, rq);
	else
		status = ramdisk_transfer(call, ram, rq, op == REQ_OP_WRITE);
	if (!call->error)
		blkmq_request_end(call, rq, status);
	return BLK_STS_OK;
}

s64 blkmq_entry(s64 slot, struct blkmq_call *call, s64 a, s64 b, s64 c)
{
	struct ramdisk *ram = blkmq_driver(call);

	switch (slot) {
	case SLOT_CONFIGURE:
		return ramdisk_configure(call, ram);
	case SLOT_QUEUE_RQ:
		return ramdisk_queue_rq(call, ram, blkmq_rq_from_word(b));
	}
	return 0;
}
