/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The slots of struct block_device_operations. */
#ifndef BLKMQ_FOPS_H
#define BLKMQ_FOPS_H

#ifdef blkmq_driver_open
static int blkmq_open(struct gendisk *gendisk, blk_mode_t mode)
{
	struct blkmq_disk *disk = gendisk->private_data;
	struct blkmq_call call = blkmq_begin(disk, BLKMQ_NO_RQ, BLKMQ_SLOT_open, true, BLKMQ_FUEL_CONTROL);
	s64 error;

	error = blkmq_driver_open(&call, blkmq_driver(disk));
	blkmq_finish(&call);
	return blkmq_errno(&call, error);
}
#endif

#ifdef blkmq_driver_release
static void blkmq_release(struct gendisk *gendisk)
{
	struct blkmq_disk *disk = gendisk->private_data;
	struct blkmq_call call = blkmq_begin(disk, BLKMQ_NO_RQ, BLKMQ_SLOT_release, true, BLKMQ_FUEL_CONTROL);

	blkmq_driver_release(&call, blkmq_driver(disk));
	blkmq_finish(&call);
}
#endif

static const struct block_device_operations blkmq_fops = {
	.owner = THIS_MODULE,
#ifdef blkmq_driver_open
	.open = blkmq_open,
#endif
#ifdef blkmq_driver_release
	.release = blkmq_release,
#endif
};

#endif
