/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Attributes change in service: configure says what they mean now, as dispatch/live_change.py has it. */
#ifndef BLKMQ_LIVE_CHANGE_H
#define BLKMQ_LIVE_CHANGE_H

static unsigned int __maybe_unused blkmq_freeze(struct blkmq_disk *disk)
{
#if BLKMQ_HAS_FREEZE_SAVES_MEMALLOC
	return blk_mq_freeze_queue(disk->gendisk->queue);
#else
	blk_mq_freeze_queue(disk->gendisk->queue);
	return memalloc_noio_save();
#endif
}

static void __maybe_unused blkmq_unfreeze(struct blkmq_disk *disk, unsigned int saved)
{
#if BLKMQ_HAS_FREEZE_SAVES_MEMALLOC
	blk_mq_unfreeze_queue(disk->gendisk->queue, saved);
#else
	memalloc_noio_restore(saved);
	blk_mq_unfreeze_queue(disk->gendisk->queue);
#endif
}

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
	frozen = blkmq_freeze(disk);	/* no callback sees one half old, the other new */
	driver->config = *config;
	error = blkmq_configure(disk, limits);
	if (error)
		driver->config = old;
	blkmq_unfreeze(disk, frozen);
	if (!error)
		error = blkmq_choose_maps(set);
	nr_queues = set->view.nr_hw_queues;
	if (!error && (!nr_queues || nr_queues > set->nr_queues || set->view.nr_maps != before.nr_maps))
		error = -EINVAL;
	for (queue = 0; !error && queue < nr_queues; queue++) {
		if (!set->queues[queue].slots)
			error = blkmq_make_slots(set, queue);
	}
	if (!error && (nr_queues != set->tag_set.nr_hw_queues ||
		       set->view.nr_read_queues != before.nr_read_queues ||
		       set->view.nr_poll_queues != before.nr_poll_queues)) {
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
