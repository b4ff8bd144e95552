# SPDX-License-Identifier: MIT
"""The drivers that come with blkmq; ``blkmq drivers`` lists them."""
