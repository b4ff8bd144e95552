/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The module around a driver; the text that is printed with it includes this last. */
#ifndef BLKMQ_MODULE_H
#define BLKMQ_MODULE_H

#include "callback.h"
#include "fops.h"
#include "issue.h"
#include "budget.h"
#include "queue_rq.h"
#include "request_batch.h"
#include "poll.h"
#include "ops.h"
#include "set.h"
#include "live_change.h"
#include "attribute.h"
#include "parameter.h"
#include "item.h"

static struct blkmq_item **blkmq_items;		/* those that insmod made */

static void blkmq_free_items(void)
{
	unsigned int i;

	for (i = 0; i < blkmq_nr_devices && blkmq_items[i]; i++) {
		blkmq_item_power_off(blkmq_items[i]);
		kfree(blkmq_items[i]);
	}
	kfree(blkmq_items);
}

static int __init blkmq_make_items(void)
{
	unsigned int i;
	int error;

	blkmq_items = kcalloc((size_t)blkmq_nr_devices + 1, sizeof(*blkmq_items), GFP_KERNEL);
	if (!blkmq_items)
		return -ENOMEM;
	for (i = 0; i < blkmq_nr_devices; i++) {
		blkmq_items[i] = kzalloc(sizeof(*blkmq_items[i]), GFP_KERNEL);
		error = -ENOMEM;
		if (blkmq_items[i]) {
			blkmq_items[i]->config = blkmq_defaults;
			error = blkmq_item_power_on(blkmq_items[i]);
		}
		if (error) {
			blkmq_free_items();
			return error;
		}
	}
	return 0;
}

static int __init blkmq_init(void)
{
	int error;

	pr_notice("EXPERIMENTAL: a block driver written in Python (" BLKMQ_SOURCE ")\n");
	blkmq_init_ops();
	config_group_init(&blkmq_tree.su_group);
	mutex_init(&blkmq_tree.su_mutex);
	blkmq_major = register_blkdev(0, BLKMQ_MODULE);
	if (blkmq_major < 0)
		return blkmq_major;
	blkmq_debugfs = debugfs_create_dir(BLKMQ_TREE, NULL);
	error = blkmq_make_items();
	if (error)
		goto unregister;
	error = configfs_register_subsystem(&blkmq_tree);
	if (error)
		goto free;
	return 0;
free:
	blkmq_free_items();
unregister:
	debugfs_remove_recursive(blkmq_debugfs);
	unregister_blkdev(blkmq_major, BLKMQ_MODULE);
	return error;
}

static void __exit blkmq_exit(void)
{
	configfs_unregister_subsystem(&blkmq_tree);
	blkmq_free_items();
	debugfs_remove_recursive(blkmq_debugfs);
	unregister_blkdev(blkmq_major, BLKMQ_MODULE);
}

module_init(blkmq_init);
module_exit(blkmq_exit);
MODULE_DESCRIPTION("EXPERIMENTAL: " BLKMQ_SOURCE ", a block driver written in Python");
MODULE_LICENSE("Dual MIT/GPL");

#endif
