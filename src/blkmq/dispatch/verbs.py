# SPDX-License-Identifier: MIT
"""All that a printed driver calls, by the names that the printers make: noun and verb."""

from blkmq.dispatch.call import burn, call_at, fail
from blkmq.dispatch.clock import hw_ctx_queue_num, hw_ctx_type, ktime_get_ns
from blkmq.dispatch.gen_disk import gen_disk_set_capacity, gen_disk_set_read_only
from blkmq.dispatch.nouns.atomic import (
    atomic64_cmpxchg,
    atomic64_fetch_add,
    atomic64_load,
    atomic64_store,
    atomic64_xchg,
)
from blkmq.dispatch.nouns.backing_file import (
    backing_file_can_discard,
    backing_file_discard,
    backing_file_flush,
    backing_file_is_read_only,
    backing_file_open,
    backing_file_read,
    backing_file_size,
    backing_file_write,
    backing_file_write_zeroes,
)
from blkmq.dispatch.nouns.bad_blocks import bad_blocks_clear, bad_blocks_first_bad, bad_blocks_set
from blkmq.dispatch.nouns.hr_timer import hr_timer_cancel, hr_timer_start
from blkmq.dispatch.nouns.lock import mutex_enter, mutex_exit, spin_lock_enter, spin_lock_exit
from blkmq.dispatch.nouns.page import page_getitem, page_len, page_setitem, page_zero
from blkmq.dispatch.nouns.page_store import (
    page_store_erase,
    page_store_get,
    page_store_get_or_alloc,
    page_store_nr_pages,
)
from blkmq.dispatch.nouns.request_list import (
    io_completion_batch_add,
    request_list_add_tail,
    request_list_at,
    request_list_empty,
    request_list_pop,
)
from blkmq.dispatch.nouns.segment import (
    segment_advance,
    segment_copy_from_page,
    segment_copy_to_page,
    segment_first,
    segment_getitem,
    segment_len,
    segment_more,
    segment_next,
    segment_setitem,
    segment_zero,
)
from blkmq.dispatch.nouns.work import work_queue
from blkmq.dispatch.nouns.xarray import xarray_erase, xarray_load, xarray_store
from blkmq.dispatch.request_verbs import (
    pdu_address,
    request_complete,
    request_end,
    request_flags,
    request_hctx,
    request_nr_bytes,
    request_nr_sectors,
    request_op,
    request_requeue,
    request_sector,
    request_start,
    request_tag,
    request_update,
    tag_set_tag_to_rq,
)
from blkmq.dispatch.views import disk_view, geometry_view, hw_address, limits_view, tag_set_view, unique_id_view
