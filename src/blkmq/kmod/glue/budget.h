/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Leave to send a request: dispatch/budget.py.
 *
 * blk-mq asks before a request has a tag, and so a slot: its token stays with the
 * request until queue_rq issues it, and the driver is told then.  blk-mq gives back
 * the tokens of requests that never came so far, the glue those of requests that
 * the driver did not take.
 */
#ifndef BLKMQ_BUDGET_H
#define BLKMQ_BUDGET_H

#if defined(blkmq_driver_get_budget) || defined(blkmq_driver_put_budget) || defined(blkmq_driver_set_rq_budget_token)
#define BLKMQ_HAS_BUDGET
#endif

/* Tokens of the glue's own: there is none, or it was given back; and, the time of a removal is over. */
#define BLKMQ_NO_TOKEN	(-1)
#define BLKMQ_TOO_LATE	INT_MAX

#define BLKMQ_BUDGET_DELAY_MSEC	3

#ifdef blkmq_driver_get_budget
/* blk-mq does not ask again by itself.  What waits when a removal has no more time is to come, and ends then. */
static int blkmq_get_budget(struct request_queue *q)
{
	struct blkmq_disk *disk = q->queuedata;
	struct blkmq_call call = blkmq_begin(disk, BLKMQ_NO_RQ, BLKMQ_SLOT_get_budget, false, BLKMQ_FUEL_DATA);
	s64 token;

	token = blkmq_driver_get_budget(&call, blkmq_driver(disk));
	blkmq_finish(&call);
	if (likely(!call.error && token >= 0))
		return min_t(s64, token, BLKMQ_TOO_LATE - 1);
	if (blkmq_is_over(disk->set))
		return BLKMQ_TOO_LATE;
	blk_mq_delay_run_hw_queues(q, BLKMQ_BUDGET_DELAY_MSEC);
	return BLKMQ_NO_TOKEN;
}
#endif

#ifdef blkmq_driver_put_budget
static void blkmq_put_budget(struct request_queue *q, int token)
{
	struct blkmq_disk *disk = q->queuedata;
	struct blkmq_call call = blkmq_begin(disk, BLKMQ_NO_RQ, BLKMQ_SLOT_put_budget, false, BLKMQ_FUEL_DATA);

	if (token == BLKMQ_TOO_LATE)
		return;
	blkmq_driver_put_budget(&call, blkmq_driver(disk), token);
	blkmq_finish(&call);
}
#endif

#ifdef BLKMQ_HAS_BUDGET
static void blkmq_keep_token(struct request *request, int token)
{
	blkmq_in_request(request)->token = token;
}

static int blkmq_kept_token(struct request *request)
{
	return blkmq_in_request(request)->token;
}
#endif

/*
 * Whether the driver may get a request that was issued; it is told the token.  If
 * not, what to answer: it failed, or the time of a removal was over before it gave
 * budget.
 */
static __always_inline bool blkmq_has_leave(struct blkmq_disk *disk, struct blkmq_rq rq, struct request *request,
					    blk_status_t *answer)
{
#ifdef BLKMQ_HAS_BUDGET
	if (unlikely(blkmq_kept_token(request) == BLKMQ_TOO_LATE)) {
		blkmq_transition(rq, BLKMQ_IDLE, BLKMQ_FREE, 0, 0);
		blkmq_refuse_late(disk, BLKMQ_SLOT_queue_rq, rq, BLKMQ_AT_queue_rq);
		*answer = BLK_STS_TIMEOUT;
		return false;
	}
#endif
#ifdef blkmq_driver_set_rq_budget_token
	struct blkmq_call call = blkmq_begin(disk, rq, BLKMQ_SLOT_set_rq_budget_token, false, BLKMQ_FUEL_DATA);

	blkmq_driver_set_rq_budget_token(&call, blkmq_driver(disk), rq, blkmq_kept_token(request));
	if (unlikely(call.error)) {
		*answer = blkmq_answered(blkmq_copied(&call), 0);
		return false;
	}
	blkmq_give_back(&call);
	blkmq_let_go(&call);
#endif
	return true;
}

#ifdef blkmq_driver_put_budget
/*
 * The token of a request that the driver has not taken.  It may look at the request,
 * which has a life for that; nobody can end an idle one, so that it is ours again.
 */
static __always_inline int blkmq_token_of(struct blkmq_hw *hw, struct request *request)
{
	int token = blkmq_kept_token(request);

#ifdef blkmq_driver_get_rq_budget_token
	struct blkmq_rq rq = blkmq_issue(hw, request);
	struct blkmq_call call = blkmq_begin(hw->disk, BLKMQ_NO_RQ, BLKMQ_SLOT_get_rq_budget_token, false,
					     BLKMQ_FUEL_DATA);
	s64 told;

	told = blkmq_driver_get_rq_budget_token(&call, blkmq_driver(hw->disk), rq);
	blkmq_finish(&call);
	blkmq_transition(rq, BLKMQ_IDLE, BLKMQ_FREE, 0, 0);
	if (!call.error)
		token = clamp_t(s64, told, BLKMQ_NO_TOKEN, BLKMQ_TOO_LATE - 1);
#endif
	return token;
}

/* Unless the driver has given it back itself (a negative token); once, though blk-mq may ask for it again. */
static noinline blk_status_t blkmq_return_budget(struct blkmq_hw *hw, struct request *request, blk_status_t answer)
{
	if (answer == BLK_STS_RESOURCE || answer == BLK_STS_DEV_RESOURCE) {
		int token = blkmq_token_of(hw, request);

		blkmq_keep_token(request, BLKMQ_NO_TOKEN);
		if (token >= 0)
			blkmq_put_budget(request->q, token);
	}
	return answer;
}
#else
#define blkmq_return_budget(hw, request, answer)	(answer)
#endif

#endif
