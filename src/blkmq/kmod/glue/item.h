/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A disk with its attributes, and the configfs tree of those that are made there.
 * As null_blk has it: mkdir, write the attributes, write 1 to power; attributes of
 * a disk in service are busy, but for the live ones.
 */
#ifndef BLKMQ_ITEM_H
#define BLKMQ_ITEM_H

#include <linux/configfs.h>
#include <linux/idr.h>

struct blkmq_item {
	struct config_group group;
	BLKMQ_CONFIG config;
	struct blkmq_set *set;	/* NULL: out of service */
	int index;		/* while it is in service */
	char name[DISK_NAME_LEN];
};

static DEFINE_MUTEX(blkmq_lock);	/* around all that changes an item */
static DEFINE_IDA(blkmq_indexes);

/* --- in service, and out ---------------------------------------------------------- */

static int blkmq_item_power_on(struct blkmq_item *item)
{
	const char *name = item->name;
	unsigned int index;
	int free = ida_alloc(&blkmq_indexes, GFP_KERNEL);
	struct blkmq_set *set;

	if (free < 0)
		return free;
	index = free;
	if (item->group.cg_item.ci_name)
		strscpy(item->name, config_item_name(&item->group.cg_item));
	else
		snprintf(item->name, sizeof(item->name), BLKMQ_DISK "%u", index);
	set = blkmq_add_set(&item->config, &name, &index, 1);
	if (IS_ERR(set)) {
		ida_free(&blkmq_indexes, index);
		return PTR_ERR(set);
	}
	item->set = set;
	item->index = index;
	pr_info("disk %s created\n", item->name);
	return 0;
}

static void blkmq_item_power_off(struct blkmq_item *item)
{
	if (!item->set)
		return;
	blkmq_remove_set(item->set);
	item->set = NULL;
	ida_free(&blkmq_indexes, item->index);
}

/* --- attributes --------------------------------------------------------------------- */

static struct blkmq_item *blkmq_item_of(struct config_item *item)
{
	return container_of(to_config_group(item), struct blkmq_item, group);
}

#define X(name, kind, live, text)							\
static ssize_t blkmq_item_##name##_show(struct config_item *item, char *page)		\
{											\
	return blkmq_kind_##kind.print(page, &blkmq_item_of(item)->config.name);	\
}											\
static ssize_t blkmq_item_##name##_store(struct config_item *config_item, const char *page,	\
					 size_t count)					\
{											\
	struct blkmq_item *item = blkmq_item_of(config_item);				\
	BLKMQ_CONFIG config;								\
	int error;									\
											\
	mutex_lock(&blkmq_lock);							\
	config = item->config;								\
	error = blkmq_kind_##kind.parse(page, &config.name);				\
	if (!error && item->set)							\
		error = (live) ? blkmq_change_set(item->set, &config) : -EBUSY;		\
	if (!error)									\
		item->config = config;							\
	mutex_unlock(&blkmq_lock);							\
	return error ?: count;								\
}											\
CONFIGFS_ATTR(blkmq_item_, name);
BLKMQ_ATTRIBUTES(X)
#undef X

static ssize_t blkmq_item_power_show(struct config_item *item, char *page)
{
	return sysfs_emit(page, "%u\n", blkmq_item_of(item)->set ? 1 : 0);
}

static ssize_t blkmq_item_power_store(struct config_item *config_item, const char *page, size_t count)
{
	struct blkmq_item *item = blkmq_item_of(config_item);
	bool power;
	int error = kstrtobool(page, &power);

	if (error)
		return error;
	mutex_lock(&blkmq_lock);
	if (power && !item->set)
		error = blkmq_item_power_on(item);
	else if (!power)
		blkmq_item_power_off(item);
	mutex_unlock(&blkmq_lock);
	return error ?: count;
}
CONFIGFS_ATTR(blkmq_item_, power);

static struct configfs_attribute *blkmq_item_attributes[] = {
	&blkmq_item_attr_power,
#define X(name, kind, live, text)	&blkmq_item_attr_##name,
	BLKMQ_ATTRIBUTES(X)
#undef X
	NULL,
};

/* --- the tree ------------------------------------------------------------------------- */

static void blkmq_item_release(struct config_item *item)
{
	kfree(blkmq_item_of(item));
}

static struct configfs_item_operations blkmq_item_operations = {
	.release = blkmq_item_release,
};

static const struct config_item_type blkmq_item_type = {
	.ct_item_ops = &blkmq_item_operations,
	.ct_attrs = blkmq_item_attributes,
	.ct_owner = THIS_MODULE,
};

static struct config_group *blkmq_make_item(struct config_group *group, const char *name)
{
	struct blkmq_item *item = kzalloc(sizeof(*item), GFP_KERNEL);

	if (!item)
		return ERR_PTR(-ENOMEM);
	item->config = blkmq_defaults;
	config_group_init_type_name(&item->group, name, &blkmq_item_type);
	return &item->group;
}

static void blkmq_drop_item(struct config_group *group, struct config_item *config_item)
{
	mutex_lock(&blkmq_lock);
	blkmq_item_power_off(blkmq_item_of(config_item));
	mutex_unlock(&blkmq_lock);
	config_item_put(config_item);
}

static ssize_t blkmq_tree_features_show(struct config_item *item, char *page)
{
	ssize_t length = 0;
	size_t i;

	for (i = 0; blkmq_item_attributes[i]; i++)
		length += sysfs_emit_at(page, length, "%s%c", blkmq_item_attributes[i]->ca_name,
					blkmq_item_attributes[i + 1] ? ',' : '\n');
	return length;
}
CONFIGFS_ATTR_RO(blkmq_tree_, features);

static struct configfs_attribute *blkmq_tree_attributes[] = {
	&blkmq_tree_attr_features,
	NULL,
};

static struct configfs_group_operations blkmq_tree_operations = {
	.make_group = blkmq_make_item,
	.drop_item = blkmq_drop_item,
};

static const struct config_item_type blkmq_tree_type = {
	.ct_group_ops = &blkmq_tree_operations,
	.ct_attrs = blkmq_tree_attributes,
	.ct_owner = THIS_MODULE,
};

static struct configfs_subsystem blkmq_tree = {
	.su_group = {
		.cg_item = {
			.ci_namebuf = BLKMQ_TREE,
			.ci_type = &blkmq_tree_type,
		},
	},
};

#endif
