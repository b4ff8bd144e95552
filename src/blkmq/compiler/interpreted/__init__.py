# SPDX-License-Identifier: MIT
"""The interpreted target: the class itself, instrumented so that every rule raises at its line."""
