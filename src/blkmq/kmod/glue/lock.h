/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The verbs of SpinLock and Mutex.  A call knows what it holds, and gives it back if an error breaks it off. */
#ifndef BLKMQ_LOCK_H
#define BLKMQ_LOCK_H

/* Macros, so that lockdep tells the locks of one field from those of another. */
#define blkmq_spin_lock_init(noun)	spin_lock_init(&(noun)->lock)
#define blkmq_mutex_init(noun)		mutex_init(&(noun)->lock)

/* Only this call itself can have put itself there, so that no lock is needed to look. */
static inline bool blkmq_may_take(struct blkmq_call *call, struct blkmq_call **owner)
{
	return !blkmq_bad(call, READ_ONCE(*owner) == call || call->nr_held == BLKMQ_NR_HELD_MAX, BLKMQ_FAULT_LOCK,
			  call->nr_held);
}

static inline void blkmq_spin_lock_enter(struct blkmq_call *call, struct blkmq_spin_lock *lock)
{
	unsigned long flags;

	if (!blkmq_may_take(call, &lock->owner))
		return;
	spin_lock_irqsave(&lock->lock, flags);
	lock->flags = flags;
	WRITE_ONCE(lock->owner, call);
	call->held[call->nr_held++] = (struct blkmq_held){ lock, true };
	call->nr_spinning++;
}

static inline void blkmq_spin_lock_exit(struct blkmq_call *call, struct blkmq_spin_lock *lock)
{
	unsigned long flags = lock->flags;

	call->nr_spinning--;
	call->nr_held--;	/* locks nest: the last one taken is the first one given back */
	WRITE_ONCE(lock->owner, NULL);
	spin_unlock_irqrestore(&lock->lock, flags);
}

static inline void blkmq_mutex_enter(struct blkmq_call *call, struct blkmq_mutex *lock)
{
	if (blkmq_bad(call, !call->may_sleep || call->nr_spinning, BLKMQ_FAULT_SLEEP, 0) ||
	    !blkmq_may_take(call, &lock->owner))
		return;
	mutex_lock(&lock->lock);
	WRITE_ONCE(lock->owner, call);
	call->held[call->nr_held++] = (struct blkmq_held){ lock, false };
}

static inline void blkmq_mutex_exit(struct blkmq_call *call, struct blkmq_mutex *lock)
{
	call->nr_held--;
	WRITE_ONCE(lock->owner, NULL);
	mutex_unlock(&lock->lock);
}

/* What a call that was broken off still holds, the innermost first. */
static noinline __cold void blkmq_release_held(struct blkmq_call *call)
{
	while (call->nr_held) {
		struct blkmq_held *held = &call->held[call->nr_held - 1];

		if (held->spins)
			blkmq_spin_lock_exit(call, held->lock);
		else
			blkmq_mutex_exit(call, held->lock);
	}
}

#endif
