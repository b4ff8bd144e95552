# SPDX-License-Identifier: MIT
"""The loop of a port: look at the sockets, start what came, run the hardware queue, answer what ended; sleep.

:func:`collect` and :func:`answer` are the two halves around dispatch.  For a compiled driver :func:`serve_port`
does it all without Python; for an interpreted one Python calls the halves, and runs dispatch in between.
"""

from __future__ import annotations

from blkmq.dispatch.call import call_at
from blkmq.dispatch.hw_queue import HwQueueRecord, queue_at
from blkmq.dispatch.request import request_at
from blkmq.dispatch.tag_set import TagSetRecord, tag_set_at
from blkmq.dispatch.tags import nr_in_flight
from blkmq.mq.integer import S64_MAX
from blkmq.native.atomic import atomic_load, atomic_store
from blkmq.native.clock import monotonic_nsec
from blkmq.native.hot import hot
from blkmq.native.invoke import call_loop
from blkmq.native.socket import write_word
from blkmq.transport.nbd.buffer import give_back
from blkmq.transport.nbd.command import command_at, free_command
from blkmq.transport.nbd.connection import BROKEN, NOWHERE, OPEN, ConnectionRecord, connection_at, wake_stalled
from blkmq.transport.nbd.issue import has_tag
from blkmq.transport.nbd.membership import hand_on, leave, stop_all
from blkmq.transport.nbd.port import FREEZING, PortRecord, port_at
from blkmq.transport.nbd.progress import begin_portion, end_request, issue_waiting
from blkmq.transport.nbd.receive import receive
from blkmq.transport.nbd.reply import drop_replies, send_replies
from blkmq.transport.nbd.sleep import sleep


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
    if link != 0:
        connection = connection_at(link, 0)
        port.ready_head = connection.next
        if port.ready_head == 0:
            port.ready_tail = 0
        connection.place = NOWHERE
        receive(port, tag_set, queue, connection)
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
    if connection.state != OPEN:  # the rest of its data never comes
        forget(port, connection, connection.payload)
        forget(port, connection, connection.refused)
        connection.payload = 0
        connection.refused = 0
    if connection.nr_commands == 0 and connection.is_answering == 0:
        if connection.state != OPEN:
            leave(port, connection)
        else:
            give_back(port, connection)


@hot
def forget(port: PortRecord, connection: ConnectionRecord, address: int) -> None:
    """Frees a command that will not be answered, if there is one."""
    if address != 0:
        free_command(port, connection, command_at(address, 0))


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
