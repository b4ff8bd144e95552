/* SPDX-License-Identifier: MIT */
/* The verbs of SpinLock and Mutex: dispatch/nouns/lock.py.  A call owns a lock by its number. */
#ifndef BLKMQ_LOCK_H
#define BLKMQ_LOCK_H

#include <sched.h>

/* Whether this call may wait for the lock: not if it has it already. */
static inline bool blkmq_may_take(struct blkmq_call *call, s64 *owner)
{
	return !blkmq_bad(call, word_load(owner) == call->id || call->nr_held == BLKMQ_NR_HELD_MAX,
			  BLKMQ_FAULT_LOCK, call->nr_held);
}

static inline void blkmq_spin_lock_enter(struct blkmq_call *call, struct blkmq_spin_lock *lock)
{
	if (!blkmq_may_take(call, &lock->owner))
		return;
	while (!word_cas(&lock->owner, 0, call->id))
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	call->held[call->nr_held++] = (s64)&lock->owner;
	call->nr_spinning++;
}

static inline void blkmq_spin_lock_exit(struct blkmq_call *call, struct blkmq_spin_lock *lock)
{
	call->nr_spinning--;
	call->nr_held--;	/* locks nest: the last one taken is the first one given back */
	word_store(&lock->owner, 0);
}

static inline void blkmq_mutex_enter(struct blkmq_call *call, struct blkmq_mutex *lock)
{
	if (blkmq_bad(call, !call->may_sleep || call->nr_spinning, BLKMQ_FAULT_SLEEP, 0) ||
	    !blkmq_may_take(call, &lock->owner))
		return;
	while (!word_cas(&lock->owner, 0, call->id))
		sched_yield();
	call->held[call->nr_held++] = (s64)&lock->owner;
}

static inline void blkmq_mutex_exit(struct blkmq_call *call, struct blkmq_mutex *lock)
{
	call->nr_held--;
	word_store(&lock->owner, 0);
}

#endif
