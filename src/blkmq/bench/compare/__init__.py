# SPDX-License-Identifier: MIT
"""Drivers side by side in a kernel of the lab: exact instructions for each I/O, and fio's wall clock."""
