# SPDX-License-Identifier: MIT
"""Replies: laid out where their data lies, sent many at once, straight from where the driver put the data.

A simple reply is a head, with the data of a successful read behind it; with structured replies, a read is answered
by chunks.
"""

from __future__ import annotations

from blkmq.abi.nbd import (
    NBD_CMD_BLOCK_STATUS,
    NBD_CMD_READ,
    NBD_REPLY_FLAG_DONE,
    NBD_REPLY_TYPE_BLOCK_STATUS,
    NBD_REPLY_TYPE_ERROR,
    NBD_REPLY_TYPE_NONE,
    NBD_REPLY_TYPE_OFFSET_DATA,
    NBD_SIMPLE_REPLY_BYTES,
    NBD_SIMPLE_REPLY_MAGIC,
    NBD_STRUCTURED_REPLY_BYTES,
    NBD_STRUCTURED_REPLY_MAGIC,
)
from blkmq.native.big_endian import put_be16, put_be32, put_be64
from blkmq.native.hot import hot, hot_inline
from blkmq.native.memory import address_of
from blkmq.native.socket import (
    EAGAIN,
    EINTR,
    EPOLL_CTL_MOD,
    EPOLLET,
    EPOLLIN,
    EPOLLOUT,
    EPOLLRDHUP,
    epoll_control,
    iovec_at,
    msghdr_at,
    send_now,
    sendmsg_now,
)
from blkmq.transport.nbd.buffer import SMALL_BYTES, buffer_at, data_of, leave_buffer, take_buffer, use_buffer
from blkmq.transport.nbd.command import CommandRecord, command_at, free_command, left_bytes
from blkmq.transport.nbd.connection import (
    BROKEN,
    ConnectionRecord,
    break_off,
    make_answering,
)
from blkmq.transport.nbd.handshake import BASE_ALLOCATION_NUMBER
from blkmq.transport.nbd.port import NR_IOVECS, PortRecord

DATA_CHUNK_BYTES = NBD_STRUCTURED_REPLY_BYTES + 8  #: head and offset
ERROR_CHUNK_BYTES = NBD_STRUCTURED_REPLY_BYTES + 6
STATUS_CHUNK_BYTES = NBD_STRUCTURED_REPLY_BYTES + 12
HEAD_BYTES_MAX = 32  #: of any reply without data
HEAD_TAIL_BYTES = 8  #: of the head of a read's reply: its last word

EVENTS = EPOLLIN | EPOLLRDHUP | EPOLLET


@hot_inline
def head_bytes(connection: ConnectionRecord) -> int:
    """What stands before the data of a read."""
    return DATA_CHUNK_BYTES if connection.structured != 0 else NBD_SIMPLE_REPLY_BYTES


@hot
def tx_room(port: PortRecord, connection: ConnectionRecord, nr_bytes: int) -> bool:
    """Makes sure that the transmit buffer has room for ``nr_bytes`` (SMALL_BYTES at most)."""
    if connection.tx != 0:
        buffer = buffer_at(connection.tx, 0)
        if buffer.nr_users == 1:
            buffer.used = 0  # all that was laid out there is sent
        if buffer.used + nr_bytes <= SMALL_BYTES:
            return True
        leave_buffer(port, connection.tx)
    connection.tx = take_buffer(port, connection, SMALL_BYTES)
    return connection.tx != 0


@hot
def lay_out(
    port: PortRecord, connection: ConnectionRecord, command: CommandRecord, head: int, data: int, mask: int
) -> int:
    """Room for a reply of ``head`` and ``data`` bytes in a row, the data aligned to ``mask`` + 1; 0: no memory."""
    if not tx_room(port, connection, head + data + mask):
        return 0
    buffer = buffer_at(connection.tx, 0)
    start = ((buffer.used + head + mask) & ~mask) - head
    buffer.used = start + head + data
    use_buffer(connection.tx)
    command.reply_buffer = connection.tx
    return data_of(connection.tx) + start


@hot_inline
def put_simple(address: int, error: int, cookie: int) -> None:
    put_be32(address, NBD_SIMPLE_REPLY_MAGIC)
    put_be32(address + 4, error)
    put_be64(address + 8, cookie)


@hot_inline
def put_chunk(address: int, flags: int, kind: int, cookie: int, nr_bytes: int) -> None:
    put_be32(address, NBD_STRUCTURED_REPLY_MAGIC)
    put_be16(address + 4, flags)
    put_be16(address + 6, kind)
    put_be64(address + 8, cookie)
    put_be32(address + 16, nr_bytes)


@hot
def queue_reply(port: PortRecord, connection: ConnectionRecord, command: CommandRecord) -> None:
    """Puts a command whose reply is laid out at the end of its connection's replies; one midway goes first."""
    address = address_of(command, "next")
    command.next = 0
    if connection.midway == address:
        command.next = connection.replies_head
        connection.replies_head = address
        if command.next == 0:
            connection.replies_tail = address
    elif connection.replies_head == 0:
        connection.replies_head = address
        connection.replies_tail = address
    else:
        command_at(connection.replies_tail, 0).next = address
        connection.replies_tail = address
    make_answering(port, connection)


@hot
def reply_with_data(port: PortRecord, connection: ConnectionRecord, command: CommandRecord) -> None:
    """A read's portion is there: its head goes right before it."""
    is_last = left_bytes(command) == 0
    command.is_last = 1 if is_last else 0
    if connection.structured != 0:
        command.reply = command.data - DATA_CHUNK_BYTES
        flags = NBD_REPLY_FLAG_DONE if is_last else 0
        put_chunk(command.reply, flags, NBD_REPLY_TYPE_OFFSET_DATA, command.cookie, command.portion_bytes + 8)
        put_be64(command.reply + NBD_STRUCTURED_REPLY_BYTES, command.offset + command.done_bytes)
        command.reply_bytes = DATA_CHUNK_BYTES + command.portion_bytes
    elif command.done_bytes == 0:
        command.reply = command.data - NBD_SIMPLE_REPLY_BYTES
        put_simple(command.reply, 0, command.cookie)
        command.reply_bytes = NBD_SIMPLE_REPLY_BYTES + command.portion_bytes
    else:
        command.reply = command.data
        command.reply_bytes = command.portion_bytes
    queue_reply(port, connection, command)


@hot
def reply(port: PortRecord, connection: ConnectionRecord, command: CommandRecord) -> None:
    """Everything but a read's data: success, an error, a block status."""
    command.is_last = 1
    if command.kind == NBD_CMD_READ and command.done_bytes > 0 and connection.structured == 0:
        break_off(port, connection)  # its head said success: there is no other way to tell
    if command.reply_buffer != 0:  # of a read that failed
        leave_buffer(port, command.reply_buffer)
        command.reply_buffer = 0
    at = lay_out(port, connection, command, HEAD_BYTES_MAX, 0, 0)
    if at == 0:
        break_off(port, connection)
        free_command(port, connection, command)
        return
    command.reply = at
    if connection.structured == 0 or (command.kind != NBD_CMD_READ and command.kind != NBD_CMD_BLOCK_STATUS):
        put_simple(at, command.error, command.cookie)
        command.reply_bytes = NBD_SIMPLE_REPLY_BYTES
    elif command.error != 0:
        put_chunk(at, NBD_REPLY_FLAG_DONE, NBD_REPLY_TYPE_ERROR, command.cookie, 6)
        put_be32(at + NBD_STRUCTURED_REPLY_BYTES, command.error)
        put_be16(at + NBD_STRUCTURED_REPLY_BYTES + 4, 0)
        command.reply_bytes = ERROR_CHUNK_BYTES
    elif command.kind == NBD_CMD_READ:
        put_chunk(at, NBD_REPLY_FLAG_DONE, NBD_REPLY_TYPE_NONE, command.cookie, 0)
        command.reply_bytes = NBD_STRUCTURED_REPLY_BYTES
    else:  # one extent: allocated, of unknown content
        put_chunk(at, NBD_REPLY_FLAG_DONE, NBD_REPLY_TYPE_BLOCK_STATUS, command.cookie, 12)
        put_be32(at + NBD_STRUCTURED_REPLY_BYTES, BASE_ALLOCATION_NUMBER)
        put_be32(at + NBD_STRUCTURED_REPLY_BYTES + 4, command.nr_bytes)
        put_be32(at + NBD_STRUCTURED_REPLY_BYTES + 8, 0)
        command.reply_bytes = STATUS_CHUNK_BYTES
    # What was laid out and is not needed goes back, so that replies lie without gaps and go as one piece.
    buffer = buffer_at(command.reply_buffer, 0)
    buffer.used = buffer.used - (HEAD_BYTES_MAX - command.reply_bytes)
    queue_reply(port, connection, command)


# --- sending ----------------------------------------------------------------------------------------------
@hot
def gather(port: PortRecord, connection: ConnectionRecord) -> int:
    """The connection's replies as iovecs, neighbours joined; how many bytes."""
    count = 0
    total = 0
    end = -1
    skip = connection.sent_bytes
    link = connection.replies_head
    while link != 0:
        command = command_at(link, 0)
        address = command.reply + skip
        nr_bytes = command.reply_bytes - skip
        skip = 0
        if address == end:
            piece = iovec_at(port.iovecs, count - 1)
            piece.nr_bytes = piece.nr_bytes + nr_bytes
        elif count == NR_IOVECS:
            break
        else:
            piece = iovec_at(port.iovecs, count)
            piece.address = address
            piece.nr_bytes = nr_bytes
            count += 1
        end = address + nr_bytes
        total += nr_bytes
        link = command.next if command.is_last == 1 else 0  # its next portion comes before other replies
    message = msghdr_at(port.msghdr, 0)
    message.iovecs = port.iovecs
    message.nr_iovecs = count
    return total


@hot
def want_out(port: PortRecord, connection: ConnectionRecord, wants: int) -> None:
    """Tells epoll whether to tell when the socket takes more; it is let be until it tells so in vain."""
    if connection.wants_out != wants:
        connection.wants_out = wants
        events = EVENTS | EPOLLOUT if wants == 1 else EVENTS
        epoll_control(port.epoll_fd, EPOLL_CTL_MOD, connection.fd, events, address_of(connection, "fd"))


@hot
def take_reply(connection: ConnectionRecord) -> int:
    """The first reply, taken off the list."""
    address = connection.replies_head
    connection.replies_head = command_at(address, 0).next
    connection.sent_bytes = 0
    return address


@hot
def drop_replies(port: PortRecord, connection: ConnectionRecord) -> None:
    """Nobody will read them."""
    while connection.replies_head != 0:
        command = command_at(take_reply(connection), 0)
        free_command(port, connection, command)


@hot
def next_bytes(connection: ConnectionRecord, total: int) -> int:
    """How much to send with one call: all, but to a client that sleeps the head first, in two parts.

    It wakes while the rest follows.  fio with depth 1 is a tenth faster with two parts than with one.
    """
    if connection.is_awaited == 0 or total <= HEAD_BYTES_MAX:
        connection.is_awaited = 0
        return total
    if connection.sent_bytes == 0:
        return head_bytes(connection) - HEAD_TAIL_BYTES
    connection.is_awaited = 0
    return HEAD_TAIL_BYTES


@hot
def send_replies(port: PortRecord, connection: ConnectionRecord) -> int:
    """Sends what the socket takes; a read with more portions to come is returned when its portion is sent, else 0."""
    while connection.replies_head != 0 and connection.state != BROKEN:
        if connection.midway != 0 and connection.midway != connection.replies_head:
            return 0
        total = gather(port, connection)
        wanted = next_bytes(connection, total)
        if wanted < total or msghdr_at(port.msghdr, 0).nr_iovecs == 1:
            sent = send_now(connection.fd, iovec_at(port.iovecs, 0).address, wanted)
        else:
            sent = sendmsg_now(connection.fd, port.msghdr)
        port.nr_sends = port.nr_sends + 1
        if sent < 0:
            if sent == -EAGAIN:
                want_out(port, connection, 1)
                return 0
            if sent != -EINTR:
                break_off(port, connection)
            continue
        left = connection.sent_bytes + sent
        while connection.replies_head != 0:
            command = command_at(connection.replies_head, 0)
            if left < command.reply_bytes:
                connection.sent_bytes = left
                break
            left -= command.reply_bytes
            take_reply(connection)
            if command.is_last == 0:
                connection.midway = address_of(command, "next")
                return connection.midway
            connection.midway = 0
            free_command(port, connection, command)
        if sent < wanted:
            want_out(port, connection, 1)
            return 0
    return 0
