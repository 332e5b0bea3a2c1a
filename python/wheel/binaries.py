"""What a library or a program asks of the system that loads it, read from its file: ELF of Linux, Mach-O of Macs."""
from __future__ import annotations

import dataclasses
import hashlib
import struct

MACHINES = {62: "x86_64", 183: "aarch64"}  # ELF's numbers
ARM_OF_MACS = 0x0100000C


@dataclasses.dataclass
class Binary:
    """`needed` and `rpaths` as they stand there. Of macOS alone: its least version, and whether its signature is right."""

    system: str  # linux or macos
    machine: str
    needed: list[str]
    rpaths: list[str]
    minimum: tuple[int, int] = (0, 0)
    is_signed: bool = False


def text(data: bytes, at: int) -> str:
    return data[at : data.index(b"\0", at)].decode()


def read_elf(data: bytes) -> Binary:
    """By the program's headers, as the loader does: patchelf moves what the sections' headers name."""
    if data[4:6] != b"\2\1":
        raise ValueError("an ELF file not of 64 bits, the least first")
    (machine,) = struct.unpack_from("<H", data, 18)
    (headers,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    loaded, dynamic = [], None
    for at in range(headers, headers + size * count, size):
        kind, _, offset, address, _, length = struct.unpack_from("<IIQQQQ", data, at)
        if kind == 1:
            loaded.append((address, offset, length))
        elif kind == 2:
            dynamic = offset
    entries = []
    while dynamic is not None:
        tag, value = struct.unpack_from("<qQ", data, dynamic)
        if tag == 0:
            break
        entries.append((tag, value))
        dynamic += 16
    address = dict(entries).get(5, 0)
    strings = next((address - a + o for a, o, n in loaded if a <= address < a + n), 0)
    needed = [text(data, strings + value) for tag, value in entries if tag == 1]
    rpaths = [p for tag, value in entries if tag in (15, 29) for p in text(data, strings + value).split(":")]
    return Binary("linux", MACHINES.get(machine, f"machine {machine}"), needed, rpaths)


def is_signed(data: bytes, at: int) -> bool:
    """Whether the signature there has the hash of every page of the file: a Mac's loader ends a program where one differs."""
    magic, _, count = struct.unpack_from(">III", data, at)
    if magic != 0xFADE0CC0:
        return False
    for entry in range(at + 12, at + 12 + 8 * count, 8):
        kind, offset = struct.unpack_from(">II", data, entry)
        if kind == 0:
            directory = at + offset
            first, _, _, pages, end = struct.unpack_from(">IIIII", data, directory + 16)
            size, algorithm, _, shift = struct.unpack_from("4B", data, directory + 36)
            page = 1 << shift
            if (size, algorithm) != (32, 2) or pages != -(-end // page) or end > at:
                return False
            return all(
                hashlib.sha256(data[i * page : min(end, (i + 1) * page)]).digest()
                == data[directory + first + 32 * i : directory + first + 32 * (i + 1)]
                for i in range(pages)
            )
    return False


def read_macho(data: bytes) -> Binary:
    (machine,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<I", data, 16)
    found = Binary("macos", "arm64" if machine == ARM_OF_MACS else f"machine {machine:#x}", [], [])
    at = 32
    for _ in range(count):
        command, size = struct.unpack_from("<II", data, at)
        (where,) = struct.unpack_from("<I", data, at + 8)
        if command in (0xC, 0x80000018, 0x8000001F):  # a library: plain, weak, exported again
            found.needed.append(text(data, at + where))
        elif command == 0x8000001C:
            found.rpaths.append(text(data, at + where))
        elif command == 0x32:
            (version,) = struct.unpack_from("<I", data, at + 12)
            found.minimum = (version >> 16, version >> 8 & 255)
        elif command == 0x1D:
            found.is_signed = is_signed(data, where)
        at += size
    return found


def read(data: bytes) -> Binary | None:
    """None: neither of these kinds. ValueError: one of them, and not to be read."""
    try:
        if data[:4] == b"\x7fELF":
            return read_elf(data)
        if data[:4] == b"\xcf\xfa\xed\xfe":
            return read_macho(data)
    except (struct.error, ValueError, UnicodeDecodeError) as error:
        raise ValueError(f"cut off or broken: {error}") from error
    return None
