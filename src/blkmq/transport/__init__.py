# SPDX-License-Identifier: MIT
"""The doors: how programs reach a disk."""
