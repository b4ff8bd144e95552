/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The verbs of SpinLock and Mutex.  A call knows what it holds, and gives it back if an error breaks it off. */
#ifndef BLKMQ_LOCK_H
#define BLKMQ_LOCK_H

/* Macros, so that lockdep tells the locks of one field from those of another. */
#define blkmq_spin_lock_init(noun)	spin_lock_init(&(noun)->lock)
#define blkmq_mutex_init(noun)		mutex_init(&(noun)->lock)

#define BLKMQ_NR_HELD_MAX	8

static noinline bool blkmq_holds(struct blkmq_held *held, struct blkmq_held *lock)
{
	for (; held; held = held->outer) {
		if (held == lock)
			return true;
	}
	return false;
}

/* Only what this call itself has taken is in its chain, so that no lock is needed to look. */
static __always_inline bool blkmq_may_take(struct blkmq_call *call, struct blkmq_held *lock)
{
	return !blkmq_bad(call, call->nr_held == BLKMQ_NR_HELD_MAX || (call->held && blkmq_holds(call->held, lock)),
			  BLKMQ_FAULT_LOCK, call->nr_held);
}

static __always_inline void blkmq_spin_lock_enter(struct blkmq_call *call, struct blkmq_spin_lock *lock)
{
	unsigned long flags;

	if (!blkmq_may_take(call, &lock->held))
		return;
	spin_lock_irqsave(&lock->lock, flags);
	lock->flags = flags;
	lock->held = (struct blkmq_held){ call->held, true };
	call->held = &lock->held;
	call->nr_held++;
	call->nr_spinning++;
}

/* Locks nest: the last one taken is the first one given back. */
static __always_inline void blkmq_spin_lock_exit(struct blkmq_call *call, struct blkmq_spin_lock *lock)
{
	call->nr_spinning--;
	call->held = lock->held.outer;
	call->nr_held--;
	spin_unlock_irqrestore(&lock->lock, lock->flags);
}

static __always_inline void blkmq_mutex_enter(struct blkmq_call *call, struct blkmq_mutex *lock)
{
	if (blkmq_bad(call, !blkmq_may_sleep(call), BLKMQ_FAULT_SLEEP, 0) ||
	    !blkmq_may_take(call, &lock->held))
		return;
	mutex_lock(&lock->lock);
	lock->held = (struct blkmq_held){ call->held, false };
	call->held = &lock->held;
	call->nr_held++;
}

static __always_inline void blkmq_mutex_exit(struct blkmq_call *call, struct blkmq_mutex *lock)
{
	call->held = lock->held.outer;
	call->nr_held--;
	mutex_unlock(&lock->lock);
}

/* What a call that was broken off still holds, the innermost first. */
static noinline __cold void blkmq_release_held(struct blkmq_held *held)
{
	while (held) {
		struct blkmq_held *outer = held->outer;

		if (held->spins) {
			struct blkmq_spin_lock *lock = container_of(held, struct blkmq_spin_lock, held);

			spin_unlock_irqrestore(&lock->lock, lock->flags);
		} else {
			mutex_unlock(&container_of(held, struct blkmq_mutex, held)->lock);
		}
		held = outer;
	}
}

static __always_inline void blkmq_give_back(struct blkmq_call *call)
{
	if (unlikely(call->held))
		blkmq_release_held(call->held);
	call->held = NULL;
	call->nr_held = 0;
	call->nr_spinning = 0;
}

#endif
