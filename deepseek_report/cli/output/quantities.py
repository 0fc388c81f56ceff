"""Sizes, moments and durations as a person says them."""

from __future__ import annotations

import datetime as dt

from deepseek_report.runner.execution.whole_run import duration


def in_bytes(size: float) -> str:
    """`512 bytes`, `3.1 MB`: decimal units, as file managers show them."""
    if size < 1000:
        return f"{size:.0f} bytes"
    for unit in ("kB", "MB", "GB"):
        size /= 1000
        if size < 999.5:
            return f"{size:.3g} {unit}"
    return f"{size / 1000:.3g} TB"


def local_time(moment: dt.datetime) -> str:
    """`2026-03-02 14:05`, in the time zone of this machine."""
    try:
        return moment.astimezone().strftime("%Y-%m-%d %H:%M")
    except (OverflowError, ValueError):  # a year that the system's clock cannot turn
        return moment.strftime("%Y-%m-%d %H:%M")


def duration_range(low: float, high: float) -> str:
    """`20 s to 1 min`, `2 to 4 min`; one duration where both ends are told alike."""
    first, last = duration(low), duration(max(high, low))
    if first == last:
        return first
    number, _, unit = first.partition(" ")
    other, _, same = last.partition(" ")
    return f"{number} to {other} {unit}" if unit == same else f"{first} to {last}"
