/* SPDX-License-Identifier: MIT */
/*
 * The verbs of PageStore: dispatch/nouns/page_store.py.
 *
 * A chunk is a gigabyte of reserved address space, and behind its pages two
 * bits for each.  The system gives memory where something is written and takes
 * it back on erase; the address space stays, so that a reader needs no lock.
 * One bit says that the page is there; the other is a lock, under which it
 * comes and goes.
 */
#ifndef BLKMQ_PAGE_STORE_H
#define BLKMQ_PAGE_STORE_H

#include <sched.h>
#include <sys/mman.h>

/* Address space that reads as zeroes and costs nothing until written; 0 when there is none. */
static inline s64 blkmq_reserve(s64 nr_bytes)
{
	void *memory = mmap(NULL, (size_t)nr_bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return 0;
	madvise(memory, (size_t)nr_bytes, MADV_NOHUGEPAGE);
	return (s64)memory;
}

static inline s64 *blkmq_bitmap_word(s64 chunk, s64 index)
{
	return (s64 *)(chunk + BLKMQ_CHUNK_BYTES) + ((index & (BLKMQ_CHUNK_PAGES - 1)) >> 6);
}

static inline u64 blkmq_bit_of(s64 index)
{
	return 1ULL << (index & 63);
}

static inline bool blkmq_is_there(s64 chunk, s64 index)
{
	return (u64)word_load(blkmq_bitmap_word(chunk, index)) & blkmq_bit_of(index);
}

static inline void blkmq_lock_page(s64 chunk, s64 index)
{
	s64 *bits = blkmq_bitmap_word(chunk + BLKMQ_BITMAP_BYTES, index), bit = (s64)blkmq_bit_of(index);

	for (;;) {
		s64 word = word_load(bits);

		if (!(word & bit) && word_cas(bits, word, word | bit))
			return;
		sched_yield();	/* to who has it, in the system maybe */
	}
}

static inline void blkmq_unlock_page(s64 chunk, s64 index)
{
	word_xor(blkmq_bitmap_word(chunk + BLKMQ_BITMAP_BYTES, index), (s64)blkmq_bit_of(index));
}

static inline struct blkmq_page blkmq_page_in(s64 chunk, s64 index)
{
	return (struct blkmq_page){ (u8 *)chunk + ((index & (BLKMQ_CHUNK_PAGES - 1)) << BLKMQ_PAGE_SHIFT) };
}

/* Address of the chunk that has the page; 0 if there is none yet. */
static inline s64 blkmq_chunk_of(struct blkmq_page_store *store, s64 index)
{
	s64 *chunks = (s64 *)word_load(&store->chunks);

	return chunks ? word_load(chunks + (index >> BLKMQ_CHUNK_SHIFT)) : 0;
}

/* Makes that chunk, or finds that another thread just did; 0 when there is no address space. */
static inline s64 blkmq_add_chunk(struct blkmq_page_store *store, s64 index)
{
	s64 chunk;

	word_lock(&store->lock);
	if (!store->chunks)
		word_store(&store->chunks, blkmq_reserve(BLKMQ_NR_CHUNKS * (s64)sizeof(s64)));
	chunk = blkmq_chunk_of(store, index);
	if (!chunk && store->chunks) {
		chunk = blkmq_reserve(BLKMQ_CHUNK_AREA);
		word_store((s64 *)store->chunks + (index >> BLKMQ_CHUNK_SHIFT), chunk);
	}
	word_unlock(&store->lock);
	return chunk;
}

static inline struct blkmq_page blkmq_page_store_get(struct blkmq_call *call, struct blkmq_page_store *store,
						     s64 index)
{
	s64 chunk;

	if (blkmq_bad_index(call, index, BLKMQ_NR_PAGES_MAX))
		return BLKMQ_NO_PAGE;
	chunk = blkmq_chunk_of(store, index);
	if (!chunk || !blkmq_is_there(chunk, index))
		return BLKMQ_NO_PAGE;
	return blkmq_page_in(chunk, index);
}

/* Makes a page of zeroes, unless another thread just did. */
static inline void blkmq_make_page(struct blkmq_page_store *store, s64 chunk, s64 index)
{
	blkmq_lock_page(chunk, index);
	if (!blkmq_is_there(chunk, index)) {
		/* Who had the page before may have written to it since. */
		if (word_load(&store->erased))
			madvise(blkmq_page_in(chunk, index).memory, BLKMQ_PAGE_SIZE, MADV_DONTNEED);
		word_xor(blkmq_bitmap_word(chunk, index), (s64)blkmq_bit_of(index));
		word_add(&store->nr_pages, 1);
	}
	blkmq_unlock_page(chunk, index);
}

static inline struct blkmq_page blkmq_page_store_get_or_alloc(struct blkmq_call *call,
							      struct blkmq_page_store *store, s64 index)
{
	s64 chunk;

	if (blkmq_bad_index(call, index, BLKMQ_NR_PAGES_MAX))
		return BLKMQ_NO_PAGE;
	chunk = blkmq_chunk_of(store, index);
	if (unlikely(!chunk)) {
		chunk = blkmq_add_chunk(store, index);
		if (!chunk)
			return BLKMQ_NO_PAGE;
	}
	if (unlikely(!blkmq_is_there(chunk, index)))
		blkmq_make_page(store, chunk, index);
	return blkmq_page_in(chunk, index);
}

static inline void blkmq_page_store_erase(struct blkmq_call *call, struct blkmq_page_store *store, s64 index)
{
	s64 chunk;

	if (blkmq_bad_index(call, index, BLKMQ_NR_PAGES_MAX))
		return;
	chunk = blkmq_chunk_of(store, index);
	if (!chunk || !blkmq_is_there(chunk, index))
		return;
	blkmq_lock_page(chunk, index);
	if (blkmq_is_there(chunk, index)) {
		word_store(&store->erased, 1);
		word_xor(blkmq_bitmap_word(chunk, index), (s64)blkmq_bit_of(index));
		word_add(&store->nr_pages, -1);
		madvise(blkmq_page_in(chunk, index).memory, BLKMQ_PAGE_SIZE, MADV_DONTNEED);
	}
	blkmq_unlock_page(chunk, index);
}

static inline s64 blkmq_page_store_nr_pages(struct blkmq_call *call, struct blkmq_page_store *store)
{
	return word_load(&store->nr_pages);
}

#endif
