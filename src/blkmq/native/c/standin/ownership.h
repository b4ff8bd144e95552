/* SPDX-License-Identifier: MIT */
/* Who has a request: dispatch/ownership.py.  The state table comes from there, by blkmq_layout.h. */
#ifndef BLKMQ_OWNERSHIP_H
#define BLKMQ_OWNERSHIP_H

#include <unistd.h>

enum blkmq_outcome {
	BLKMQ_DONE,
	BLKMQ_DONE_PINNED,
	BLKMQ_NOT_ALLOWED,
	BLKMQ_GONE,
};

static inline struct blkmq_set *blkmq_set_of(struct blkmq_call *call)
{
	return (struct blkmq_set *)call->set_address;
}

static inline s64 blkmq_index_of(struct blkmq_rq rq)
{
	return rq.word & BLKMQ_INDEX_MASK;
}

static inline s64 blkmq_generation_of(s64 word)
{
	return word >> BLKMQ_GENERATION_SHIFT;
}

static inline s64 blkmq_state_of(s64 word)
{
	return word >> BLKMQ_STATE_SHIFT & 0xff;
}

static inline struct blkmq_request *blkmq_request_of(struct blkmq_call *call, struct blkmq_rq rq)
{
	return (struct blkmq_request *)blkmq_set_of(call)->requests + blkmq_index_of(rq);
}

static inline struct blkmq_hw_queue *blkmq_queue_at(struct blkmq_call *call, s64 number)
{
	return (struct blkmq_hw_queue *)blkmq_set_of(call)->queues + number;
}

/* Whether a word of ownership is of the handle's life, and that not over. */
static inline bool blkmq_word_is_live(s64 word, struct blkmq_rq rq)
{
	return blkmq_generation_of(word) == blkmq_generation_of(rq.word) &&
	       BLKMQ_LIVE >> blkmq_state_of(word) & 1;
}

static inline bool blkmq_is_live(struct blkmq_call *call, struct blkmq_rq rq)
{
	return blkmq_word_is_live(word_load(&blkmq_request_of(call, rq)->ownership), rq);
}

static inline void blkmq_fail_stale(struct blkmq_call *call, struct blkmq_rq rq)
{
	blkmq_fail(call, rq.word ? BLKMQ_FAULT_STALE : BLKMQ_FAULT_ABSENT, rq.word);
}

/* 1..2^31-1, so that a handle is never 0 and never negative. */
static inline s64 blkmq_next_generation(s64 generation)
{
	return generation < BLKMQ_GENERATION_MAX ? generation + 1 : 1;
}

/* Moves a request to ``target`` if its state is one of ``sources``; with ``lives``, as a new generation. */
static inline enum blkmq_outcome blkmq_transition(struct blkmq_call *call, struct blkmq_rq rq, s64 sources,
						  s64 target, s64 status, bool lives)
{
	struct blkmq_request *request = blkmq_request_of(call, rq);

	for (;;) {
		s64 word = word_load(&request->ownership);
		s64 generation = blkmq_generation_of(word);
		s64 pins = word & BLKMQ_PINS_MASK;

		if (!blkmq_word_is_live(word, rq))
			return BLKMQ_GONE;
		if (!(sources >> blkmq_state_of(word) & 1))
			return BLKMQ_NOT_ALLOWED;
		if (lives)
			generation = blkmq_next_generation(generation);
		if (word_cas(&request->ownership, word,
			     generation << BLKMQ_GENERATION_SHIFT | status << BLKMQ_STATUS_SHIFT |
			     target << BLKMQ_STATE_SHIFT | pins))
			return pins ? BLKMQ_DONE_PINNED : BLKMQ_DONE;
	}
}

/* Puts a request on one of its queue's stacks, from any thread. */
static inline void blkmq_push(s64 *stack, struct blkmq_request *request, s64 index)
{
	s64 first;

	do {
		first = word_load(stack);
		request->next = first;
	} while (!word_cas(stack, first, index + 1));
}

static inline void blkmq_wake(s64 fd)
{
	u64 one = 1;

	if (write((int)fd, &one, sizeof(one)) < 0)
		return;	/* the eventfd is full: it is readable already */
}

/* Wakes the thread that runs the queue, if it sleeps. */
static inline void blkmq_kick(struct blkmq_hw_queue *queue)
{
	if (word_load(&queue->sleeping) && word_xchg(&queue->sleeping, 0))
		blkmq_wake(queue->wake_fd);
}

/* An ended request without pins goes back to its queue, which is most often this thread's own. */
static inline void blkmq_hand_over(struct blkmq_call *call, struct blkmq_rq rq)
{
	struct blkmq_request *request = blkmq_request_of(call, rq);
	struct blkmq_hw_queue *queue = blkmq_queue_at(call, request->hctx);

	if (call->queue == (s64)queue) {
		request->next = 0;
		if (queue->ended_head)
			((struct blkmq_request *)blkmq_set_of(call)->requests)[queue->ended_tail - 1].next =
				blkmq_index_of(rq) + 1;
		else
			queue->ended_head = blkmq_index_of(rq) + 1;
		queue->ended_tail = blkmq_index_of(rq) + 1;
	} else {
		blkmq_push(&queue->ended, request, blkmq_index_of(rq));
		blkmq_kick(queue);
	}
}

/* Ends a request with ``status``, once, whoever comes first; if it is pinned, the last pin hands it over. */
static inline enum blkmq_outcome blkmq_finish(struct blkmq_call *call, struct blkmq_rq rq, s64 sources,
					      s64 status)
{
	enum blkmq_outcome outcome = blkmq_transition(call, rq, sources, BLKMQ_STATE_ENDED, status, false);

	if (outcome == BLKMQ_DONE)
		blkmq_hand_over(call, rq);
	return outcome;
}

/* Keeps a live request's data in place; false, with an error noted, if it is not live. */
static inline bool blkmq_pin(struct blkmq_call *call, struct blkmq_rq rq)
{
	struct blkmq_request *request = blkmq_request_of(call, rq);
	s64 word;

	do {
		word = word_load(&request->ownership);
		if (unlikely(!blkmq_word_is_live(word, rq))) {
			blkmq_fail_stale(call, rq);
			return false;
		}
	} while (!word_cas(&request->ownership, word, word + 1));
	word_store(&request->touched, 1);
	return true;
}

static inline void blkmq_unpin(struct blkmq_call *call, struct blkmq_rq rq)
{
	s64 word = word_add(&blkmq_request_of(call, rq)->ownership, -1);

	if ((word & BLKMQ_PINS_MASK) == 1 && blkmq_state_of(word) == BLKMQ_STATE_ENDED)
		blkmq_hand_over(call, rq);
}

/* Writes one line for the log; the newest are kept. */
static inline void blkmq_report(struct blkmq_call *call, enum blkmq_fault fault, s64 value, struct blkmq_rq rq)
{
	struct blkmq_set *set = blkmq_set_of(call);
	struct blkmq_report *line = (struct blkmq_report *)set->reports;

	line += word_add(&set->nr_reports, 1) % BLKMQ_NR_REPORTS;
	line->fault = fault;
	line->at = call->at;
	line->value = value;
	line->slot = call->slot;
	line->rq = rq.word;
}

#endif
