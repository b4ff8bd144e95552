/* SPDX-License-Identifier: MIT */
/* The types of the contract in user space: the records of dispatch/, as the Numba engine has them. */
#ifndef BLKMQ_TYPES_H
#define BLKMQ_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLKMQ_USER_SPACE

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef unsigned long long u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef long long s64;

#define S64_MAX	INT64_MAX
#define S64_MIN	INT64_MIN

#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)
#define noinline	__attribute__((__noinline__))
#undef __always_inline	/* the C library has its own, for extern functions */
#define __always_inline	inline __attribute__((__always_inline__))

#define READ_ONCE(x)		(*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, value)	(*(volatile __typeof__(x) *)&(x) = (value))

#define min_t(type, a, b) ({			\
	type a_ = (a), b_ = (b);		\
	a_ < b_ ? a_ : b_;			\
})
#define max_t(type, a, b) ({			\
	type a_ = (a), b_ = (b);		\
	a_ > b_ ? a_ : b_;			\
})

static inline s64 div64_s64(s64 dividend, s64 divisor)
{
	return dividend / divisor;
}

/* Printed from the Python records when a driver is built: see dispatch/c_layout.py. */
#include "blkmq_layout.h"

struct blkmq_rq {
	s64 word;	/* generation << 32 | index */
};

#define BLKMQ_NO_RQ	((struct blkmq_rq){ })

#define BLKMQ_MODE(attribute, field)	READ_ONCE(field)

/* A call's record is shared with the dispatcher, and stays where it is. */
#define BLKMQ_WORDS(...)	__VA_ARGS__
#define BLKMQ_APART(type, function, parameters, arguments)			\
static noinline type function##_apart(struct blkmq_call *call, BLKMQ_WORDS parameters)	\
{									\
	return function(call, BLKMQ_WORDS arguments);			\
}
#define BLKMQ_APART_VOID(function, parameters, arguments)			\
	BLKMQ_APART(void, function, parameters, arguments)

struct blkmq_page {
	u8 *memory;
};

struct blkmq_hw_ctx {
	s64 index;
};

struct blkmq_segment {
	struct blkmq_rq rq;
	s64 index;	/* of the piece */
	s64 eaten;	/* from its front */
	s64 nr_bytes;	/* of the piece, eaten ones included */
};

struct blkmq_io_completion_batch;	/* an address; nothing is behind it */

#endif
