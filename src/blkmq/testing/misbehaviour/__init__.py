# SPDX-License-Identifier: MIT
"""Drivers that misbehave, and the one table of what becomes of each on every target."""
