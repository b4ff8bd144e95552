# SPDX-License-Identifier: MIT
"""The printer for C, and its user-space build."""
