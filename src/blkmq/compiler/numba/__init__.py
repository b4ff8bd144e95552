# SPDX-License-Identifier: MIT
"""The printer for the host target, and its cache of compiled modules."""
