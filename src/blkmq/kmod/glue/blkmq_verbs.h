/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The verbs of the contract in the kernel. */
#ifndef BLKMQ_VERBS_H
#define BLKMQ_VERBS_H

#include "report.h"
#include "atomic.h"
#include "ownership.h"
#include "view.h"
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

#endif
