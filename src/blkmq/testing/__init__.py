# SPDX-License-Identifier: MIT
"""What tests of drivers are made of."""
