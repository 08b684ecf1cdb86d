"""System calls that a command in the process sandbox is refused: doors to more of the kernel than it needs.

Above all new namespaces: in a user namespace of its own it could mount, and so write past its disk limit. And sockets
that no network namespace shuts in: by AF_VSOCK a virtual machine talks to the machine that runs it. The filter is
classic BPF for seccomp(2), built by hand since nothing but these few tests is needed.
"""

import errno
import platform
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_NEW_NAMESPACE = 0x7E020000  # every CLONE_NEW* flag of clone(2)
_LOAD, _JUMP_EQUAL, _JUMP_ABOVE, _JUMP_SET, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_FAMILIES = (1, 2, 10, 16)  # of sockets: AF_UNIX, AF_INET, AF_INET6, AF_NETLINK (which interfaces are there)
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data; both machines are little-endian


@dataclass(frozen=True)
class _Machine:
    audit: int
    foreign: int | None  # numbers from here on belong to another calling convention
    clone: int
    clone3: int
    socket: int
    refused: Mapping[str, int]
    refused_without_group: Mapping[str, int]  # memory that no process shows as its own, and other processors


_MACHINES: Mapping[str, _Machine] = {
    "x86_64": _Machine(
        audit=0xC000003E,
        foreign=0x40000000,
        clone=56,
        clone3=435,
        socket=41,
        refused={
            "unshare": 272, "setns": 308, "add_key": 248, "request_key": 249, "keyctl": 250, "bpf": 321,
            "perf_event_open": 298, "userfaultfd": 323, "io_uring_setup": 425, "io_uring_enter": 426,
            "io_uring_register": 427,
        },
        refused_without_group={"memfd_create": 319, "memfd_secret": 447, "shmget": 29, "sched_setaffinity": 203},
    ),
    "aarch64": _Machine(
        audit=0xC00000B7,
        foreign=None,
        clone=220,
        clone3=435,
        socket=198,
        refused={
            "unshare": 97, "setns": 268, "add_key": 217, "request_key": 218, "keyctl": 219, "bpf": 280,
            "perf_event_open": 241, "userfaultfd": 282, "io_uring_setup": 425, "io_uring_enter": 426,
            "io_uring_register": 427,
        },
        refused_without_group={"memfd_create": 279, "memfd_secret": 447, "shmget": 194, "sched_setaffinity": 122},
    ),
}  # fmt: skip


def program(grouped: bool, machine: str | None = None) -> bytes | None:
    """The filter as bubblewrap wants it; `grouped`: a control group counts the memory. None for a machine not known."""
    known = _MACHINES.get(machine or platform.machine())
    if known is None:
        return None
    refused = [*known.refused.values(), *(() if grouped else known.refused_without_group.values())]
    code = [
        _step(_LOAD, _ARCHITECTURE),
        _step(_JUMP_EQUAL, known.audit, yes=1),
        _step(_RETURN, _ERRNO | errno.ENOSYS),  # 32-bit calls would go round the numbers below
        _step(_LOAD, _NUMBER),
    ]
    if known.foreign is not None:
        code += [_step(_JUMP_ABOVE, known.foreign, no=1), _step(_RETURN, _ERRNO | errno.ENOSYS)]
    # C libraries fall back from clone3, whose flags stand where a filter cannot look, to clone.
    code += [_step(_JUMP_EQUAL, known.clone3, no=1), _step(_RETURN, _ERRNO | errno.ENOSYS)]
    code += _refusals(refused)
    code += _sockets(known.socket)
    code += [_step(_JUMP_EQUAL, known.clone, yes=1), _step(_RETURN, _ALLOW)]
    code += [_step(_LOAD, _FIRST_ARGUMENT), _step(_JUMP_SET, _NEW_NAMESPACE, no=1)]
    code += [_step(_RETURN, _ERRNO | errno.EPERM), _step(_RETURN, _ALLOW)]
    return b"".join(code)


def _refusals(numbers: Sequence[int]) -> list[bytes]:
    steps = []
    for number in numbers:
        steps += [_step(_JUMP_EQUAL, number, no=1), _step(_RETURN, _ERRNO | errno.EPERM)]
    return steps


def _sockets(number: int) -> list[bytes]:
    """Those of other families are not supported; what is no such call goes on behind these steps."""
    families = len(_FAMILIES)
    steps = [_step(_JUMP_EQUAL, number, no=families + 3), _step(_LOAD, _FIRST_ARGUMENT)]
    steps += [_step(_JUMP_EQUAL, family, yes=families - at) for at, family in enumerate(_FAMILIES)]
    return [*steps, _step(_RETURN, _ERRNO | errno.EAFNOSUPPORT), _step(_RETURN, _ALLOW)]


def _step(operation: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("=HBBI", operation, yes, no, value)
