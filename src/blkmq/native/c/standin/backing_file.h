/* SPDX-License-Identifier: MIT */
/* The verbs of BackingFile: dispatch/nouns/backing_file.py; what follows is the engine's. */
#ifndef BLKMQ_BACKING_FILE_H
#define BLKMQ_BACKING_FILE_H

static inline s64 blkmq_backing_file_open(struct blkmq_call *call, struct blkmq_backing_file *file,
					  bool read_only, bool direct_io, s64 begin, s64 block_size)
{
	s64 mode = (read_only ? BLKMQ_MODE_READ_ONLY : 0) | (direct_io ? BLKMQ_MODE_DIRECT_IO : 0);

	if (blkmq_bad(call, begin < 0, BLKMQ_FAULT_VALUE, begin) ||
	    blkmq_bad_value(call, block_size, 1, BLKMQ_BLOCK_SIZE_MAX))
		return 0;
	file->begin = begin;
	return ((s64 (*)(s64, s64))file->opener)((s64)file, mode | block_size << BLKMQ_MODE_BLOCK_SHIFT);
}

static inline s64 blkmq_backing_file_size(struct blkmq_call *call, struct blkmq_backing_file *file)
{
	return file->size;
}

static inline bool blkmq_backing_file_is_read_only(struct blkmq_call *call, struct blkmq_backing_file *file)
{
	return file->read_only;
}

static inline bool blkmq_backing_file_can_discard(struct blkmq_call *call, struct blkmq_backing_file *file)
{
	return file->can_discard;
}

/* Pins the request, and puts it on its queue's stack. */
static inline void blkmq_backing_file_submit(struct blkmq_call *call, struct blkmq_backing_file *file,
					     struct blkmq_rq rq, s64 position, s64 verb)
{
	struct blkmq_request *request = blkmq_request_of(call, rq);
	struct blkmq_file_io *io;
	struct blkmq_hw_queue *queue;
	s64 first;

	if (blkmq_bad(call, position < 0, BLKMQ_FAULT_INDEX, position) ||
	    blkmq_bad(call, !file->fd, BLKMQ_FAULT_ABSENT, 0) || !blkmq_pin(call, rq))
		return;
	io = (struct blkmq_file_io *)((struct blkmq_file_queue *)blkmq_set_of(call)->file_queue)->ios;
	io += blkmq_index_of(rq);
	if (!(BLKMQ_FROM_END >> blkmq_state_of(word_load(&request->ownership)) & 1) ||
	    !word_cas(&io->rq, 0, rq.word)) {
		blkmq_fail(call, BLKMQ_FAULT_STATE, rq.word);
		blkmq_unpin(call, rq);
		return;
	}
	io->file = (s64)file;
	io->position = position;
	io->verb = verb;
	io->done_bytes = 0;
	queue = blkmq_queue_at(call, request->hctx);
	do {
		first = word_load(&queue->file_ios);
		io->next = first;
	} while (!word_cas(&queue->file_ios, first, blkmq_index_of(rq) + 1));
	blkmq_kick(queue);
}

static inline void blkmq_backing_file_read(struct blkmq_call *call, struct blkmq_backing_file *file,
					   struct blkmq_rq rq, s64 position)
{
	blkmq_backing_file_submit(call, file, rq, position, BLKMQ_FILE_READ);
}

static inline void blkmq_backing_file_write(struct blkmq_call *call, struct blkmq_backing_file *file,
					    struct blkmq_rq rq, s64 position)
{
	blkmq_backing_file_submit(call, file, rq, position, BLKMQ_FILE_WRITE);
}

static inline void blkmq_backing_file_flush(struct blkmq_call *call, struct blkmq_backing_file *file,
					    struct blkmq_rq rq)
{
	blkmq_backing_file_submit(call, file, rq, 0, BLKMQ_FILE_FLUSH);
}

static inline void blkmq_backing_file_discard(struct blkmq_call *call, struct blkmq_backing_file *file,
					      struct blkmq_rq rq, s64 position)
{
	blkmq_backing_file_submit(call, file, rq, position, BLKMQ_FILE_DISCARD);
}

static inline void blkmq_backing_file_write_zeroes(struct blkmq_call *call, struct blkmq_backing_file *file,
						   struct blkmq_rq rq, s64 position)
{
	blkmq_backing_file_submit(call, file, rq, position, BLKMQ_FILE_WRITE_ZEROES);
}

#endif
