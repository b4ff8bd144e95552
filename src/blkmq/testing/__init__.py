# SPDX-License-Identifier: MIT
"""What tests of drivers, and of blkmq itself, are made of."""
