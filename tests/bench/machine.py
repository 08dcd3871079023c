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
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    software = [f"{name} {version(name)}" for name in ("sqlalchemy", "elasticsearch", "flask", "gunicorn")]
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    return (
        f"{_processor()}, {os.cpu_count()} cores, {memory_gb:.0f} GB, {platform.system()} {platform.release()}\n"
        f"Python {platform.python_version()}, {', '.join(software)}\n"
        f"load {load}; an fsync takes {median(_fsync_ms(folder) for _ in range(20)):.1f} ms"
    )


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
