/* SPDX-License-Identifier: MIT */
/* Atomic words (native/atomic.py), and the verbs of Atomic (dispatch/nouns/atomic.py). */
#ifndef BLKMQ_ATOMIC_H
#define BLKMQ_ATOMIC_H

static inline s64 word_load(s64 *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static inline void word_store(s64 *word, s64 value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static inline s64 word_add(s64 *word, s64 value)
{
	return __atomic_fetch_add(word, value, __ATOMIC_SEQ_CST);
}

static inline s64 word_xchg(s64 *word, s64 value)
{
	return __atomic_exchange_n(word, value, __ATOMIC_SEQ_CST);
}

static inline void word_xor(s64 *word, s64 bits)
{
	__atomic_fetch_xor(word, bits, __ATOMIC_SEQ_CST);
}

static inline bool word_cas(s64 *word, s64 old, s64 value)
{
	return __atomic_compare_exchange_n(word, &old, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* The short locks of the nouns themselves: 0 is free. */
static inline void word_lock(s64 *word)
{
	while (!word_cas(word, 0, 1))
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static inline void word_unlock(s64 *word)
{
	word_store(word, 0);
}

static inline s64 blkmq_atomic_load(struct blkmq_call *call, struct blkmq_atomic *atomic)
{
	return word_load(&atomic->value);
}

static inline void blkmq_atomic_store(struct blkmq_call *call, struct blkmq_atomic *atomic, s64 value)
{
	word_store(&atomic->value, value);
}

static inline s64 blkmq_atomic_fetch_add(struct blkmq_call *call, struct blkmq_atomic *atomic, s64 value)
{
	return word_add(&atomic->value, value);
}

static inline s64 blkmq_atomic_xchg(struct blkmq_call *call, struct blkmq_atomic *atomic, s64 value)
{
	return word_xchg(&atomic->value, value);
}

static inline s64 blkmq_atomic_cmpxchg(struct blkmq_call *call, struct blkmq_atomic *atomic, s64 old, s64 new)
{
	__atomic_compare_exchange_n(&atomic->value, &old, new, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	return old;
}

#endif
