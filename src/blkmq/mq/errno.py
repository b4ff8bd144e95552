# SPDX-License-Identifier: MIT
"""Success or failure of the control path. C: 0 or ``-EINVAL`` … (``include/uapi/asm-generic/errno.h``)."""

from __future__ import annotations

from enum import IntEnum

from blkmq.abi import errno


class Errno(IntEnum):
    """What a control callback returns: ``OK`` or, as in C, a negative number: ``Errno.EINVAL`` is -22.

    Every number of the header is a member, so that ``Errno(-error.errno)`` takes any :class:`OSError`.
    """

    OK = 0
    EPERM = -errno.EPERM
    ENOENT = -errno.ENOENT
    ESRCH = -errno.ESRCH
    EINTR = -errno.EINTR
    EIO = -errno.EIO
    ENXIO = -errno.ENXIO
    E2BIG = -errno.E2BIG
    ENOEXEC = -errno.ENOEXEC
    EBADF = -errno.EBADF
    ECHILD = -errno.ECHILD
    EAGAIN = -errno.EAGAIN
    ENOMEM = -errno.ENOMEM
    EACCES = -errno.EACCES
    EFAULT = -errno.EFAULT
    ENOTBLK = -errno.ENOTBLK
    EBUSY = -errno.EBUSY
    EEXIST = -errno.EEXIST
    EXDEV = -errno.EXDEV
    ENODEV = -errno.ENODEV
    ENOTDIR = -errno.ENOTDIR
    EISDIR = -errno.EISDIR
    EINVAL = -errno.EINVAL
    ENFILE = -errno.ENFILE
    EMFILE = -errno.EMFILE
    ENOTTY = -errno.ENOTTY
    ETXTBSY = -errno.ETXTBSY
    EFBIG = -errno.EFBIG
    ENOSPC = -errno.ENOSPC
    ESPIPE = -errno.ESPIPE
    EROFS = -errno.EROFS
    EMLINK = -errno.EMLINK
    EPIPE = -errno.EPIPE
    EDOM = -errno.EDOM
    ERANGE = -errno.ERANGE
    EDEADLK = -errno.EDEADLK
    ENAMETOOLONG = -errno.ENAMETOOLONG
    ENOLCK = -errno.ENOLCK
    ENOSYS = -errno.ENOSYS
    ENOTEMPTY = -errno.ENOTEMPTY
    ELOOP = -errno.ELOOP
    EWOULDBLOCK = -errno.EWOULDBLOCK
    ENOMSG = -errno.ENOMSG
    EIDRM = -errno.EIDRM
    ECHRNG = -errno.ECHRNG
    EL2NSYNC = -errno.EL2NSYNC
    EL3HLT = -errno.EL3HLT
    EL3RST = -errno.EL3RST
    ELNRNG = -errno.ELNRNG
    EUNATCH = -errno.EUNATCH
    ENOCSI = -errno.ENOCSI
    EL2HLT = -errno.EL2HLT
    EBADE = -errno.EBADE
    EBADR = -errno.EBADR
    EXFULL = -errno.EXFULL
    ENOANO = -errno.ENOANO
    EBADRQC = -errno.EBADRQC
    EBADSLT = -errno.EBADSLT
    EDEADLOCK = -errno.EDEADLOCK
    EBFONT = -errno.EBFONT
    ENOSTR = -errno.ENOSTR
    ENODATA = -errno.ENODATA
    ETIME = -errno.ETIME
    ENOSR = -errno.ENOSR
    ENONET = -errno.ENONET
    ENOPKG = -errno.ENOPKG
    EREMOTE = -errno.EREMOTE
    ENOLINK = -errno.ENOLINK
    EADV = -errno.EADV
    ESRMNT = -errno.ESRMNT
    ECOMM = -errno.ECOMM
    EPROTO = -errno.EPROTO
    EMULTIHOP = -errno.EMULTIHOP
    EDOTDOT = -errno.EDOTDOT
    EBADMSG = -errno.EBADMSG
    EFSBADCRC = -errno.EFSBADCRC
    EOVERFLOW = -errno.EOVERFLOW
    ENOTUNIQ = -errno.ENOTUNIQ
    EBADFD = -errno.EBADFD
    EREMCHG = -errno.EREMCHG
    ELIBACC = -errno.ELIBACC
    ELIBBAD = -errno.ELIBBAD
    ELIBSCN = -errno.ELIBSCN
    ELIBMAX = -errno.ELIBMAX
    ELIBEXEC = -errno.ELIBEXEC
    EILSEQ = -errno.EILSEQ
    ERESTART = -errno.ERESTART
    ESTRPIPE = -errno.ESTRPIPE
    EUSERS = -errno.EUSERS
    ENOTSOCK = -errno.ENOTSOCK
    EDESTADDRREQ = -errno.EDESTADDRREQ
    EMSGSIZE = -errno.EMSGSIZE
    EPROTOTYPE = -errno.EPROTOTYPE
    ENOPROTOOPT = -errno.ENOPROTOOPT
    EPROTONOSUPPORT = -errno.EPROTONOSUPPORT
    ESOCKTNOSUPPORT = -errno.ESOCKTNOSUPPORT
    EOPNOTSUPP = -errno.EOPNOTSUPP
    EPFNOSUPPORT = -errno.EPFNOSUPPORT
    EAFNOSUPPORT = -errno.EAFNOSUPPORT
    EADDRINUSE = -errno.EADDRINUSE
    EADDRNOTAVAIL = -errno.EADDRNOTAVAIL
    ENETDOWN = -errno.ENETDOWN
    ENETUNREACH = -errno.ENETUNREACH
    ENETRESET = -errno.ENETRESET
    ECONNABORTED = -errno.ECONNABORTED
    ECONNRESET = -errno.ECONNRESET
    ENOBUFS = -errno.ENOBUFS
    EISCONN = -errno.EISCONN
    ENOTCONN = -errno.ENOTCONN
    ESHUTDOWN = -errno.ESHUTDOWN
    ETOOMANYREFS = -errno.ETOOMANYREFS
    ETIMEDOUT = -errno.ETIMEDOUT
    ECONNREFUSED = -errno.ECONNREFUSED
    EHOSTDOWN = -errno.EHOSTDOWN
    EHOSTUNREACH = -errno.EHOSTUNREACH
    EALREADY = -errno.EALREADY
    EINPROGRESS = -errno.EINPROGRESS
    ESTALE = -errno.ESTALE
    EUCLEAN = -errno.EUCLEAN
    EFSCORRUPTED = -errno.EFSCORRUPTED
    ENOTNAM = -errno.ENOTNAM
    ENAVAIL = -errno.ENAVAIL
    EISNAM = -errno.EISNAM
    EREMOTEIO = -errno.EREMOTEIO
    EDQUOT = -errno.EDQUOT
    ENOMEDIUM = -errno.ENOMEDIUM
    EMEDIUMTYPE = -errno.EMEDIUMTYPE
    ECANCELED = -errno.ECANCELED
    ENOKEY = -errno.ENOKEY
    EKEYEXPIRED = -errno.EKEYEXPIRED
    EKEYREVOKED = -errno.EKEYREVOKED
    EKEYREJECTED = -errno.EKEYREJECTED
    EOWNERDEAD = -errno.EOWNERDEAD
    ENOTRECOVERABLE = -errno.ENOTRECOVERABLE
    ERFKILL = -errno.ERFKILL
    EHWPOISON = -errno.EHWPOISON
    EFTYPE = -errno.EFTYPE
