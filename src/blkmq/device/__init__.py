# SPDX-License-Identifier: MIT
"""Driver + target + door = a served device."""
