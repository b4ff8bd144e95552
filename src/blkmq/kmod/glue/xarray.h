/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The verbs of XArray: the kernel's own, of integers. */
#ifndef BLKMQ_XARRAY_H
#define BLKMQ_XARRAY_H

static inline void blkmq_xarray_init(struct blkmq_xarray *array)
{
	xa_init_flags(&array->values, XA_FLAGS_LOCK_IRQ);
}

static inline void blkmq_xarray_exit(struct blkmq_xarray *array)
{
	xa_destroy(&array->values);
}

static __always_inline s64 blkmq_xarray_value(void *entry)
{
	return xa_is_value(entry) ? xa_to_value(entry) : 0;
}

static __always_inline s64 blkmq_xarray_load(struct blkmq_call *call, struct blkmq_xarray *array, s64 index)
{
	if (blkmq_bad(call, index < 0, BLKMQ_FAULT_INDEX, index))
		return 0;
	return blkmq_xarray_value(xa_load(&array->values, index));
}

static noinline s64 blkmq_xarray_put(struct blkmq_xarray *array, s64 index, s64 value, bool sleeps)
{
	unsigned long flags;
	void *old;

	if (sleeps)
		return xa_err(xa_store_irq(&array->values, index, xa_mk_value(value), GFP_NOIO));
	xa_lock_irqsave(&array->values, flags);
	old = __xa_store(&array->values, index, xa_mk_value(value), GFP_NOWAIT);
	xa_unlock_irqrestore(&array->values, flags);
	return xa_err(old);
}

static __always_inline s64 blkmq_xarray_store(struct blkmq_call *call, struct blkmq_xarray *array, s64 index, s64 value)
{
	if (blkmq_bad(call, index < 0, BLKMQ_FAULT_INDEX, index) ||
	    blkmq_bad_value(call, value, 1, BLKMQ_XARRAY_VALUE_END - 1))
		return 0;
	return blkmq_xarray_put(array, index, value, blkmq_may_sleep(call));
}

static noinline s64 blkmq_xarray_take(struct blkmq_xarray *array, s64 index)
{
	unsigned long flags;
	void *old;

	xa_lock_irqsave(&array->values, flags);
	old = __xa_erase(&array->values, index);
	xa_unlock_irqrestore(&array->values, flags);
	return blkmq_xarray_value(old);
}

static __always_inline s64 blkmq_xarray_erase(struct blkmq_call *call, struct blkmq_xarray *array, s64 index)
{
	return blkmq_bad(call, index < 0, BLKMQ_FAULT_INDEX, index) ? 0 : blkmq_xarray_take(array, index);
}

#endif
