/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The slots of struct block_device_operations: control callbacks of a disk in
 * service, whose other callbacks run meanwhile, and may erase pages.
 */
#ifndef BLKMQ_FOPS_H
#define BLKMQ_FOPS_H

#include <linux/hdreg.h>
#include <linux/unaligned.h>

/* What the driver answers to ``question``, which has ``call`` and ``self``: a number, or a negative errno. */
#define BLKMQ_ASK(disk, callback, viewed, question) ({				\
	struct blkmq_disk *disk_ = (disk);					\
	BLKMQ_DRIVER *self = blkmq_driver(disk_);				\
	int reader_ = srcu_read_lock(blkmq_srcu(disk_->set));			\
	struct blkmq_call call_ = blkmq_begin(disk_, BLKMQ_NO_RQ, callback, true, BLKMQ_FUEL_CONTROL);	\
	struct blkmq_call *call = &call_;					\
	s64 answer_;								\
										\
	call->view = (viewed);							\
	answer_ = (question);							\
	blkmq_finish(call);							\
	srcu_read_unlock(blkmq_srcu(disk_->set), reader_);			\
	!call->error && answer_ > 0 ? (int)min_t(s64, answer_, INT_MAX) : blkmq_errno(call, answer_);	\
})

#ifdef blkmq_driver_open
static int blkmq_open(struct gendisk *gendisk, blk_mode_t mode)
{
	int error = BLKMQ_ASK(gendisk->private_data, BLKMQ_SLOT_open, NULL, blkmq_driver_open(call, self));

	return error > 0 ? -EIO : error;
}
#endif

#ifdef blkmq_driver_release
static void blkmq_release(struct gendisk *gendisk)
{
	BLKMQ_ASK(gendisk->private_data, BLKMQ_SLOT_release, NULL, (blkmq_driver_release(call, self), 0));
}
#endif

#ifdef blkmq_driver_ioctl
/* The driver sees two numbers: what ``arg`` may point to is never followed.  It may give the disk another size. */
static int blkmq_ioctl(struct block_device *bdev, blk_mode_t mode, unsigned int cmd, unsigned long arg)
{
	struct blkmq_disk *disk = bdev->bd_disk->private_data;
	int answer = BLKMQ_ASK(disk, BLKMQ_SLOT_ioctl, NULL, blkmq_driver_ioctl(call, self, cmd, (s64)arg));
	s64 nr_sectors = READ_ONCE(disk->capacity_sectors);

	if (get_capacity(bdev->bd_disk) != nr_sectors)
		set_capacity_and_notify(bdev->bd_disk, nr_sectors);
	return answer;
}
#endif

#ifdef blkmq_driver_getgeo
static int blkmq_getgeo(struct gendisk *gendisk, struct hd_geometry *geo)
{
	struct blkmq_geometry view = { .start = geo->start };
	int error = BLKMQ_ASK(gendisk->private_data, BLKMQ_SLOT_getgeo, &view, blkmq_driver_getgeo(call, self));

	if (error)
		return error < 0 ? error : -EIO;
	geo->heads = view.heads;
	geo->sectors = view.sectors;
	geo->cylinders = view.cylinders;
	geo->start = view.start;
	return 0;
}
#endif

#ifdef blkmq_driver_get_unique_id
/* Sixteen bytes, whatever length the driver answers. */
static int blkmq_get_unique_id(struct gendisk *gendisk, u8 id[16], enum blk_unique_id id_type)
{
	struct blkmq_unique_id view = { };
	int length = BLKMQ_ASK(gendisk->private_data, BLKMQ_SLOT_get_unique_id, &view,
			       blkmq_driver_get_unique_id(call, self, id_type));

	if (length < 0)
		return length;
	put_unaligned_be32(view.word0, id);
	put_unaligned_be32(view.word1, id + 4);
	put_unaligned_be32(view.word2, id + 8);
	put_unaligned_be32(view.word3, id + 12);
	return min(length, 16);
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
#ifdef blkmq_driver_ioctl
	.ioctl = blkmq_ioctl,
	.compat_ioctl = blkdev_compat_ptr_ioctl,
#endif
#ifdef blkmq_driver_getgeo
	.getgeo = blkmq_getgeo,
#endif
#ifdef blkmq_driver_get_unique_id
	.get_unique_id = blkmq_get_unique_id,
#endif
};

#endif
