"""What kernels are made for: the vectors of a processor, found on this one or asked for."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import llvmlite.binding as llvm

from clew.base.errors import unknown_name


@dataclass(frozen=True)
class Target:
    """Vectors of `bytes` bytes, of which `registers` are at hand; `triple`, `cpu` and `features` are LLVM's words.

    `fma`: whether multiply and add are one instruction; `half`: whether fp16 is computed with.
    """

    name: str
    bytes: int
    registers: int
    fma: bool
    half: bool
    triple: str
    cpu: str
    features: str

    def lanes(self, half: bool) -> int:
        """How many numbers a vector holds, of fp16 or fp32."""
        return self.bytes // (2 if half else 4)


# name -> bytes, registers, fma, half, features that it needs
KINDS: Mapping[str, tuple[int, int, bool, bool, tuple[str, ...]]] = {
    "avx512-fp16": (64, 32, True, True, ("avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512fp16", "fma")),
    "avx512": (64, 32, True, False, ("avx512f", "avx512bw", "avx512vl", "avx512dq", "fma")),
    "avx2": (32, 16, True, False, ("avx2", "fma")),
    "sse": (16, 16, False, False, ("sse2",)),
    "neon": (16, 32, True, False, ("neon",)),
}
OTHER_TRIPLES = {"neon": ("aarch64-unknown-linux-gnu", "generic"), "sse": ("x86_64-unknown-linux-gnu", "x86-64")}


@cache
def initialised() -> bool:
    """Readies LLVM for this processor."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return True


@cache
def host_features() -> frozenset[str]:
    """The features of this processor, in LLVM's words."""
    initialised()
    found = {name for name, on in llvm.get_host_cpu_features().items() if on}
    if platform.machine() in ("aarch64", "arm64"):
        found.add("neon")
    return frozenset(found)


def possible() -> list[str]:
    """The targets that this processor can run, widest first."""
    return [name for name, (*_, needed) in KINDS.items() if host_features().issuperset(needed)]


def target(name: str = "") -> Target:
    """A target by name, or the widest that this processor can run; raises ClewError when it is unknown.

    Where this processor lacks what a target needs, its kernels can be made, and must not be called.
    """
    name = name or possible()[0]
    if name not in KINDS:
        raise unknown_name("kind of processor", name, KINDS)
    size, registers, fma, half, needed = KINDS[name]
    initialised()
    if name in possible():
        return Target(name, size, registers, fma, half, *_host(name))
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    triple, cpu = OTHER_TRIPLES.get(name, (llvm.get_default_triple(), "x86-64"))
    return Target(name, size, registers, fma, half, triple, cpu, ",".join(f"+{one}" for one in needed))


def _host(name: str) -> tuple[str, str, str]:
    """Triple, processor and features; narrower targets than the widest run as on a processor that has no more."""
    own = llvm.get_host_cpu_features()
    wider = {"sse": ("avx", "fma", "avx512f"), "avx2": ("avx512f",), "avx512": ("avx512fp16",)}.get(name, ())
    if name in ("avx2", "sse"):
        features = ",".join(f"+{one}" for one in KINDS[name][4])
        return llvm.get_default_triple(), "x86-64", features
    for one in wider:
        own[one] = False
    return llvm.get_default_triple(), llvm.get_host_cpu_name(), own.flatten()
