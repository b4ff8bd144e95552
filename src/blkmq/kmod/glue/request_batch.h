/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The plug's list at once, for drivers with queue_rqs: dispatch/request_batch.py.
 *
 * All of the list is for one disk, whichever hardware queue each request has.  What
 * a batch has issued stays as it is until the driver starts it, or the batch is
 * over: nobody else can move an idle request, so that none that is taken back has
 * gone elsewhere.
 */
#ifndef BLKMQ_REQUEST_BATCH_H
#define BLKMQ_REQUEST_BATCH_H

#ifdef blkmq_driver_queue_rqs

static void blkmq_fill_batch(struct blkmq_batch *batch, struct rq_list *requests)
{
	struct request *request;

	batch->rqs = (struct blkmq_request_list){ .ring = batch->ring, .capacity = BLKMQ_BATCH_MAX };
	batch->nr_bytes = 0;
	for (; batch->rqs.tail < BLKMQ_BATCH_MAX && (request = rq_list_pop(requests)); batch->rqs.tail++) {
		struct blkmq_rq rq = blkmq_issue(request->mq_hctx->driver_data, request);

		batch->nr_bytes += request->__data_len;
		batch->issued[batch->rqs.tail] = blkmq_word_of(rq);
		batch->ring[batch->rqs.tail] = blkmq_word_of(rq);
	}
	batch->nr_issued = batch->rqs.tail;
}

/* Apart, so that the driver's frame is not the batch's too. */
static noinline void blkmq_queue_batch(struct blkmq_disk *disk, struct blkmq_batch *batch)
{
	struct blkmq_call call = blkmq_begin(disk, BLKMQ_NO_RQ, BLKMQ_SLOT_queue_rqs, false, BLKMQ_FUEL_DATA);

	blkmq_refuel(&call, batch->nr_bytes);
	call.view = batch;
	blkmq_driver_queue_rqs(&call, blkmq_driver(disk), &batch->rqs);
	blkmq_finish(&call);
}

/* What is left on the driver's list goes back, once; of what was added to it only what is this batch's, and idle. */
static void blkmq_take_back(struct blkmq_disk *disk, struct blkmq_batch *batch, struct rq_list *left)
{
	struct blkmq_request_list *rqs = &batch->rqs;
	unsigned int i;

	while (rqs->head < rqs->tail) {
		u64 word = rqs->ring[rqs->head++ % BLKMQ_BATCH_MAX];
		struct blkmq_rq rq = blkmq_rq_of_set(disk->set, word);

		if (blkmq_find_in_batch(batch, word) &&
		    blkmq_transition(rq, BLKMQ_IDLE, BLKMQ_FREE, 0, 0) <= BLKMQ_DONE_PINNED)
			rq_list_add_tail(left, rq.slot->rq);
	}
	for (i = 0; i < batch->nr_issued; i++)
		blkmq_take_unstarted(blkmq_rq_of_set(disk->set, batch->issued[i]));
}

/* A driver that leaves something has no room: what is behind that goes one by one, too, in its order. */
static void blkmq_queue_list(struct rq_list *requests)
{
	struct blkmq_disk *disk = rq_list_peek(requests)->q->queuedata;
	struct rq_list left = { };
	struct blkmq_batch batch;
	struct request *request;

	while (rq_list_empty(&left) && !rq_list_empty(requests)) {
		blkmq_fill_batch(&batch, requests);
		blkmq_queue_batch(disk, &batch);
		blkmq_take_back(disk, &batch, &left);
	}
	while ((request = rq_list_pop(requests)))
		rq_list_add_tail(&left, request);
	*requests = left;
}

#endif

#endif
