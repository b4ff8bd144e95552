/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The verbs of PageStore: an xarray of the addresses of pages.
 *
 * Readers take no lock.  A page that is erased is freed when every callback that
 * may have it is over: callbacks that cannot sleep are RCU readers, as their
 * context is atomic or blk-mq says so; those that can are readers of the set's
 * SRCU, queue_rq of the tag set's own.
 */
#ifndef BLKMQ_PAGE_STORE_H
#define BLKMQ_PAGE_STORE_H

static inline void blkmq_page_store_init(struct blkmq_page_store *store)
{
	xa_init_flags(&store->pages, XA_FLAGS_LOCK_IRQ);
}

/* Nobody else has it any more. */
static void __maybe_unused blkmq_page_store_exit(struct blkmq_page_store *store)
{
	unsigned long index;
	void *memory;

	xa_for_each(&store->pages, index, memory) {
		free_page((unsigned long)memory);
		if (!(index & 0xfff))
			cond_resched();
	}
	xa_destroy(&store->pages);
}

static __always_inline struct blkmq_page blkmq_page_store_get(struct blkmq_call *call,
							      struct blkmq_page_store *store, s64 index)
{
	if (blkmq_bad_index(call, index, BLKMQ_NR_PAGES_MAX))
		return BLKMQ_NO_PAGE;
	return (struct blkmq_page){ xa_load(&store->pages, index) };
}

/* Makes a page of zeroes, or finds that another thread just did; none when memory is out. */
static noinline struct blkmq_page blkmq_make_page(struct blkmq_page_store *store, s64 index, bool sleeps)
{
	gfp_t gfp = (sleeps ? GFP_NOIO : GFP_NOWAIT) | __GFP_NOWARN;
	void *memory = (void *)__get_free_page(gfp | __GFP_ZERO);
	unsigned long flags;
	void *old;

	if (!memory)
		return BLKMQ_NO_PAGE;
	if (sleeps) {
		old = xa_cmpxchg_irq(&store->pages, index, NULL, memory, gfp);
	} else {
		xa_lock_irqsave(&store->pages, flags);
		old = __xa_cmpxchg(&store->pages, index, NULL, memory, gfp);
		xa_unlock_irqrestore(&store->pages, flags);
	}
	if (!old) {
		atomic64_inc(&store->nr_pages);
		return (struct blkmq_page){ memory };
	}
	free_page((unsigned long)memory);
	return xa_is_err(old) ? BLKMQ_NO_PAGE : (struct blkmq_page){ old };
}

static __always_inline struct blkmq_page blkmq_page_store_get_or_alloc(struct blkmq_call *call,
								       struct blkmq_page_store *store,
								       s64 index)
{
	struct blkmq_page page = blkmq_page_store_get(call, store, index);

	if (unlikely(!page.memory && !call->error))
		page = blkmq_make_page(store, index, blkmq_may_sleep(call));
	return page;
}

static void blkmq_free_dead_page(struct rcu_head *rcu)
{
	free_page((unsigned long)page_address(container_of(rcu, struct page, rcu_head)));
}

static void blkmq_free_dead_page_of_atomic(struct rcu_head *rcu)
{
	call_rcu(rcu, blkmq_free_dead_page);
}

static noinline void blkmq_erase_page(struct blkmq_set *set, struct blkmq_page_store *store, s64 index)
{
	unsigned long flags;
	void *memory;

	if (!xa_load(&store->pages, index))
		return;
	xa_lock_irqsave(&store->pages, flags);
	memory = __xa_erase(&store->pages, index);
	xa_unlock_irqrestore(&store->pages, flags);
	if (memory) {
		atomic64_dec(&store->nr_pages);
		call_srcu(blkmq_srcu(set), &virt_to_page(memory)->rcu_head, blkmq_free_dead_page_of_atomic);
	}
}

static __always_inline void blkmq_page_store_erase(struct blkmq_call *call, struct blkmq_page_store *store, s64 index)
{
	if (!blkmq_bad_index(call, index, BLKMQ_NR_PAGES_MAX))
		blkmq_erase_page(call->disk->set, store, index);
}

static __always_inline s64 blkmq_page_store_nr_pages(struct blkmq_call *call, struct blkmq_page_store *store)
{
	return atomic64_read(&store->nr_pages);
}

#endif
