// SPDX-License-Identifier: MIT
/*
 * The load generator's loop (transport/in_process/generator.py), dispatch and a
 * driver, hand-written in C: what the same work costs without blkmq.
 *
 * Step for step: get a tag, fill a 4 KiB request at a random place, put it on
 * the dispatch list; read the clock once a batch; issue (function pointer),
 * start and end by compare-and-swap, push on the stack of ended
 * requests; take the stack, put it in order, look at each status, put the tag.
 * No pins, no generations of handles, no fuel: they are what blkmq adds.
 *
 *	gcc -O2 -shared -fPIC -o loop_baseline.so loop_baseline.c
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define PAGE_SHIFT	12
#define PAGE_SIZE	(1L << PAGE_SHIFT)
#define CHUNK_SHIFT	18			/* pages to a chunk */
#define CHUNK_PAGES	(1L << CHUNK_SHIFT)
#define NR_CHUNKS	(1L << 17)
#define BATCH		32

typedef int64_t s64;

enum state { FREE, WAITING, IDLE, STARTED, COMPLETED, ENDED };
enum { READ, WRITE };

struct request {
	_Atomic s64 ownership;	/* state << 16 | status << 24 */
	s64 next;		/* index + 1; 0 ends the list */
	int32_t op, flags;
	s64 sector, nr_bytes;
	void *buffer;
	s64 spare[9];		/* two cache lines, as in dispatch */
};

struct queue {
	_Atomic s64 ended;	/* stack: index + 1 */
	s64 dispatch_head, dispatch_tail;
	s64 *free_tags;
	s64 nr_free, nr_in_flight, nr_queued, nr_ended;
	s64 now_nsec;
	struct request *requests;
	_Atomic s64 *_Atomic chunks[NR_CHUNKS];	/* the store: pages, behind them a bit for each */
};

typedef int (*queue_rq_fn)(struct queue *queue, struct request *request, bool is_last);

struct disk {
	struct queue queue;
	queue_rq_fn volatile queue_rq;	/* volatile: called by its address, as a driver is */
	char *buffers;
	s64 depth, capacity_sectors;
};

static s64 monotonic_nsec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000L + now.tv_nsec;
}

static bool move(struct request *request, enum state from, enum state to, s64 status)
{
	s64 word = from << 16;

	return atomic_compare_exchange_strong(&request->ownership, &word, to << 16 | status << 24);
}

static void end_request(struct queue *queue, struct request *request, s64 status)
{
	s64 first = atomic_load_explicit(&queue->ended, memory_order_acquire);

	if (!move(request, STARTED, ENDED, status))
		return;
	do
		request->next = first;
	while (!atomic_compare_exchange_weak(&queue->ended, &first, request - queue->requests + 1));
}

/* --- the store --------------------------------------------------------------------------- */

static _Atomic s64 *chunk_of(struct queue *queue, s64 index, bool create)
{
	_Atomic s64 *_Atomic *slot = &queue->chunks[index >> CHUNK_SHIFT];
	_Atomic s64 *chunk = atomic_load_explicit(slot, memory_order_acquire);

	if (chunk || !create)
		return chunk;
	chunk = mmap(NULL, (size_t)(CHUNK_PAGES * PAGE_SIZE + CHUNK_PAGES / 8), PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (chunk == MAP_FAILED)
		return NULL;
	madvise((void *)chunk, (size_t)(CHUNK_PAGES * PAGE_SIZE), MADV_NOHUGEPAGE);
	atomic_store_explicit(slot, chunk, memory_order_release);
	return chunk;
}

static char *page_of(struct queue *queue, s64 index, bool create)
{
	_Atomic s64 *chunk = chunk_of(queue, index, create);
	s64 bit = (s64)(1UL << (index & 63));
	_Atomic s64 *bits;

	if (!chunk)
		return NULL;
	index &= CHUNK_PAGES - 1;
	bits = chunk + CHUNK_PAGES * PAGE_SIZE / 8 + (index >> 6);
	if (!(atomic_load_explicit(bits, memory_order_acquire) & bit)) {
		if (!create)
			return NULL;
		atomic_fetch_or(bits, bit);
	}
	return (char *)chunk + (index << PAGE_SHIFT);
}

/* --- the drivers ----------------------------------------------------------------------------- */

static int null_queue_rq(struct queue *queue, struct request *request, bool is_last)
{
	(void)is_last;
	if (!move(request, IDLE, STARTED, 0))
		return 10;
	end_request(queue, request, 0);
	return 0;
}

static s64 transfer(struct queue *queue, struct request *request)
{
	s64 position = request->sector << 9, done = 0;

	while (done < request->nr_bytes) {
		s64 offset = position & (PAGE_SIZE - 1);
		s64 step = PAGE_SIZE - offset < request->nr_bytes - done ? PAGE_SIZE - offset
									 : request->nr_bytes - done;
		char *page = page_of(queue, position >> PAGE_SHIFT, request->op == WRITE);
		char *front = (char *)request->buffer + done;

		if (request->op == WRITE && !page)
			return 3;
		if (request->op == WRITE)
			memcpy(page + offset, front, (size_t)step);
		else if (page)
			memcpy(front, page + offset, (size_t)step);
		else
			memset(front, 0, (size_t)step);
		done += step;
		position += step;
	}
	return 0;
}

static int ram_queue_rq(struct queue *queue, struct request *request, bool is_last)
{
	(void)is_last;
	if (!move(request, IDLE, STARTED, 0))
		return 10;
	end_request(queue, request, transfer(queue, request));
	return 0;
}

/* --- the loop ----------------------------------------------------------------------------------- */

static s64 next_random(s64 *state)
{
	*state = (s64)((uint64_t)*state * 6364136223846793005UL + 1442695040888963407UL);
	return *state >> 33 & ((1 << 30) - 1);
}

static void submit(struct queue *queue, s64 nr_blocks, s64 write_percent, s64 *random)
{
	s64 index = queue->free_tags[--queue->nr_free];
	struct request *request = &queue->requests[index];

	atomic_store_explicit(&request->ownership, WAITING << 16, memory_order_release);
	queue->nr_in_flight++;
	request->sector = next_random(random) % nr_blocks * 8;
	request->op = next_random(random) % 100 < write_percent ? WRITE : READ;
	request->flags = 0;
	request->nr_bytes = PAGE_SIZE;
	request->next = 0;
	if (queue->dispatch_head)
		queue->requests[queue->dispatch_tail - 1].next = index + 1;
	else
		queue->dispatch_head = index + 1;
	queue->dispatch_tail = index + 1;
}

static void dispatch(struct queue *queue, queue_rq_fn queue_rq)
{
	queue->now_nsec = monotonic_nsec();
	while (queue->dispatch_head) {
		struct request *request = &queue->requests[queue->dispatch_head - 1];

		queue->dispatch_head = request->next;
		atomic_store_explicit(&request->ownership, IDLE << 16, memory_order_release);
		queue->nr_queued++;
		queue_rq(queue, request, !queue->dispatch_head);
	}
}

/* Takes what has ended, oldest first, and gives the tags back; how many, and how many of them failed. */
static s64 reap(struct queue *queue, s64 *nr_failed)
{
	s64 link = atomic_exchange(&queue->ended, 0), oldest = 0, count = 0;

	while (link) {
		struct request *request = &queue->requests[link - 1];
		s64 following = request->next;

		request->next = oldest;
		oldest = link;
		link = following;
	}
	for (; oldest; count++) {
		struct request *request = &queue->requests[oldest - 1];

		*nr_failed += (atomic_load_explicit(&request->ownership, memory_order_acquire) >> 24 & 0xff) != 0;
		atomic_store_explicit(&request->ownership, FREE << 16, memory_order_release);
		queue->free_tags[queue->nr_free++] = oldest - 1;
		queue->nr_in_flight--;
		queue->nr_ended++;
		oldest = request->next;
	}
	return count;
}

/* A null disk or, with ``keeps_data``, a RAM disk that is full, as one in use is: no page faults are measured. */
struct disk *open_disk(s64 depth, s64 capacity_sectors, s64 keeps_data)
{
	struct disk *disk = calloc(1, sizeof(*disk));
	struct queue *queue = &disk->queue;
	s64 i;

	disk->queue_rq = keeps_data ? ram_queue_rq : null_queue_rq;
	disk->buffers = aligned_alloc(PAGE_SIZE, (size_t)(depth * PAGE_SIZE));
	disk->depth = depth;
	disk->capacity_sectors = capacity_sectors;
	memset(disk->buffers, 0x5a, (size_t)(depth * PAGE_SIZE));
	queue->requests = calloc((size_t)depth, sizeof(*queue->requests));
	queue->free_tags = calloc((size_t)depth, sizeof(*queue->free_tags));
	for (i = depth; i-- > 0;) {
		queue->requests[i].buffer = disk->buffers + i * PAGE_SIZE;
		queue->free_tags[queue->nr_free++] = i;
	}
	for (i = 0; keeps_data && i < capacity_sectors / 8; i++)
		memset(page_of(queue, i, true), 0, PAGE_SIZE);
	return disk;
}

/* Runs the load: nanoseconds, or -1 if a request failed. */
s64 run(struct disk *disk, s64 nr_requests, s64 write_percent)
{
	s64 started = 0, ended = 0, nr_failed = 0, random = 12345, begin = monotonic_nsec(), elapsed, i;
	s64 nr_blocks = disk->capacity_sectors / 8;

	while (ended < nr_requests) {
		for (i = 0; i < BATCH && started < nr_requests && started - ended < disk->depth; i++, started++)
			submit(&disk->queue, nr_blocks, write_percent, &random);
		dispatch(&disk->queue, disk->queue_rq);
		ended += reap(&disk->queue, &nr_failed);
	}
	elapsed = monotonic_nsec() - begin;
	return nr_failed ? -1 : elapsed;
}

void close_disk(struct disk *disk)
{
	s64 i;

	for (i = 0; i < NR_CHUNKS; i++)
		if (disk->queue.chunks[i])
			munmap((void *)disk->queue.chunks[i], (size_t)(CHUNK_PAGES * PAGE_SIZE + CHUNK_PAGES / 8));
	free(disk->queue.requests);
	free(disk->queue.free_tags);
	free(disk->buffers);
	free(disk);
}
