"""The filter of system calls, run by a small interpreter of classic BPF, for both machines."""

import errno
import socket
import struct

import pytest

from opswright.sandboxes.process import seccomp

AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
NUMBERS = {
    "x86_64": {
        "read": 0,
        "clone": 56,
        "clone3": 435,
        "unshare": 272,
        "bpf": 321,
        "memfd_create": 319,
        "execve": 59,
        "socket": 41,
    },
    "aarch64": {
        "read": 63,
        "clone": 220,
        "clone3": 435,
        "unshare": 97,
        "bpf": 280,
        "memfd_create": 279,
        "execve": 221,
        "socket": 198,
    },
}
THREAD, NEW_USER, NEW_NETWORK = 0x3D0F00, 0x10000000, 0x40000000


def answer(machine: str, number: int, first: int = 0, audit: int | None = None, grouped: bool = True) -> int:
    """0 where the call is let through, else the error it gets."""
    code = seccomp.program(grouped, machine)
    assert code is not None
    data = struct.pack("=iIQ6Q", number, AUDIT[machine] if audit is None else audit, 0, first, 0, 0, 0, 0, 0)
    held, at = 0, 0
    while True:
        operation, yes, no, value = struct.unpack_from("=HBBI", code, at * 8)
        at += 1
        if operation == 0x20:
            (held,) = struct.unpack_from("=I", data, value)
        elif operation == 0x06:
            assert value == 0x7FFF0000 or value >> 16 == 5
            return 0 if value == 0x7FFF0000 else value & 0xFFFF
        else:
            holds = {0x15: held == value, 0x35: held >= value, 0x45: bool(held & value)}[operation]
            at += yes if holds else no


@pytest.mark.parametrize("machine", sorted(AUDIT))
@pytest.mark.parametrize(
    "name, first, error",
    [
        ("read", 0, 0),
        ("execve", 0, 0),
        ("clone", THREAD, 0),
        ("clone", 17, 0),
        ("clone", NEW_USER | 17, errno.EPERM),
        ("clone", NEW_NETWORK | THREAD, errno.EPERM),
        ("clone3", 0, errno.ENOSYS),
        ("unshare", 0, errno.EPERM),
        ("bpf", 0, errno.EPERM),
        ("memfd_create", 0, 0),
        ("socket", socket.AF_UNIX, 0),
        ("socket", socket.AF_INET, 0),
        ("socket", socket.AF_INET6, 0),
        ("socket", socket.AF_NETLINK, 0),
        ("socket", 40, errno.EAFNOSUPPORT),  # AF_VSOCK
        ("socket", 38, errno.EAFNOSUPPORT),  # AF_ALG
        ("socket", 0, errno.EAFNOSUPPORT),
    ],
)
def test_doors_are_shut_and_the_rest_is_open(machine: str, name: str, first: int, error: int) -> None:
    assert answer(machine, NUMBERS[machine][name], first) == error


@pytest.mark.parametrize("machine", sorted(AUDIT))
def test_without_a_group_memory_that_nobody_counts_is_refused(machine: str) -> None:
    assert answer(machine, NUMBERS[machine]["memfd_create"], grouped=False) == errno.EPERM
    assert answer(machine, NUMBERS[machine]["read"], grouped=False) == 0


def test_other_calling_conventions_do_not_go_round_it() -> None:
    assert answer("x86_64", 310, audit=0x40000003) == errno.ENOSYS  # 32-bit unshare
    assert answer("x86_64", 0x40000000 + 272) == errno.ENOSYS  # x32
    assert answer("aarch64", 97, audit=0x40000028) == errno.ENOSYS  # 32-bit ARM


def test_a_machine_that_is_not_known_has_no_filter() -> None:
    assert seccomp.program(True, "riscv64") is None
