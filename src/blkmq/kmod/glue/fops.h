/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The slots of struct block_device_operations: control callbacks of a disk in
 * service, whose other callbacks run meanwhile, and may erase pages.
 *
 * Who has a disk open keeps its gendisk, also when the rest of it is gone: so each
 * goes through a gate, which is shut, and empty, before that.
 */
#ifndef BLKMQ_FOPS_H
#define BLKMQ_FOPS_H

#include <linux/hdreg.h>
#include <linux/unaligned.h>

#if defined(blkmq_driver_open) || defined(blkmq_driver_release) || defined(blkmq_driver_ioctl) ||	\
	defined(blkmq_driver_getgeo) || defined(blkmq_driver_get_unique_id)
DEFINE_STATIC_SRCU(blkmq_gate);

/* Afterwards none of them runs or comes any more for this disk; a last ``release`` among them. */
static void blkmq_shut_gate(struct gendisk *gendisk)
{
	WRITE_ONCE(gendisk->private_data, NULL);
	synchronize_srcu(&blkmq_gate);
}

/* A callback may have given the disk another size. */
static void blkmq_apply_capacity(struct blkmq_disk *disk)
{
	s64 nr_sectors = READ_ONCE(disk->capacity_sectors);

	if (get_capacity(disk->gendisk) != nr_sectors)
		set_capacity_and_notify(disk->gendisk, nr_sectors);
}

/* What the driver answers to ``question``, which has ``call`` and ``self``: a number, or a negative errno. */
#define BLKMQ_ASK(gendisk, callback, viewed, question) ({			\
	int gate_ = srcu_read_lock(&blkmq_gate), said_ = -ENODEV;		\
	struct blkmq_disk *disk_ = READ_ONCE((gendisk)->private_data);		\
										\
	if (disk_) {								\
		int reader_ = srcu_read_lock(blkmq_srcu(disk_->set));		\
		struct blkmq_call call_ = blkmq_begin(disk_, BLKMQ_NO_RQ, callback, true,	\
						      BLKMQ_FUEL_CONTROL);	\
		struct blkmq_call *call = &call_;				\
		BLKMQ_DRIVER *self = blkmq_driver(disk_);			\
		s64 answer_;							\
										\
		call->view = (viewed);						\
		answer_ = (question);						\
		blkmq_finish(call);						\
		srcu_read_unlock(blkmq_srcu(disk_->set), reader_);		\
		blkmq_apply_capacity(disk_);					\
		said_ = !call->error && answer_ > 0 ? (int)min_t(s64, answer_, INT_MAX) :	\
						      blkmq_errno(call, answer_);	\
	}									\
	srcu_read_unlock(&blkmq_gate, gate_);					\
	said_;									\
})
#else
static inline void blkmq_shut_gate(struct gendisk *gendisk)
{
}
#endif

#ifdef blkmq_driver_open
static int blkmq_open(struct gendisk *gendisk, blk_mode_t mode)
{
	int error = BLKMQ_ASK(gendisk, BLKMQ_SLOT_open, NULL, blkmq_driver_open(call, self));

	return error > 0 ? -EIO : error;
}
#endif

#ifdef blkmq_driver_release
static void blkmq_release(struct gendisk *gendisk)
{
	BLKMQ_ASK(gendisk, BLKMQ_SLOT_release, NULL, (blkmq_driver_release(call, self), 0));
}
#endif

#ifdef blkmq_driver_ioctl
/* The driver sees two numbers: what ``arg`` may point to is never followed. */
static int blkmq_ioctl(struct block_device *bdev, blk_mode_t mode, unsigned int cmd, unsigned long arg)
{
	return BLKMQ_ASK(bdev->bd_disk, BLKMQ_SLOT_ioctl, NULL,
			 blkmq_driver_ioctl(call, self, cmd, (s64)arg));
}
#endif

#ifdef blkmq_driver_getgeo
static int blkmq_getgeo(struct gendisk *gendisk, struct hd_geometry *geo)
{
	struct blkmq_geometry view = { .start = geo->start };
	int error = BLKMQ_ASK(gendisk, BLKMQ_SLOT_getgeo, &view, blkmq_driver_getgeo(call, self));

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
	int length = BLKMQ_ASK(gendisk, BLKMQ_SLOT_get_unique_id, &view,
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
