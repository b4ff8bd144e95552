/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The verbs of Page on both C targets: dispatch/nouns/page.py.  Its memory stays until the callback returns. */
#ifndef BLKMQ_PAGE_H
#define BLKMQ_PAGE_H

static __always_inline bool blkmq_page_present(struct blkmq_page page)
{
	return page.memory;
}

/* Notes an error if it is none. */
static __always_inline bool blkmq_page_absent(struct blkmq_call *call, struct blkmq_page page)
{
	return blkmq_bad(call, !page.memory, BLKMQ_FAULT_ABSENT, 0);
}

static __always_inline s64 blkmq_page_getitem(struct blkmq_call *call, struct blkmq_page page, s64 index)
{
	if (blkmq_page_absent(call, page) || blkmq_bad_index(call, index, BLKMQ_PAGE_SIZE))
		return 0;
	return READ_ONCE(page.memory[index]);
}

static __always_inline void blkmq_page_setitem(struct blkmq_call *call, struct blkmq_page page, s64 index, s64 value)
{
	if (blkmq_page_absent(call, page) || blkmq_bad_index(call, index, BLKMQ_PAGE_SIZE) ||
	    blkmq_bad_value(call, value, 0, 255))
		return;
	WRITE_ONCE(page.memory[index], (u8)value);
}

static __always_inline void blkmq_page_zero(struct blkmq_call *call, struct blkmq_page page, s64 offset, s64 nr_bytes)
{
	if (blkmq_page_absent(call, page))
		return;
	if (offset < 0 || nr_bytes < 0 || nr_bytes > BLKMQ_PAGE_SIZE || offset > BLKMQ_PAGE_SIZE - nr_bytes)
		blkmq_fail(call, BLKMQ_FAULT_INDEX, offset);
	else if (!blkmq_burn(call, nr_bytes / BLKMQ_BYTES_PER_FUEL))
		memset(page.memory + offset, 0, (size_t)nr_bytes);
}

#endif
