/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Attributes change in service: configure says what they mean now, as dispatch/live_change.py has it. */
#ifndef BLKMQ_LIVE_CHANGE_H
#define BLKMQ_LIVE_CHANGE_H

static int __maybe_unused blkmq_change_set(struct blkmq_set *set, const BLKMQ_CONFIG *config)
{
	struct blkmq_disk *disk = set->disks[0];
	BLKMQ_DRIVER *driver = blkmq_driver(disk);
	struct blkmq_tag_set before = set->view;
	BLKMQ_CONFIG old = driver->config;
	struct blkmq_limits *limits;
	unsigned int nr_queues, queue, frozen;
	int error;

	limits = kzalloc(sizeof(*limits), GFP_KERNEL);
	if (!limits)
		return -ENOMEM;
	blkmq_limits_init(limits);
	blkmq_view_init(&set->view);
	frozen = blk_mq_freeze_queue(disk->gendisk->queue);	/* no callback sees one half old, the other new */
	driver->config = *config;
	error = blkmq_configure(disk, limits);
	if (error)
		driver->config = old;
	blk_mq_unfreeze_queue(disk->gendisk->queue, frozen);
	nr_queues = min(set->view.nr_hw_queues, nr_cpu_ids);
	if (!error && !nr_queues)
		error = -EINVAL;
	for (queue = 0; !error && queue < nr_queues; queue++) {
		if (!set->queues[queue].slots)
			error = blkmq_make_slots(set, queue);
	}
	if (!error && nr_queues != set->tag_set.nr_hw_queues) {
		blk_mq_update_nr_hw_queues(&set->tag_set, nr_queues);
		if (set->tag_set.nr_hw_queues != nr_queues)
			error = -ENOMEM;
	}
	if (error) {
		driver->config = old;
		set->view = before;
	} else {
		set_capacity_and_notify(disk->gendisk, disk->capacity_sectors);
	}
	kfree(limits);
	return error;
}

#endif
