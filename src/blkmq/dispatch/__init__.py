# SPDX-License-Identifier: MIT
"""One request's journey: tags, ownership, hardware queues, timeouts.  No I/O of its own."""
