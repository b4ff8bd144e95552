# SPDX-License-Identifier: MIT
"""From a driver class to the typed program, or to a refusal with file, line, rule and hint."""
