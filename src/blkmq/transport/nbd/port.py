# SPDX-License-Identifier: MIT
"""A hardware queue's side of the door: the connections that it owns, and what it has to do for them.

One thread runs a port, so that nothing in it needs a lock.
"""

from __future__ import annotations

from blkmq.mq.integer import s64
from blkmq.native.record import Record, accessor

NR_EVENTS = 256  #: that one look at the sockets may bring
NR_IOVECS = 256  #: of one send
FREEZING = -1  #: frozen, with something in flight


class PortRecord(Record):
    """One hardware queue of the door. Owner: the queue's thread; Python sets the fields marked *."""

    call: s64  #: the queue's Call record
    collect: s64  #: addresses of the loop's halves, and of the engine's loop between them
    answer: s64
    serve: s64
    epoll_fd: s64
    arrivals_fd: s64  #: pipe of new connections' addresses
    departures_fd: s64  #: pipe of ended ones
    events: s64  #: room for NR_EVENTS events
    msghdr: s64
    iovecs: s64  #: room for NR_IOVECS
    zeroes: s64  #: a page for writes of zeroes
    is_polling: s64  #: it was told to look busily
    poll_nsec: s64  #: longest busy look at the sockets before sleeping
    poll_now_nsec: s64  #: the same, as the last looks have made it
    lone_looks: s64  #: receives from a lone client since the last look at all that may happen
    is_waiting: s64  #: it waits for a lone client, and for nothing else
    commands_before: s64  #: nr_commands when it last had nothing but a lone client to wait for
    stop_nsec: s64  #: * from when on unsent replies are given up; 0: in service
    frozen: s64  #: * number of the freeze: takes no tags, the tag set is about to change; 0: in service
    still_at: s64  #: the freeze at which nothing was in flight any more; FREEZING: something is; 0: in service
    still_fd: s64  #: eventfd that tells Python of ``still_at``
    heirs: s64  #: * addresses of pipes of the ports that get its connections
    nr_heirs: s64  #: * how many; 0: it keeps them
    next_heir: s64  #: * the first to get one
    leaving: s64  #: * its queue goes: the thread ends when its connections are handed on
    nr_connections: s64
    connections: s64  #: list of all
    ready_head: s64  #: list of connections with something to receive or parse
    ready_tail: s64
    stalled: s64  #: list of connections that wait for tags, commands or memory
    answering: s64  #: list of connections with replies to send
    waiting_head: s64  #: list of commands that wait for tags
    waiting_tail: s64
    has_freed: s64  #: something was freed for which a stalled connection may wait
    small_free: s64  #: list of free buffers
    nr_small_free: s64
    big_free: s64
    nr_big_free: s64
    held_bytes: s64  #: in all connections' buffers
    nr_commands: s64  #: counters, since the start
    nr_receives: s64
    nr_sends: s64
    nr_sleeps: s64
    nr_broken: s64  #: connections that broke a rule, or off


port_at = accessor(PortRecord)
