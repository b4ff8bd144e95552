# SPDX-License-Identifier: MIT
"""The nouns that a driver's fields are, as records, with their verbs for compiled drivers."""
