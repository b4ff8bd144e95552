# SPDX-License-Identifier: MIT
"""The door that works everywhere: Network Block Device, over a Unix socket or loopback TCP."""
