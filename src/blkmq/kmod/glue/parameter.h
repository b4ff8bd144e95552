/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Module parameters: what the disks begin with, those made by insmod and those of configfs. */
#ifndef BLKMQ_PARAMETER_H
#define BLKMQ_PARAMETER_H

static BLKMQ_CONFIG blkmq_defaults = BLKMQ_DEFAULTS;
static unsigned int blkmq_nr_devices = 1;

module_param_named(nr_devices, blkmq_nr_devices, uint, 0444);
MODULE_PARM_DESC(nr_devices, "disks to make at once; configfs makes more");

/* A parameter that blkmq_set_NAME and blkmq_get_NAME write and read. */
#define BLKMQ_PARAMETER(name, text)							\
static const struct kernel_param_ops blkmq_param_##name = {				\
	.set = blkmq_set_##name,							\
	.get = blkmq_get_##name,							\
};											\
module_param_cb(name, &blkmq_param_##name, NULL, 0444);				\
MODULE_PARM_DESC(name, text);

#define X(name, kind, live, text)							\
static int blkmq_set_##name(const char *value, const struct kernel_param *param)	\
{											\
	return blkmq_kind_##kind.parse(value, &blkmq_defaults.name);			\
}											\
static int blkmq_get_##name(char *value, const struct kernel_param *param)		\
{											\
	return blkmq_kind_##kind.print(value, &blkmq_defaults.name);			\
}											\
BLKMQ_PARAMETER(name, text)
BLKMQ_ATTRIBUTES(X)
#undef X

/* Other names and units of some: a value of 1 is ``scale`` of the attribute, which it may not lift over ``most``. */
#define X(name, attribute, scale, most)							\
static int blkmq_set_##name(const char *value, const struct kernel_param *param)	\
{											\
	unsigned int number;								\
	int error = kstrtouint(value, 0, &number);					\
											\
	if (!error)									\
		blkmq_defaults.attribute = min_t(u64, (u64)number * (scale), most);	\
	return error;									\
}											\
static int blkmq_get_##name(char *value, const struct kernel_param *param)		\
{											\
	return sysfs_emit(value, "%llu\n", (u64)blkmq_defaults.attribute / (scale));	\
}											\
BLKMQ_PARAMETER(name, "in units of " #scale " of " #attribute)
BLKMQ_SCALED_ATTRIBUTES(X)
#undef X

#endif
