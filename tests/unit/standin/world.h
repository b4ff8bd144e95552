/* SPDX-License-Identifier: MIT */
/* A tag set of two queues with four tags each, for tests of the stand-in. */
#ifndef WORLD_H
#define WORLD_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "contract.h"

#define NR_QUEUES	2
#define QUEUE_DEPTH	4
#define NR_REQUESTS	(NR_QUEUES * QUEUE_DEPTH)
#define NR_CALLS	4
#define NR_TIMERS	64

#define CHECK(holds) do {							\
	if (!(holds)) {								\
		fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #holds);	\
		exit(1);							\
	}									\
} while (0)

/* The call's error is this one; it is cleared. */
#define CHECK_FAULT(call, wanted) do {	\
	CHECK((call)->error == (wanted));	\
	(call)->error = 0;			\
} while (0)

struct pdu {
	struct blkmq_hr_timer timer;
	s64 number;
};

static struct blkmq_set set;
static struct blkmq_disk disk;
static struct blkmq_hw_queue queues[NR_QUEUES];
static struct blkmq_request requests[NR_REQUESTS];
static struct blkmq_piece pieces[NR_REQUESTS][4];
static struct blkmq_report reports[BLKMQ_NR_REPORTS];
static struct pdu pdus[NR_REQUESTS];
static s64 hws[NR_QUEUES];
static s64 timers[NR_QUEUES][NR_TIMERS];
static struct blkmq_call calls[NR_CALLS];

static inline void make_world(void)
{
	s64 i;

	set.requests = (s64)requests;
	set.queues = (s64)queues;
	set.pdus = (s64)pdus;
	set.pdu_size = sizeof(*pdus);
	set.reports = (s64)reports;
	set.nr_requests = NR_REQUESTS;
	set.queue_depth = QUEUE_DEPTH;
	set.timeout_nsec = 1000;
	set.work_fd = eventfd(0, EFD_NONBLOCK);
	disk.hws = (s64)hws;
	for (i = 0; i < NR_QUEUES; i++) {
		queues[i].timers = (s64)timers[i];
		queues[i].next_timer_nsec = S64_MAX;
		queues[i].wake_fd = eventfd(0, EFD_NONBLOCK);
	}
	for (i = 0; i < NR_REQUESTS; i++) {
		requests[i].ownership = 1LL << BLKMQ_GENERATION_SHIFT;
		requests[i].segments = (s64)pieces[i];
		requests[i].hctx = (s32)(i / QUEUE_DEPTH);
		requests[i].tag = (s32)(i % QUEUE_DEPTH);
	}
	for (i = 0; i < NR_CALLS; i++) {
		calls[i].fuel = 1 << 20;
		calls[i].set_address = (s64)&set;
		calls[i].disk_address = (s64)&disk;
		calls[i].hw_size = sizeof(*hws);
		calls[i].id = i + 1;
	}
}

/* A new life of a tag, as queue_rq gets it. */
static inline struct blkmq_rq issue(s64 index)
{
	s64 generation = blkmq_next_generation(blkmq_generation_of(requests[index].ownership));

	requests[index].ownership = generation << BLKMQ_GENERATION_SHIFT |
				    (s64)BLKMQ_STATE_IDLE << BLKMQ_STATE_SHIFT;
	requests[index].done_bytes = 0;
	requests[index].status = 0;
	return (struct blkmq_rq){ generation << BLKMQ_GENERATION_SHIFT | index };
}

static inline s64 state_of(s64 index)
{
	return blkmq_state_of(requests[index].ownership);
}

/* Takes a stack: how many requests were on it. */
static inline s64 drain(s64 *stack)
{
	s64 link = word_xchg(stack, 0), count = 0;

	for (; link; link = requests[link - 1].next)
		count++;
	return count;
}

#endif
