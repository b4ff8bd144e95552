# SPDX-License-Identifier: MIT
"""Random drivers that have to behave the same on all targets, up to the first overflow that ``interpreted`` reports.

``python -m blkmq.testing.random_programs`` makes, runs and compares them; a program that differs is shown as short as
it can be made, with its seed.
"""
