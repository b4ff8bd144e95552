/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The verbs of Atomic. */
#ifndef BLKMQ_ATOMIC_H
#define BLKMQ_ATOMIC_H

static __always_inline s64 blkmq_atomic_load(struct blkmq_call *call, struct blkmq_atomic *atomic)
{
	return atomic64_read_acquire(&atomic->value);
}

static __always_inline void blkmq_atomic_store(struct blkmq_call *call, struct blkmq_atomic *atomic, s64 value)
{
	atomic64_set_release(&atomic->value, value);
}

static __always_inline s64 blkmq_atomic_fetch_add(struct blkmq_call *call, struct blkmq_atomic *atomic, s64 value)
{
	return atomic64_fetch_add(value, &atomic->value);
}

static __always_inline s64 blkmq_atomic_xchg(struct blkmq_call *call, struct blkmq_atomic *atomic, s64 value)
{
	return atomic64_xchg(&atomic->value, value);
}

static __always_inline s64 blkmq_atomic_cmpxchg(struct blkmq_call *call, struct blkmq_atomic *atomic, s64 old, s64 new)
{
	return atomic64_cmpxchg(&atomic->value, old, new);
}

#endif
