"""What the figures were measured on: they mean nothing without it."""

import os
import platform
import time
from importlib.metadata import version
from pathlib import Path
from statistics import median

PAGE = b"\0" * 4096


def described(folder: Path) -> str:
    """One line on the machine, one on the software, and one on what makes figures noisy here."""
    software = [f"{name} {version(name)}" for name in ("sqlalchemy", "elasticsearch", "flask", "gunicorn")]
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    system = f"{platform.system()} {platform.release()}"
    return (
        f"{_processor()}, {os.cpu_count()} cores, {memory_bytes() / 1e9:.0f} GB, {system}\n"
        f"Python {platform.python_version()}, {', '.join(software)}\n"
        f"load {load}; an fsync takes {median(_fsync_ms(folder) for _ in range(20)):.1f} ms"
    )


def peak_mb(pid: int) -> float:
    """The most resident memory that a process, or the largest of its children, has had so far, in megabytes."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            said = dict(line.split(":", 1) for line in status.read_text("utf-8").splitlines() if ":" in line)
        except OSError:  # it has ended meanwhile
            continue
        if str(pid) in {said["Pid"].strip(), said["PPid"].strip()}:
            found.append(int(said.get("VmHWM", "0 kB").split()[0]) / 1024)
    return max(found, default=0.0)


def memory_bytes() -> int:
    """How much memory the machine has got."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _fsync_ms(folder: Path) -> float:
    with (folder / "fsync").open("wb") as file:
        file.write(PAGE)
        file.flush()
        started = time.perf_counter()
        os.fsync(file.fileno())
        return (time.perf_counter() - started) * 1000
