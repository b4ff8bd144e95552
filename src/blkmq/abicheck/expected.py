# SPDX-License-Identifier: MIT
"""The kernel's C API as the glue uses it: fields, functions and callbacks with their types.

What has a ``feature`` may be missing or otherwise: the glue asks with ``BLKMQ_HAS_feature``, or a driver that has the
callback of that name is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

INCLUDES = (
    "linux/blk-mq.h", "linux/configfs.h", "linux/debugfs.h", "linux/hrtimer.h", "linux/module.h", "linux/mutex.h",
    "linux/slab.h", "linux/spinlock.h", "linux/srcu.h", "linux/workqueue.h", "linux/xarray.h",
)  # fmt: skip


@dataclass(frozen=True)
class Expected:
    """One thing that the kernel must have; ``type`` is a C type name."""

    name: str  #: a function, or the field of a struct
    type: str
    struct: str = ""  #: ``struct request``; none: a function
    feature: str = ""

    @property
    def title(self) -> str:
        """``struct request.__data_len`` or ``blk_mq_start_request()``."""
        return f"{self.struct}.{self.name}" if self.struct else f"{self.name}()"


FIELDS: Mapping[str, Mapping[str, str]] = {
    "struct request": {
        "cmd_flags": "blk_opf_t", "__sector": "sector_t", "__data_len": "unsigned int", "tag": "int",
        "bio": "struct bio *",
    },
    "struct bio": {
        "bi_next": "struct bio *", "bi_iter": "struct bvec_iter", "bi_io_vec": "struct bio_vec *",
    },
    "struct bvec_iter": {"bi_size": "unsigned int"},
    "struct bio_vec": {"bv_page": "struct page *", "bv_len": "unsigned int", "bv_offset": "unsigned int"},
    "struct blk_mq_hw_ctx": {
        "driver_data": "void *", "queue": "struct request_queue *", "type": "unsigned short",
    },
    "struct blk_mq_queue_data": {"rq": "struct request *", "last": "bool"},
    "struct blk_mq_tag_set": {
        "ops": "const struct blk_mq_ops *", "map": "struct blk_mq_queue_map [3]", "nr_maps": "unsigned int",
        "nr_hw_queues": "unsigned int", "queue_depth": "unsigned int", "reserved_tags": "unsigned int",
        "cmd_size": "unsigned int", "numa_node": "int", "timeout": "unsigned int", "flags": "unsigned int",
        "driver_data": "void *", "tags": "struct blk_mq_tags **", "srcu": "struct srcu_struct *",
    },
    "struct blk_mq_queue_map": {"nr_queues": "unsigned int", "queue_offset": "unsigned int"},
    "struct request_queue": {"queuedata": "void *"},
    "struct gendisk": {
        "major": "int", "first_minor": "int", "minors": "int", "disk_name": "char [32]",
        "fops": "const struct block_device_operations *", "queue": "struct request_queue *", "private_data": "void *",
    },
    "struct blk_mq_ops": {
        "queue_rq": "blk_status_t (*)(struct blk_mq_hw_ctx *, const struct blk_mq_queue_data *)",
        "commit_rqs": "void (*)(struct blk_mq_hw_ctx *)",
        "get_budget": "int (*)(struct request_queue *)",
        "put_budget": "void (*)(struct request_queue *, int)",
        "set_rq_budget_token": "void (*)(struct request *, int)",
        "get_rq_budget_token": "int (*)(struct request *)",
        "poll": "int (*)(struct blk_mq_hw_ctx *, struct io_comp_batch *)",
        "timeout": "enum blk_eh_timer_return (*)(struct request *)",
        "complete": "void (*)(struct request *)",
        "init_hctx": "int (*)(struct blk_mq_hw_ctx *, void *, unsigned int)",
        "exit_hctx": "void (*)(struct blk_mq_hw_ctx *, unsigned int)",
        "busy": "bool (*)(struct request_queue *)",
        "map_queues": "void (*)(struct blk_mq_tag_set *)",
    },
    "struct block_device_operations": {
        "open": "int (*)(struct gendisk *, blk_mode_t)",
        "release": "void (*)(struct gendisk *)",
        "ioctl": "int (*)(struct block_device *, blk_mode_t, unsigned int, unsigned long)",
        "get_unique_id": "int (*)(struct gendisk *, u8 *, enum blk_unique_id)",
    },
}  # fmt: skip

FUNCTIONS: Mapping[str, str] = {
    "blk_mq_start_request": "void (struct request *)",
    "blk_mq_end_request": "void (struct request *, blk_status_t)",
    "blk_mq_complete_request": "void (struct request *)",
    "blk_mq_requeue_request": "void (struct request *, bool)",
    "blk_mq_kick_requeue_list": "void (struct request_queue *)",
    "blk_update_request": "bool (struct request *, blk_status_t, unsigned int)",
    "blk_mq_alloc_tag_set": "int (struct blk_mq_tag_set *)",
    "blk_mq_free_tag_set": "void (struct blk_mq_tag_set *)",
    "blk_mq_update_nr_hw_queues": "void (struct blk_mq_tag_set *, int)",
    "blk_mq_map_queues": "void (struct blk_mq_queue_map *)",
    "__blk_mq_alloc_disk": (
        "struct gendisk *(struct blk_mq_tag_set *, struct queue_limits *, void *, struct lock_class_key *)"
    ),
    "del_gendisk": "void (struct gendisk *)",
    "put_disk": "void (struct gendisk *)",
    "set_disk_ro": "void (struct gendisk *, bool)",
    "set_capacity": "void (struct gendisk *, sector_t)",
    "set_capacity_and_notify": "bool (struct gendisk *, sector_t)",
    "hrtimer_cancel": "int (struct hrtimer *)",
    "hrtimer_try_to_cancel": "int (struct hrtimer *)",
    "xa_load": "void *(struct xarray *, unsigned long)",
    "__xa_erase": "void *(struct xarray *, unsigned long)",
    "__xa_cmpxchg": "void *(struct xarray *, unsigned long, void *, void *, gfp_t)",
    "__xa_store": "void *(struct xarray *, unsigned long, void *, gfp_t)",
    "call_srcu": "void (struct srcu_struct *, struct callback_head *, rcu_callback_t)",
    "srcu_barrier": "void (struct srcu_struct *)",
    "cancel_work_sync": "bool (struct work_struct *)",
    "cancel_delayed_work_sync": "bool (struct delayed_work *)",
}

#: Where kernels differ.
FEATURES: tuple[Expected, ...] = (
    Expected(
        "hrtimer_setup",
        "void (struct hrtimer *, enum hrtimer_restart (*)(struct hrtimer *), clockid_t, enum hrtimer_mode)",
        feature="HRTIMER_SETUP",
    ),
    Expected("queue_rqs", "void (*)(struct rq_list *)", "struct blk_mq_ops", feature="queue_rqs"),
    Expected(
        "getgeo", "int (*)(struct gendisk *, struct hd_geometry *)", "struct block_device_operations", feature="getgeo"
    ),
    Expected("blk_mq_freeze_queue", "unsigned int (struct request_queue *)", feature="FREEZE_SAVES_MEMALLOC"),
)


def expected() -> Iterator[Expected]:
    """All of it."""
    for struct, fields in FIELDS.items():
        for name, type_ in fields.items():
            yield Expected(name, type_, struct)
    for name, type_ in FUNCTIONS.items():
        yield Expected(name, type_)
    yield from FEATURES
