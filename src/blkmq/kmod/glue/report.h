/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Errors of callbacks, in the kernel's log: kind, value, and where in the Python. */
#ifndef BLKMQ_REPORT_H
#define BLKMQ_REPORT_H

static const char *const blkmq_fault_names[] = {
	[BLKMQ_FAULT_NONE] = "NONE",
	[BLKMQ_FAULT_INDEX] = "INDEX",
	[BLKMQ_FAULT_VALUE] = "VALUE",
	[BLKMQ_FAULT_OVERFLOW] = "OVERFLOW",
	[BLKMQ_FAULT_ZERO_DIVISION] = "ZERO_DIVISION",
	[BLKMQ_FAULT_DIVISION] = "DIVISION",
	[BLKMQ_FAULT_SHIFT] = "SHIFT",
	[BLKMQ_FAULT_FUEL] = "FUEL: the callback does not end",
	[BLKMQ_FAULT_STALE] = "STALE: the request has ended",
	[BLKMQ_FAULT_STATE] = "STATE: the request's state does not allow it",
	[BLKMQ_FAULT_LOCK] = "LOCK: the callback holds this lock already",
	[BLKMQ_FAULT_STATUS] = "STATUS: no block status",
	[BLKMQ_FAULT_ABSENT] = "ABSENT: there is no page or request",
	[BLKMQ_FAULT_ASSERT] = "ASSERT",
	[BLKMQ_FAULT_PYTHON] = "PYTHON",
	[BLKMQ_FAULT_SLEEP] = "SLEEP: a verb that sleeps, in atomic context",
	[BLKMQ_FAULT_TIMEOUT] = "TIMEOUT",
};

static const char *blkmq_file_name(u32 at);		/* printed with the driver */
static const char *blkmq_callback_name(u8 slot);

static DEFINE_RATELIMIT_STATE(blkmq_ratelimit, 5 * HZ, 100);

static noinline __cold void blkmq_report(struct blkmq_disk *disk, u8 slot, enum blkmq_fault fault, s64 value, u32 at)
{
	if (!__ratelimit(&blkmq_ratelimit))
		return;
	pr_err("%s: %s:%u: %s (value %lld, in %s)\n", disk->name, blkmq_file_name(at), at & ((1 << 20) - 1),
	       blkmq_fault_names[fault], value, blkmq_callback_name(slot));
}

/* A request that the driver did not end in its time; it is told by the callback that had it last. */
static noinline __cold void blkmq_report_late(struct blkmq_disk *disk, u8 slot, struct request *request, u32 at)
{
	if (!__ratelimit(&blkmq_ratelimit))
		return;
	pr_err("%s: %s:%u: TIMEOUT: %s at sector %llu, tag %d: not ended after %u ms (in %s)\n",
	       disk->name, blkmq_file_name(at), at & ((1 << 20) - 1), blk_op_str(req_op(request)),
	       (u64)blk_rq_pos(request), request->tag, jiffies_to_msecs(disk->set->tag_set.timeout),
	       blkmq_callback_name(slot));
}

#endif
