# SPDX-License-Identifier: MIT
"""What a port does while there is nothing to do: it looks busily, or sleeps, until something comes.

A lone client that has all its answers is waited for in its socket: that wakes earlier than epoll, and saves a call.
Nothing else ends such a wait, so it is a short one; after one in vain, epoll waits for everything.
"""

from __future__ import annotations

from blkmq.dispatch.file_ring import fall_asleep, wake_up
from blkmq.dispatch.hctx import has_news, next_event_nsec
from blkmq.dispatch.hw_queue import HwQueueRecord
from blkmq.dispatch.tag_set import TagSetRecord
from blkmq.dispatch.tags import nr_in_flight
from blkmq.mq.integer import S64_MAX
from blkmq.native.atomic import atomic_load, atomic_store
from blkmq.native.clock import drain, monotonic_nsec
from blkmq.native.hot import hot
from blkmq.native.socket import (
    EPOLLERR,
    EPOLLHUP,
    EPOLLIN,
    EPOLLOUT,
    EPOLLRDHUP,
    epoll_wait_nsec,
    event_data,
    event_mask,
)
from blkmq.transport.nbd.buffer import give_back
from blkmq.transport.nbd.connection import (
    NOWHERE,
    OPEN,
    connection_at,
    make_answering,
    make_ready,
)
from blkmq.transport.nbd.membership import adopt
from blkmq.transport.nbd.port import NR_EVENTS, PortRecord
from blkmq.transport.nbd.receive import receive
from blkmq.transport.nbd.reply import want_out

WAKE, ARRIVALS = 0, 1  #: what the queue's eventfd and the pipe are registered with; connections: their address
POLL_MIN_NSEC = 1_000  #: shorter looks are none, until a short sleep shows that one would have found something
NR_LONE_LOOKS = 128  #: receives from a lone client between two looks at all that may happen


@hot
def look(port: PortRecord, queue: HwQueueRecord, timeout_nsec: int) -> int:
    """Takes what has happened on the sockets, after ``timeout_nsec`` at most; how many events."""
    count = epoll_wait_nsec(port.epoll_fd, port.events, NR_EVENTS, timeout_nsec)
    for i in range(count):
        address = event_data(port.events, i)
        mask = event_mask(port.events, i)
        if address == WAKE:
            drain(queue.wake_fd)
        elif address == ARRIVALS:
            adopt(port)
        else:
            connection = connection_at(address, 0)
            if mask & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR) != 0:
                connection.readable = 1
                if mask & (EPOLLRDHUP | EPOLLHUP | EPOLLERR) != 0:
                    connection.hung_up = 1
                make_ready(port, connection)
            if mask & (EPOLLHUP | EPOLLERR) != 0 or connection.replies_head != 0:
                make_answering(port, connection)
            elif mask & EPOLLOUT != 0:
                want_out(port, connection, 0)
    return count


@hot
def lone_connection(port: PortRecord, tag_set: TagSetRecord, queue: HwQueueRecord) -> int:
    """The connection from which alone something may come, for now; 0: there is more to wait for, or to look at."""
    if port.nr_connections != 1 or nr_in_flight(tag_set, queue) > 0 or port.waiting_head != 0:
        return 0
    if atomic_load(port, "stop_nsec") != 0 or atomic_load(port, "frozen") != 0:
        return 0
    if next_event_nsec(tag_set, queue) != S64_MAX or has_news(queue):
        return 0
    connection = connection_at(port.connections, 0)
    is_next = connection.state == OPEN and connection.place == NOWHERE and connection.replies_head == 0
    return port.connections if is_next else 0


@hot
def hear(port: PortRecord, tag_set: TagSetRecord, queue: HwQueueRecord, lone: int, may_wait: int) -> bool:
    """Receives from a lone connection; whether there was anything, its end for example."""
    connection = connection_at(lone, 0)
    connection.readable = 1
    connection.may_wait = may_wait
    atomic_store(port, "is_waiting", may_wait)
    receive(port, tag_set, queue, connection)
    atomic_store(port, "is_waiting", 0)
    connection.may_wait = 0
    port.lone_looks = port.lone_looks + 1
    give_back(port, connection)
    return connection.is_quiet == 0


@hot
def look_at_all(port: PortRecord, queue: HwQueueRecord) -> bool:
    """Whether anything has happened, by now."""
    port.lone_looks = 0
    return look(port, queue, 0) > 0 or has_news(queue)


@hot
def poll(port: PortRecord, tag_set: TagSetRecord, queue: HwQueueRecord, lone: int) -> bool:
    """Looks busily for a while; a look that finds nothing halves the next, one that does restores it."""
    if port.poll_now_nsec < POLL_MIN_NSEC:
        return False
    end = monotonic_nsec() + port.poll_now_nsec
    while True:
        if lone != 0 and port.lone_looks < NR_LONE_LOOKS:
            found = hear(port, tag_set, queue, lone, 0)
        else:
            found = look_at_all(port, queue)
        if found:
            port.poll_now_nsec = port.poll_nsec
            return True
        if monotonic_nsec() >= end:
            port.poll_now_nsec = port.poll_now_nsec // 2
            return False


@hot
def sleep(port: PortRecord, tag_set: TagSetRecord, queue: HwQueueRecord, until_nsec: int) -> None:
    """Waits for the sockets, for the driver, or for the queue's next event."""
    lone = lone_connection(port, tag_set, queue) if until_nsec == S64_MAX else 0
    is_single = lone != 0 and port.nr_commands - port.commands_before == 1
    if lone != 0:
        port.commands_before = port.nr_commands + 0
        connection_at(lone, 0).is_awaited = 1 if is_single and port.is_polling == 0 else 0
    if poll(port, tag_set, queue, lone):
        return
    begin = monotonic_nsec()
    port.nr_sleeps = port.nr_sleeps + 1
    # A client that sends one request at a time waits for each.  Others give us more at once if we wake a little later.
    if not is_single or port.lone_looks >= NR_LONE_LOOKS:
        sleep_for_all(port, tag_set, queue, until_nsec)
    elif not hear(port, tag_set, queue, lone, 1):
        port.lone_looks = NR_LONE_LOOKS
    if monotonic_nsec() - begin < port.poll_nsec:
        port.poll_now_nsec = port.poll_nsec  # a busy look would have seen it


@hot
def sleep_for_all(port: PortRecord, tag_set: TagSetRecord, queue: HwQueueRecord, until_nsec: int) -> None:
    """Waits for whatever may happen."""
    port.lone_looks = 0
    fall_asleep(queue)
    until_nsec = min(until_nsec, next_event_nsec(tag_set, queue))
    if port.stop_nsec != 0:
        until_nsec = min(until_nsec, max(port.stop_nsec, monotonic_nsec() + POLL_MIN_NSEC))
    timeout = 0
    if not has_news(queue):
        timeout = S64_MAX if until_nsec == S64_MAX else until_nsec - monotonic_nsec()
    look(port, queue, timeout)
    wake_up(queue)
