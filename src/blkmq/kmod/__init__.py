# SPDX-License-Identifier: MIT
"""Drivers as kernel modules: the glue in C, the text that joins it to a driver, kbuild, insmod and rmmod."""
