/* SPDX-License-Identifier: MIT */
/*
 * The verbs of the contract in user space.
 *
 * Each mirrors the function of the same name in dispatch/, step by step: a C
 * driver runs on the Numba engine, and on the same memory.
 */
#ifndef BLKMQ_VERBS_H
#define BLKMQ_VERBS_H

#include <string.h>

#include "atomic.h"
#include "ownership.h"
#include "request.h"
#include "page.h"
#include "segment.h"
#include "page_store.h"
#include "xarray.h"
#include "bad_blocks.h"
#include "lock.h"
#include "hr_timer.h"
#include "work.h"
#include "request_list.h"
#include "backing_file.h"
#include "entry.h"

#endif
