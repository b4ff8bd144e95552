/* SPDX-License-Identifier: MIT */
/*
 * The verbs of XArray: dispatch/nouns/xarray.py.
 *
 * A radix tree of nodes with 64 slots.  Writers take the array's lock; readers
 * need none: a node is complete before it is linked and lives as long as its array.
 */
#ifndef BLKMQ_XARRAY_H
#define BLKMQ_XARRAY_H

#include <stdlib.h>

struct blkmq_xa_node {
	s64 shift;	/* 0: the slots hold values, else nodes */
	s64 slots[BLKMQ_NODE_SLOTS];
};

static inline s64 *blkmq_xa_slot(struct blkmq_xa_node *node, s64 index)
{
	return &node->slots[index >> node->shift & (BLKMQ_NODE_SLOTS - 1)];
}

/* Whether the tree below a node reaches up to ``index``. */
static inline bool blkmq_xa_covers(struct blkmq_xa_node *node, s64 index)
{
	s64 shift = node->shift + BLKMQ_NODE_SHIFT;

	return shift >= 63 || !(index >> shift);
}

/* The slot of an index; NULL if it is not there. */
static inline s64 *blkmq_xa_leaf(struct blkmq_xarray *array, s64 index)
{
	struct blkmq_xa_node *node = (struct blkmq_xa_node *)word_load(&array->root);

	if (!node || !blkmq_xa_covers(node, index))
		return NULL;
	while (node && node->shift)
		node = (struct blkmq_xa_node *)word_load(blkmq_xa_slot(node, index));
	return node ? blkmq_xa_slot(node, index) : NULL;
}

/* Address of a new node; 0 when memory is out. */
static inline s64 blkmq_xa_new_node(s64 shift)
{
	struct blkmq_xa_node *node = calloc(1, sizeof(*node));

	if (node)
		node->shift = shift;
	return (s64)node;
}

/* Puts nodes above the root until it covers ``index``: the root, or NULL when memory is out. */
static inline struct blkmq_xa_node *blkmq_xa_grow(struct blkmq_xarray *array, s64 index)
{
	struct blkmq_xa_node *root, *above;

	if (!array->root)
		word_store(&array->root, blkmq_xa_new_node(0));
	for (root = (struct blkmq_xa_node *)array->root; root && !blkmq_xa_covers(root, index); root = above) {
		above = (struct blkmq_xa_node *)blkmq_xa_new_node(root->shift + BLKMQ_NODE_SHIFT);
		if (!above)
			return NULL;
		above->slots[0] = (s64)root;
		word_store(&array->root, (s64)above);
	}
	return root;
}

/* The slot of an index, made where it is missing; NULL when memory is out.  The lock is held. */
static inline s64 *blkmq_xa_make_leaf(struct blkmq_xarray *array, s64 index)
{
	struct blkmq_xa_node *node = blkmq_xa_grow(array, index);

	while (node && node->shift) {
		s64 *slot = blkmq_xa_slot(node, index);

		if (!*slot)
			word_store(slot, blkmq_xa_new_node(node->shift - BLKMQ_NODE_SHIFT));
		node = (struct blkmq_xa_node *)*slot;
	}
	return node ? blkmq_xa_slot(node, index) : NULL;
}

static inline s64 blkmq_xarray_load(struct blkmq_call *call, struct blkmq_xarray *array, s64 index)
{
	s64 *slot;

	if (blkmq_bad(call, index < 0, BLKMQ_FAULT_INDEX, index))
		return 0;
	slot = blkmq_xa_leaf(array, index);
	return slot ? word_load(slot) : 0;
}

static inline s64 blkmq_xarray_store(struct blkmq_call *call, struct blkmq_xarray *array, s64 index, s64 value)
{
	s64 *slot;

	if (blkmq_bad(call, index < 0, BLKMQ_FAULT_INDEX, index) ||
	    blkmq_bad_value(call, value, 1, BLKMQ_XARRAY_VALUE_END - 1))
		return 0;
	word_lock(&array->lock);
	slot = blkmq_xa_make_leaf(array, index);
	if (slot)
		word_store(slot, value);
	word_unlock(&array->lock);
	return slot ? 0 : BLKMQ_ENOMEM;
}

static inline s64 blkmq_xarray_erase(struct blkmq_call *call, struct blkmq_xarray *array, s64 index)
{
	s64 *slot, value = 0;

	if (blkmq_bad(call, index < 0, BLKMQ_FAULT_INDEX, index))
		return 0;
	word_lock(&array->lock);
	slot = blkmq_xa_leaf(array, index);
	if (slot) {
		value = word_load(slot);
		word_store(slot, 0);
	}
	word_unlock(&array->lock);
	return value;
}

#endif
