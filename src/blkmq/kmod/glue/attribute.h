/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The driver's attributes: fields of its config, read and written as text.
 *
 * BLKMQ_ATTRIBUTES(X), printed with the driver, has X(name, kind, live, text) for
 * each; ``kind`` is a sized integer, ``flag`` (a bool), or an enum's own.
 */
#ifndef BLKMQ_ATTRIBUTE_H
#define BLKMQ_ATTRIBUTE_H

struct blkmq_kind {
	int (*parse)(const char *text, void *field);
	int (*print)(char *text, const void *field);
};

#define BLKMQ_KIND(kind, type, parser, wide, maximum, format)		\
static int blkmq_parse_##kind(const char *text, void *field)		\
{									\
	wide value;							\
	int error = parser(text, 0, &value);				\
									\
	if (error)							\
		return error;						\
	if (value > (maximum))						\
		return -ERANGE;						\
	WRITE_ONCE(*(type *)field, value);				\
	return 0;							\
}									\
static int blkmq_print_##kind(char *text, const void *field)		\
{									\
	return sysfs_emit(text, format "\n", READ_ONCE(*(const type *)field));	\
}									\
static const struct blkmq_kind __maybe_unused blkmq_kind_##kind = {	\
	.parse = blkmq_parse_##kind,					\
	.print = blkmq_print_##kind,					\
}

BLKMQ_KIND(u8, u8, kstrtou8, u8, U8_MAX, "%u");
BLKMQ_KIND(u16, u16, kstrtou16, u16, U16_MAX, "%u");
BLKMQ_KIND(u32, u32, kstrtou32, u32, U32_MAX, "%u");
BLKMQ_KIND(u64, u64, kstrtou64, u64, S64_MAX, "%llu");
BLKMQ_KIND(s8, s8, kstrtos8, s8, S8_MAX, "%d");
BLKMQ_KIND(s16, s16, kstrtos16, s16, S16_MAX, "%d");
BLKMQ_KIND(s32, s32, kstrtos32, s32, S32_MAX, "%d");
BLKMQ_KIND(s64, s64, kstrtos64, s64, S64_MAX, "%lld");

static int blkmq_parse_flag(const char *text, void *field)
{
	bool value;
	int error = kstrtobool(text, &value);

	if (!error)
		WRITE_ONCE(*(u8 *)field, value);
	return error;
}

static int blkmq_print_flag(char *text, const void *field)
{
	return sysfs_emit(text, "%u\n", READ_ONCE(*(const u8 *)field));
}

static const struct blkmq_kind __maybe_unused blkmq_kind_flag = {
	.parse = blkmq_parse_flag,
	.print = blkmq_print_flag,
};

/* Of an enum's members only. */
static int __maybe_unused blkmq_parse_member(const char *text, s32 *field, const s32 *members, size_t nr_members)
{
	size_t i;
	s32 value;
	int error = kstrtos32(text, 0, &value);

	for (i = 0; !error && i < nr_members; i++) {
		if (members[i] == value) {
			WRITE_ONCE(*field, value);
			return 0;
		}
	}
	return error ?: -EINVAL;
}

#endif
