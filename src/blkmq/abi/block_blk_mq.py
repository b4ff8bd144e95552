# SPDX-License-Identifier: MIT
"""What a tag can be.  Header: ``block/blk-mq.h`` (kernel source only), Linux 7.3."""

BLK_MQ_NO_TAG = 0xFFFFFFFF
BLK_MQ_TAG_MIN = 1
BLK_MQ_TAG_MAX = BLK_MQ_NO_TAG - 1
