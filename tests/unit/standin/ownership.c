// SPDX-License-Identifier: MIT
#include "world.h"

static struct blkmq_call *call = &calls[0];

static void one_life(void)
{
	struct blkmq_rq rq = issue(5);

	queues[1].now_nsec = 7;
	blkmq_request_start(call, rq);
	CHECK(!call->error && state_of(5) == BLKMQ_STATE_STARTED);
	blkmq_request_start(call, rq);
	CHECK_FAULT(call, BLKMQ_FAULT_STATE);
	blkmq_request_end(call, rq, 10);
	CHECK(!call->error && state_of(5) == BLKMQ_STATE_ENDED && queues[1].ended == 6);
	CHECK((requests[5].ownership >> BLKMQ_STATUS_SHIFT & 0xff) == 10);
	CHECK(drain(&queues[1].ended) == 1 && !queues[0].ended);
}

static void end_twice(void)
{
	struct blkmq_rq rq = issue(1), next;

	blkmq_request_end(call, rq, 0);
	CHECK_FAULT(call, BLKMQ_FAULT_STATE);	/* not started */
	blkmq_request_start(call, rq);
	blkmq_request_end(call, rq, 99);
	CHECK_FAULT(call, BLKMQ_FAULT_STATUS);
	blkmq_request_end(call, rq, 0);
	call->at = BLKMQ_AT(1, 42);
	blkmq_request_end(call, rq, 0);
	CHECK(!call->error && set.nr_stale_ends == 1 && set.nr_reports == 1);
	CHECK(reports[0].fault == BLKMQ_FAULT_STALE && reports[0].at == (1 << 20 | 42) && reports[0].rq == rq.word);
	CHECK(drain(&queues[0].ended) == 1);

	next = issue(1);	/* the tag has another life: the old handle does not touch it */
	blkmq_request_start(call, next);
	blkmq_request_end(call, rq, 0);
	CHECK(!call->error && set.nr_stale_ends == 2 && state_of(1) == BLKMQ_STATE_STARTED);
	blkmq_request_end(call, next, 0);
	CHECK(drain(&queues[0].ended) == 1);
}

static void stale_and_absent(void)
{
	struct blkmq_rq rq = issue(2);
	struct pdu *pdu = blkmq_request_pdu(call, rq);

	CHECK(!call->error && pdu == &pdus[2]);
	requests[2].sector = 77;
	CHECK(blkmq_request_sector(call, rq) == 77 && !call->error);
	issue(2);
	blkmq_request_sector(call, rq);
	CHECK_FAULT(call, BLKMQ_FAULT_STALE);
	blkmq_request_pdu(call, rq);
	CHECK_FAULT(call, BLKMQ_FAULT_STALE);
	blkmq_request_start(call, rq);
	CHECK_FAULT(call, BLKMQ_FAULT_STALE);
	blkmq_request_op(call, BLKMQ_NO_RQ);
	CHECK_FAULT(call, BLKMQ_FAULT_ABSENT);
	blkmq_request_end(call, BLKMQ_NO_RQ, 0);
	CHECK_FAULT(call, BLKMQ_FAULT_ABSENT);
}

static void pins(void)
{
	struct blkmq_rq rq = issue(3);

	blkmq_request_start(call, rq);
	CHECK(blkmq_pin(call, rq) && blkmq_pin(&calls[1], rq));
	blkmq_request_end(call, rq, 0);
	CHECK(state_of(3) == BLKMQ_STATE_ENDED && !queues[0].ended);
	blkmq_unpin(&calls[1], rq);
	CHECK(!queues[0].ended);
	blkmq_unpin(call, rq);
	CHECK(drain(&queues[0].ended) == 1);
	CHECK(!blkmq_pin(call, rq));
	CHECK_FAULT(call, BLKMQ_FAULT_STALE);
}

static void requeue_and_complete(void)
{
	struct blkmq_rq rq = issue(4);

	blkmq_request_complete(call, rq);
	CHECK_FAULT(call, BLKMQ_FAULT_STATE);
	blkmq_request_start(call, rq);
	blkmq_request_requeue(call, rq, true);
	CHECK(!call->error && state_of(4) == BLKMQ_STATE_WAITING && queues[1].kicked == 1);
	CHECK(drain(&queues[1].requeued) == 1 && !blkmq_is_live(call, rq));
	rq = issue(4);
	blkmq_request_start(call, rq);
	blkmq_request_complete(call, rq);
	CHECK(!call->error && state_of(4) == BLKMQ_STATE_COMPLETED && drain(&queues[1].completed) == 1);
}

static void update_and_tags(void)
{
	struct blkmq_hw_ctx hctx = { 1 };
	struct blkmq_rq rq = issue(7);

	requests[7].nr_bytes = 4096;
	requests[7].sector = 8;
	blkmq_request_start(call, rq);
	CHECK(blkmq_request_update(call, rq, 0, 1024) && requests[7].sector == 10 && requests[7].done_bytes == 1024);
	blkmq_request_update(call, rq, 0, 513);
	CHECK_FAULT(call, BLKMQ_FAULT_VALUE);
	blkmq_request_update(call, rq, 0, 4096);
	CHECK_FAULT(call, BLKMQ_FAULT_VALUE);
	CHECK(!blkmq_request_update(call, rq, 10, 3072) && requests[7].status == 10);
	CHECK(blkmq_tag_set_tag_to_rq(call, hctx, 3).word == rq.word);
	requests[6].ownership = 1LL << BLKMQ_GENERATION_SHIFT;
	CHECK(!blkmq_rq_present(blkmq_tag_set_tag_to_rq(call, hctx, 2)) && !call->error);
	blkmq_tag_set_tag_to_rq(call, hctx, QUEUE_DEPTH);
	CHECK_FAULT(call, BLKMQ_FAULT_INDEX);
	blkmq_tag_set_tag_to_rq(call, hctx, -1);
	CHECK_FAULT(call, BLKMQ_FAULT_INDEX);
}

static void generations_wrap(void)
{
	struct blkmq_rq rq;

	requests[0].ownership = BLKMQ_GENERATION_MAX << BLKMQ_GENERATION_SHIFT;
	rq = issue(0);
	CHECK(blkmq_generation_of(rq.word) == 1 && rq.word > 0);
}

int main(void)
{
	make_world();
	one_life();
	end_twice();
	stale_and_absent();
	pins();
	requeue_and_complete();
	update_and_tags();
	generations_wrap();
	return 0;
}
