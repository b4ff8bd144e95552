# SPDX-License-Identifier: MIT
"""The door for tests and for embedding: a disk as a Python object."""
