/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A tag set with its disks: made and taken down, step by step and back. */
#ifndef BLKMQ_SET_H
#define BLKMQ_SET_H

static int blkmq_major;
static struct dentry *blkmq_debugfs;	/* a directory for each tag set, named after its first disk */

/* --- slots ------------------------------------------------------------------------ */

#if defined(blkmq_driver_init_request) || defined(blkmq_driver_exit_request)
/* A control callback for a tag's Pdu: as if its request were idle, so that the driver may look at it. */
static int blkmq_call_for_slot(struct blkmq_disk *disk, struct blkmq_slot *slot, u8 callback,
			       s64 (*function)(struct blkmq_call *call, void *self, struct blkmq_rq rq))
{
	struct blkmq_rq rq = { slot, slot->generation + 1 };
	struct blkmq_call call = blkmq_begin(disk, rq, callback, true, BLKMQ_FUEL_CONTROL);
	s64 error;

	slot->hw = NULL;
	atomic64_set(&slot->word, blkmq_word(rq, BLKMQ_IDLE));
	error = function(&call, blkmq_driver(disk), rq);
	blkmq_let_go(&call);
	atomic64_set(&slot->word, blkmq_word(rq, BLKMQ_FREE));
	blkmq_finish(&call);
	return blkmq_errno(&call, error);
}
#endif

/* The Pdu of a tag is born, and dies. */
static int blkmq_init_slot(struct blkmq_disk *disk, struct blkmq_slot *slot)
{
#ifdef blkmq_driver_init_request
	return blkmq_call_for_slot(disk, slot, BLKMQ_SLOT_init_request, blkmq_do_init_request);
#else
	return 0;
#endif
}

static void blkmq_exit_slot(struct blkmq_disk *disk, struct blkmq_slot *slot)
{
#ifdef blkmq_driver_exit_request
	blkmq_call_for_slot(disk, slot, BLKMQ_SLOT_exit_request, blkmq_do_exit_request);
#endif
}

/* The slots of a hardware queue; those that are born when it fails die with the set. */
static int blkmq_make_slots(struct blkmq_set *set, unsigned int queue)
{
	struct blkmq_queue *made = &set->queues[queue];
	unsigned int depth = set->tag_set.queue_depth, tag;
	int error = 0;

	made->slots = kvzalloc_node((size_t)depth * BLKMQ_SLOT_BYTES, GFP_KERNEL, set->tag_set.numa_node);
	if (!made->slots)
		return -ENOMEM;
	for (tag = 0; tag < depth; tag++) {
		struct blkmq_slot *slot = blkmq_slot(set, queue, tag);

		slot->set = set;
		slot->index = BIT(31) | queue << 16 | tag;
		blkmq_pdu_init((void *)(slot + 1), NULL, slot);
	}
	for (tag = 0; !error && tag < depth; tag++) {
		error = blkmq_init_slot(set->disks[0], blkmq_slot(set, queue, tag));
		made->nr_born += !error;
	}
	return error;
}

/* Their timers and works are over afterwards. */
static void blkmq_exit_slots(struct blkmq_set *set)
{
	unsigned int queue, tag;

	for (queue = 0; queue < set->nr_queues; queue++) {
		for (tag = 0; set->queues[queue].slots && tag < set->tag_set.queue_depth; tag++) {
			blkmq_pdu_exit((void *)(blkmq_slot(set, queue, tag) + 1));
			if (tag < set->queues[queue].nr_born)
				blkmq_exit_slot(set->disks[0], blkmq_slot(set, queue, tag));
		}
	}
}

static void blkmq_free_slots(struct blkmq_set *set)
{
	unsigned int queue;

	for (queue = 0; set->queues && queue < set->nr_queues; queue++)
		kvfree(set->queues[queue].slots);
	kfree(set->queues);
}

/* --- disks -------------------------------------------------------------------------- */

static struct blkmq_disk *blkmq_make_disk(struct blkmq_set *set, const BLKMQ_CONFIG *config, const char *name)
{
	struct blkmq_disk *disk = kvzalloc(sizeof(*disk) + sizeof(BLKMQ_DRIVER), GFP_KERNEL);

	if (!disk)
		return NULL;
	disk->set = set;
	disk->name = name;
	init_llist_head(&disk->dead_hws);
	blkmq_self_init(blkmq_driver(disk), disk, NULL);
	blkmq_driver(disk)->config = *config;
	disk->variant = blkmq_variant_of(config);
	return disk;
}

static int blkmq_configure(struct blkmq_disk *disk, struct blkmq_limits *limits)
{
	struct blkmq_call call = blkmq_begin(disk, BLKMQ_NO_RQ, BLKMQ_SLOT_configure, true, BLKMQ_FUEL_CONTROL);
	s64 error;

	call.view = limits;
	error = blkmq_driver_configure(&call, blkmq_driver(disk));
	blkmq_finish(&call);
	return blkmq_errno(&call, error);
}

static int blkmq_add_disk(struct blkmq_disk *disk, const struct blkmq_limits *view, unsigned int index)
{
	struct queue_limits limits = { };
	struct gendisk *gendisk;
	int error;

	blkmq_fill_limits(&limits, view);
	gendisk = blk_mq_alloc_disk(&disk->set->tag_set, &limits, disk);
	if (IS_ERR(gendisk))
		return PTR_ERR(gendisk);
	disk->gendisk = gendisk;
	gendisk->major = blkmq_major;
	gendisk->first_minor = index;
	gendisk->minors = 1;
	gendisk->fops = &blkmq_fops;
	gendisk->private_data = disk;
	strscpy(gendisk->disk_name, disk->name, DISK_NAME_LEN);
	set_capacity(gendisk, disk->capacity_sectors);
	set_disk_ro(gendisk, disk->read_only);
	error = add_disk(gendisk);
	if (error)
		put_disk(gendisk);
	else
		disk->is_added = true;
	return error;
}

/* No callback of it runs or comes any more, but for timers and works of Pdus. */
static void blkmq_free_disk(struct blkmq_disk *disk)
{
	struct blkmq_hw *hw, *next;

	blkmq_self_exit(blkmq_driver(disk));
	llist_for_each_entry_safe(hw, next, llist_del_all(&disk->dead_hws), dead)
		blkmq_free_hw(hw);
	kvfree(disk);
}

/* --- tag sets ------------------------------------------------------------------------- */

static void blkmq_free_set(struct blkmq_set *set)
{
	unsigned int i;

	for (i = 0; i < set->nr_disks; i++) {
		if (set->disks[i] && set->disks[i]->is_added) {
			del_gendisk(set->disks[i]->gendisk);
			blkmq_shut_gate(set->disks[i]->gendisk);
		}
	}
	if (set->kept.work.func)
		cancel_delayed_work_sync(&set->kept);
	for (i = 0; i < set->nr_disks; i++) {
		if (set->disks[i] && set->disks[i]->is_added)
			put_disk(set->disks[i]->gendisk);
	}
	if (set->queues)
		blkmq_exit_slots(set);
	if (set->debugfs)
		pr_info("%s: removed; nr_errors %d, nr_stale_ends %d, nr_stale_timers %d, nr_timeouts %d\n",
			set->disks[0]->name, atomic_read(&set->nr_errors), atomic_read(&set->nr_stale_ends),
			atomic_read(&set->nr_stale_timers), atomic_read(&set->nr_timeouts));
	debugfs_remove_recursive(set->debugfs);
	for (i = 0; i < set->nr_disks; i++) {
		if (set->disks[i])
			blkmq_free_disk(set->disks[i]);
	}
	if (set->works)
		destroy_workqueue(set->works);
	if (set->tag_set.tags) {
		srcu_barrier(blkmq_srcu(set));	/* pages that were erased */
		blk_mq_free_tag_set(&set->tag_set);
	}
	srcu_barrier(&set->srcu);
	cleanup_srcu_struct(&set->srcu);
	rcu_barrier();
	blkmq_free_slots(set);
	if (set->shared)
		blkmq_shared_exit(set->shared);
	kvfree(set->shared);
	kfree(set->disks);
	kfree(set);
}

/* Takes its disks out of service: what is in flight ends, if need be after the tag set's timeout. */
static void blkmq_remove_set(struct blkmq_set *set)
{
	WRITE_ONCE(set->removal, (jiffies + set->tag_set.timeout) ?: 1);
	schedule_delayed_work(&set->kept, 1);
	blkmq_free_set(set);
}

static struct blkmq_set *blkmq_alloc_set(unsigned int nr_disks)
{
	struct blkmq_set *set = kzalloc(sizeof(*set), GFP_KERNEL);

	if (!set)
		return ERR_PTR(-ENOMEM);
	if (init_srcu_struct(&set->srcu)) {
		kfree(set);
		return ERR_PTR(-ENOMEM);
	}
	set->disks = kcalloc(nr_disks, sizeof(*set->disks), GFP_KERNEL);
	set->shared = kvzalloc(BLKMQ_SHARED_BYTES, GFP_KERNEL);
	set->works = alloc_workqueue("%s", WQ_MEM_RECLAIM | WQ_UNBOUND, 0, BLKMQ_MODULE);
	if (!set->disks || !set->shared || !set->works) {
		blkmq_free_set(set);
		return ERR_PTR(-ENOMEM);
	}
	set->nr_disks = nr_disks;
	INIT_DELAYED_WORK(&set->kept, blkmq_look_at_kept);
	blkmq_shared_init(set->shared, NULL, NULL);
	return set;
}

/* Fills in what the maps leave open: at least one default queue, as blk-mq does not look.  Whether the rest fits. */
static bool blkmq_fit_maps(struct blkmq_tag_set *view)
{
	u64 special = (u64)view->nr_read_queues + view->nr_poll_queues;

	view->nr_maps = view->nr_maps ?: 1;
	if (view->nr_maps == 1) {
		view->nr_hw_queues = min(view->nr_hw_queues, nr_cpu_ids);
		view->nr_default_queues = view->nr_hw_queues;
		return !special;
	}
#ifndef blkmq_driver_poll
	if (view->nr_poll_queues)
		return false;
#endif
	if (view->nr_maps > HCTX_MAX_TYPES || (view->nr_maps <= HCTX_TYPE_POLL && view->nr_poll_queues) ||
	    special + max(view->nr_default_queues, 1) > view->nr_hw_queues)
		return false;
	view->nr_default_queues = view->nr_default_queues ?: view->nr_hw_queues - special;
	return true;
}

/* The maps of a set whose disks are configured, before blk-mq makes them, so that they can be refused. */
static int blkmq_choose_maps(struct blkmq_set *set)
{
	bool fits = blkmq_fit_maps(&set->view);

#ifdef blkmq_driver_map_queues
	struct blkmq_disk *disk = set->disks[0];
	struct blkmq_call call = blkmq_begin(disk, BLKMQ_NO_RQ, BLKMQ_SLOT_map_queues, true, BLKMQ_FUEL_CONTROL);

	if (fits) {
		blkmq_driver_map_queues(&call, blkmq_driver(disk));
		blkmq_finish(&call);
		if (call.error)
			return -EIO;
		fits = blkmq_fit_maps(&set->view);
	}
#endif
	if (!fits)
		pr_err("%s: the queues of the maps do not fit nr_hw_queues\n", set->disks[0]->name);
	return fits ? 0 : -EINVAL;
}

/* What the drivers' configure asked for, as the kernel has it; the values are checked by blk_mq_alloc_tag_set(). */
static int blkmq_alloc_tags(struct blkmq_set *set)
{
	struct blk_mq_tag_set *tags = &set->tag_set;
	struct blkmq_tag_set *view = &set->view;
	unsigned int queue;
	int error;

	error = blkmq_choose_maps(set);
	if (error)
		return error;
	tags->ops = &blkmq_ops[set->disks[0]->variant];
	tags->nr_maps = view->nr_maps;
	tags->nr_hw_queues = view->nr_hw_queues;
	tags->queue_depth = min_t(u32, view->queue_depth, BLK_MQ_MAX_DEPTH);
	tags->reserved_tags = view->reserved_tags;
	tags->timeout = msecs_to_jiffies(view->timeout_msec);
	tags->flags = view->flags & BLKMQ_FLAGS;
	tags->numa_node = view->numa_node;
	tags->cmd_size = sizeof(struct blkmq_in_request);
	tags->driver_data = set;
	if (!tags->nr_hw_queues || !tags->queue_depth)
		return -EINVAL;
	set->nr_queues = max(tags->nr_hw_queues, nr_cpu_ids);
	set->queues = kcalloc(set->nr_queues, sizeof(*set->queues), GFP_KERNEL);
	if (!set->queues)
		return -ENOMEM;
	error = blk_mq_alloc_tag_set(tags);	/* it may lower the depth */
	for (queue = 0; !error && queue < tags->nr_hw_queues; queue++)
		error = blkmq_make_slots(set, queue);
	return error;
}

static void blkmq_show_counters(struct blkmq_set *set)
{
	set->debugfs = debugfs_create_dir(set->disks[0]->name, blkmq_debugfs);
	debugfs_create_atomic_t("nr_errors", 0444, set->debugfs, &set->nr_errors);
	debugfs_create_atomic_t("nr_stale_ends", 0444, set->debugfs, &set->nr_stale_ends);
	debugfs_create_atomic_t("nr_stale_timers", 0444, set->debugfs, &set->nr_stale_timers);
	debugfs_create_atomic_t("nr_timeouts", 0444, set->debugfs, &set->nr_timeouts);
}

/* Makes disks on one tag set; each with a name that stays. */
static struct blkmq_set *blkmq_add_set(const BLKMQ_CONFIG *configs, const char *const *names,
				       const unsigned int *indexes, unsigned int nr_disks)
{
	struct blkmq_set *set = blkmq_alloc_set(nr_disks);
	struct blkmq_limits *limits;
	unsigned int i;
	int error = 0;

	if (IS_ERR(set))
		return set;
	limits = kcalloc(nr_disks, sizeof(*limits), GFP_KERNEL);
	if (!limits)
		error = -ENOMEM;
	blkmq_view_init(&set->view);
	for (i = 0; !error && i < nr_disks; i++) {
		set->disks[i] = blkmq_make_disk(set, &configs[i], names[i]);
		blkmq_limits_init(&limits[i]);
		error = set->disks[i] ? blkmq_configure(set->disks[i], &limits[i]) : -ENOMEM;
	}
	if (!error)
		error = blkmq_alloc_tags(set);
	for (i = 1; !error && i < nr_disks; i++)	/* they have their blk_mq_ops in common */
		error = set->disks[i]->variant == set->disks[0]->variant ? 0 : -EINVAL;
	for (i = 0; !error && i < nr_disks; i++)
		error = blkmq_add_disk(set->disks[i], &limits[i], indexes[i]);
	kfree(limits);
	if (!error) {
		blkmq_show_counters(set);
		return set;
	}
	blkmq_free_set(set);
	return ERR_PTR(error);
}

#endif
