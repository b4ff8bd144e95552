# SPDX-License-Identifier: MIT
"""The loop of a port: look at the sockets, start what came, run the hardware queue, answer what ended; sleep.

:func:`collect` and :func:`answer` are the two halves around dispatch.  For a compiled driver :func:`serve_port`
does it all without Python; for an interpreted one Python calls the halves, and runs dispatch in between.
"""

from __future__ import annotations

from blkmq.dispatch.call import call_at
from blkmq.dispatch.file_ring import fall_asleep, wake_up
from blkmq.dispatch.hctx import has_news, next_event_nsec
from blkmq.dispatch.hw_queue import HwQueueRecord, queue_at
from blkmq.dispatch.request import request_at
from blkmq.dispatch.tag_set import TagSetRecord, tag_set_at
from blkmq.dispatch.tags import nr_in_flight
from blkmq.mq.integer import S64_MAX
from blkmq.native.atomic import atomic_load, atomic_store
from blkmq.native.clock import drain, monotonic_nsec
from blkmq.native.hot import hot
from blkmq.native.invoke import call_loop
from blkmq.native.memory import address_of, copy_bytes, word_at
from blkmq.native.socket import (
    EPOLL_CTL_ADD,
    EPOLL_CTL_DEL,
    EPOLLERR,
    EPOLLHUP,
    EPOLLIN,
    EPOLLOUT,
    EPOLLRDHUP,
    epoll_control,
    epoll_wait_nsec,
    event_data,
    event_mask,
    read_word,
    write_word,
)
from blkmq.transport.nbd.buffer import SMALL_BYTES, data_of, leave_buffer, take_buffer
from blkmq.transport.nbd.command import NR_COMMANDS, command_at, free_command
from blkmq.transport.nbd.connection import (
    BROKEN,
    NOWHERE,
    OPEN,
    READY,
    STALLED,
    ConnectionRecord,
    break_off,
    connection_at,
    finish_connection,
    make_answering,
    make_ready,
    wake_stalled,
)
from blkmq.transport.nbd.issue import has_tag, wait_for_tags
from blkmq.transport.nbd.port import FREEZING, NR_EVENTS, PortRecord, port_at
from blkmq.transport.nbd.progress import begin_portion, end_request, issue_waiting
from blkmq.transport.nbd.receive import receive
from blkmq.transport.nbd.reply import EVENTS, drop_replies, send_replies, want_out

WAKE, ARRIVALS = 0, 1  #: what the queue's eventfd and the pipe are registered with; connections: their address
POLL_MIN_NSEC = 1_000


# --- coming and going -------------------------------------------------------------------------------------
@hot
def adopt(port: PortRecord) -> None:
    """Takes over new connections, and those of a port that goes."""
    address = read_word(port.arrivals_fd)
    while address != 0:
        connection = connection_at(address, 0)
        connection.previous_of_all = 0
        connection.next_of_all = port.connections
        if port.connections != 0:
            connection_at(port.connections, 0).previous_of_all = address
        port.connections = address
        port.nr_connections = port.nr_connections + 1
        connection.readable = 1  # what came before it was registered brings no event
        epoll_control(port.epoll_fd, EPOLL_CTL_ADD, connection.fd, EVENTS, address)
        make_ready(port, connection)
        if connection.has_moved != 0:
            settle_in(port, connection)
        else:
            free_commands(connection)
        if port.stop_nsec != 0:
            finish_connection(port, connection)
        elif connection.early_bytes > 0:
            take_early(port, connection)
        address = read_word(port.arrivals_fd)


@hot
def free_commands(connection: ConnectionRecord) -> None:
    """All commands of a new connection are free."""
    for i in range(NR_COMMANDS):
        command_at(connection.commands, i).next = connection.free_commands
        connection.free_commands = address_of(command_at(connection.commands, i), "next")


@hot
def settle_in(port: PortRecord, connection: ConnectionRecord) -> None:
    """A connection from another port goes on: its commands wait here for tags, its replies for the socket."""
    connection.has_moved = 0
    connection.wants_out = 0
    port.held_bytes = port.held_bytes + connection.held_bytes
    for i in range(NR_COMMANDS):
        command = command_at(connection.commands, i)
        if command.is_waiting != 0:
            wait_for_tags(port, command)
    if connection.replies_head != 0 or connection.state != OPEN:
        make_answering(port, connection)


@hot
def take_early(port: PortRecord, connection: ConnectionRecord) -> None:
    """Requests that a client in a hurry sent behind its last option."""
    connection.rx = take_buffer(port, connection, SMALL_BYTES)
    if connection.rx == 0:
        break_off(port, connection)
        return
    copy_bytes(data_of(connection.rx), connection.early, connection.early_bytes)
    connection.rx_end = connection.early_bytes
    connection.early_bytes = 0


@hot
def depart(port: PortRecord, connection: ConnectionRecord) -> None:
    """Hands a connection on which nothing is under way back to Python, which closes it."""
    if connection.rx != 0:
        leave_buffer(port, connection.rx)
    if connection.tx != 0:
        leave_buffer(port, connection.tx)
    connection.rx = 0
    connection.tx = 0
    take_off(port, connection)
    write_word(port.departures_fd, address_of(connection, "fd"))


@hot
def take_off(port: PortRecord, connection: ConnectionRecord) -> None:
    """A connection is not this port's any more."""
    if connection.previous_of_all != 0:
        connection_at(connection.previous_of_all, 0).next_of_all = connection.next_of_all
    else:
        port.connections = connection.next_of_all
    if connection.next_of_all != 0:
        connection_at(connection.next_of_all, 0).previous_of_all = connection.previous_of_all
    port.nr_connections = port.nr_connections - 1
    epoll_control(port.epoll_fd, EPOLL_CTL_DEL, connection.fd, 0, 0)


@hot
def hand_on(port: PortRecord) -> None:
    """Nothing is in flight: the port's connections go on, as they are, at its heirs', of which it may be one."""
    adopt(port)
    port.ready_head = 0
    port.ready_tail = 0
    port.stalled = 0
    port.answering = 0
    port.waiting_head = 0
    port.waiting_tail = 0
    heir = port.next_heir
    while port.connections != 0:
        connection = connection_at(port.connections, 0)
        connection.place = NOWHERE
        connection.is_answering = 0
        connection.has_moved = 1
        port.held_bytes = port.held_bytes - connection.held_bytes
        take_off(port, connection)
        write_word(word_at(port.heirs, heir % port.nr_heirs).value, address_of(connection, "fd"))
        heir += 1
    atomic_store(port, "nr_heirs", 0)
    write_word(port.still_fd, 1)


@hot
def stop_all(port: PortRecord) -> None:
    """The disk goes: no connection is read any more; after ``stop_nsec`` none is written to either."""
    adopt(port)
    late = monotonic_nsec() >= port.stop_nsec
    link = port.connections
    while link != 0:
        connection = connection_at(link, 0)
        link = connection.next_of_all
        if late and connection.replies_head != 0:
            break_off(port, connection)
        elif connection.state == OPEN:
            finish_connection(port, connection)


@hot
def follow_freeze(port: PortRecord, tag_set: TagSetRecord, queue: HwQueueRecord, frozen: int) -> None:
    """Frozen: tells when nothing is in flight any more.  Not any more: those that waited look again."""
    if frozen == 0:
        port.still_at = 0
        wake_stalled(port)
    elif nr_in_flight(tag_set, queue) > 0:
        port.still_at = FREEZING
    else:
        atomic_store(port, "still_at", frozen)
        write_word(port.still_fd, 1)


# --- sleeping ---------------------------------------------------------------------------------------------
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
def poll(port: PortRecord, queue: HwQueueRecord) -> bool:
    """Looks busily for a while; a look that finds nothing halves the next, one that does restores it."""
    end = monotonic_nsec() + port.poll_now_nsec
    while True:
        if look(port, queue, 0) > 0 or has_news(queue):
            port.poll_now_nsec = port.poll_nsec
            return True
        if monotonic_nsec() >= end:
            port.poll_now_nsec = max(port.poll_now_nsec // 2, POLL_MIN_NSEC)
            return False


@hot
def sleep(port: PortRecord, tag_set: TagSetRecord, queue: HwQueueRecord, until_nsec: int) -> None:
    """Waits for the sockets, for the driver, or for the queue's next event."""
    if port.poll_nsec > 0 and poll(port, queue):
        return
    fall_asleep(queue)
    until_nsec = min(until_nsec, next_event_nsec(tag_set, queue))
    if port.stop_nsec != 0:
        until_nsec = min(until_nsec, max(port.stop_nsec, monotonic_nsec() + POLL_MIN_NSEC))
    timeout = 0
    if not has_news(queue):
        timeout = S64_MAX if until_nsec == S64_MAX else until_nsec - monotonic_nsec()
        port.nr_sleeps = port.nr_sleeps + 1
    begin = monotonic_nsec() if port.poll_nsec > 0 else 0
    look(port, queue, timeout)
    wake_up(queue)
    if begin != 0 and monotonic_nsec() - begin < port.poll_nsec:
        port.poll_now_nsec = port.poll_nsec  # a busy look would have seen it


# --- the two halves ---------------------------------------------------------------------------------------
@hot
def collect(address: int, until_nsec: int) -> int:
    """Waits until there is something to do, and gives dispatch what came; how many connections are left."""
    port = port_at(address, 0)
    call = call_at(port.call, 0)
    tag_set = tag_set_at(call.set_address, 0)
    queue = queue_at(tag_set.queues, call.hctx)
    frozen = atomic_load(port, "frozen")
    if frozen != port.still_at:
        follow_freeze(port, tag_set, queue, frozen)
    can_issue = port.waiting_head != 0 and has_tag(port, queue)
    if port.ready_head == 0 and port.answering == 0 and not can_issue:
        sleep(port, tag_set, queue, until_nsec)
    if atomic_load(port, "stop_nsec") != 0:
        stop_all(port)
    if atomic_load(port, "nr_heirs") != 0:
        hand_on(port)
    issue_waiting(port, tag_set, queue)
    link = port.ready_head
    port.ready_head = 0
    port.ready_tail = 0
    while link != 0:
        connection = connection_at(link, 0)
        link = connection.next
        connection.place = NOWHERE
        receive(port, tag_set, queue, connection)
        if connection.nr_commands == 0 and connection.state == OPEN:
            give_back(port, connection)
    return port.nr_connections


@hot
def answer(address: int, link: int) -> int:
    """Goes on with the requests that ended, and sends what is to be sent; how many connections are left."""
    port = port_at(address, 0)
    call = call_at(port.call, 0)
    tag_set = tag_set_at(call.set_address, 0)
    queue = queue_at(tag_set.queues, call.hctx)
    while link != 0:
        index = link - 1
        link = request_at(tag_set.requests, index).next + 0
        end_request(port, tag_set, queue, index)
    link = port.answering
    port.answering = 0
    while link != 0:
        connection = connection_at(link, 0)
        link = connection.next_answering
        connection.is_answering = 0
        attend(port, tag_set, queue, connection)
    if port.has_freed != 0:
        port.has_freed = 0
        wake_stalled(port)
    return port.nr_connections


@hot
def attend(port: PortRecord, tag_set: TagSetRecord, queue: HwQueueRecord, connection: ConnectionRecord) -> None:
    """Sends a connection's replies; ends it, or gives its memory back, when there is no more to do for it."""
    unfinished = send_replies(port, connection)
    if unfinished != 0:
        command = command_at(unfinished, 0)
        command.done_bytes = command.done_bytes + command.portion_bytes
        begin_portion(port, tag_set, queue, command)
    if connection.state == BROKEN:
        drop_replies(port, connection)
        connection.midway = 0  # its requests end it
    if connection.state != OPEN and connection.payload != 0:  # the rest of its data never comes
        free_command(port, connection, command_at(connection.payload, 0))
        connection.payload = 0
    if connection.state != OPEN and connection.refused != 0:
        free_command(port, connection, command_at(connection.refused, 0))
        connection.refused = 0
    if connection.nr_commands == 0 and connection.is_answering == 0:
        if connection.state != OPEN:
            leave(port, connection)
        else:
            give_back(port, connection)


@hot
def give_back(port: PortRecord, connection: ConnectionRecord) -> None:
    """An idle connection needs no memory."""
    if connection.rx_begin != connection.rx_end or connection.place != NOWHERE:
        return
    if connection.rx != 0:
        leave_buffer(port, connection.rx)
        connection.rx = 0
        connection.rx_begin = 0
        connection.rx_end = 0
    if connection.tx != 0:
        leave_buffer(port, connection.tx)
        connection.tx = 0


@hot
def leave(port: PortRecord, connection: ConnectionRecord) -> None:
    """Takes a connection that is over off the port's lists, and lets it go."""
    if connection.place == READY:
        port.ready_head = without(port.ready_head, address_of(connection, "fd"))
        port.ready_tail = last(port.ready_head)
    elif connection.place == STALLED:
        port.stalled = without(port.stalled, address_of(connection, "fd"))
    connection.place = NOWHERE
    depart(port, connection)


@hot
def without(head: int, address: int) -> int:
    """A list without one of its connections."""
    if head == address:
        return connection_at(head, 0).next
    link = head
    while link != 0:
        connection = connection_at(link, 0)
        if connection.next == address:
            connection.next = connection_at(address, 0).next
        link = connection.next
    return head


@hot
def last(head: int) -> int:
    """The last connection of a list; 0 if it is empty."""
    link = head
    while link != 0 and connection_at(link, 0).next != 0:
        link = connection_at(link, 0).next
    return link


@hot
def is_over(port: PortRecord) -> bool:
    """Whether the port ends when its last connection is gone."""
    if atomic_load(port, "leaving") != 0:
        return atomic_load(port, "nr_heirs") == 0
    return atomic_load(port, "stop_nsec") != 0


@hot
def serve_port(address: int, until_nsec: int) -> int:
    """All of it, for a compiled driver, until the port is stopped and nothing is left; or ``until_nsec``.

    By address, so that none of the three is compiled twice.
    """
    port = port_at(address, 0)
    while True:
        call_loop(port.collect, address, until_nsec)
        link = call_loop(port.serve, port.call, 0)
        left = call_loop(port.answer, address, link)
        if left == 0 and is_over(port):
            return 0
        if until_nsec != S64_MAX and monotonic_nsec() >= until_nsec:
            return left
