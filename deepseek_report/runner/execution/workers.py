"""The processes that explain, measure and draw at the same time, with one thread each."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from importlib import import_module
from multiprocessing import active_children, forkserver, get_context
from multiprocessing.context import BaseContext
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

import psutil

from deepseek_report.children import ONE_THREAD, safe_path
from deepseek_report.config.composed import Composed
from deepseek_report.config.local_code import install, installed
from deepseek_report.runner.execution.rare_collections import BETWEEN_COLLECTIONS
from deepseek_report.runner.execution.run_events import Event
from deepseek_report.statistics.one_thread import libraries_on_one_thread

_MESSAGES: Queue[Event] | None = None
#: Parameters of `mallopt`, as malloc.h numbers them.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
#: What a terminal sends to every process of a command: Ctrl-C, and that it has gone.
_TO_ALL = tuple(getattr(signal, n) for n in ("SIGINT", "SIGHUP") if hasattr(signal, n))


_PACKAGE = __name__.partition(".")[0]
_LOCAL = f"{_PACKAGE}.runner.execution.local_launcher.LocalLauncher"
_EXECUTION = f"{_PACKAGE}.runner.execution"
#: What every process that computes imports.
_ALWAYS = (
    *(f"{_EXECUTION}.rare_collections", "numpy", "pandas", "pyarrow.parquet"),
    *(f"{_EXECUTION}.stages", f"{_EXECUTION}.late_libraries"),
)


class Processes:
    """An executor of one process for the first training, and one of several for all else.

    What is forked after the training has begun is forked with the libraries that all else needs
    (`late_libraries`); so the process that trained ends when it has.
    """

    def __init__(self, jobs: int, start: Callable[[int], ProcessPoolExecutor]) -> None:
        self.training: ProcessPoolExecutor | None = start(1)
        self.others = start(jobs)
        self._trained: Future[object] | None = None

    def executor(self, *, trains: bool) -> ProcessPoolExecutor:
        """Where the next task runs."""
        if trains and self._trained is None and self.training is not None:
            return self.training
        return self.others

    def started(self, executor: ProcessPoolExecutor, future: Future[object]) -> None:
        """A task was given to an executor.

        An executor starts a process after it has told its watching thread of a new task, and so
        watches that process only from the next task on: without one, nobody would see it die.
        """
        with suppress(BrokenProcessPool):  # told by the tasks that it ran
            executor.submit(int)
        if executor is self.training:
            self._trained = future

    def end_of(self, future: Future[object]) -> None:
        """A task has ended: the process that trained is not needed any more."""
        if future is self._trained and self.training is not None:
            self.training.shutdown(wait=False, cancel_futures=True)
            self.training = None

    def shutdown(self) -> None:
        """End all of them; what runs is waited for."""
        for executor in (self.training, self.others):
            if executor is not None:
                executor.shutdown(wait=True, cancel_futures=True)


@contextmanager
def workers(jobs: int, modules: Sequence[str] = ()) -> Iterator[tuple[Processes, Queue[Event]]]:
    """Processes with one thread each, so that a sum is the same whatever the number of cores.

    modules : what they will need. The process that they are forked from imports it once, unless it
        has been started before.
    """
    context = _context()
    with _interrupts_ignored(), safe_path():
        messages: Queue[Event] = context.Queue()
    load_shared(modules)
    known = messages, os.getpid(), installed()
    processes = Processes(jobs, lambda n: ProcessPoolExecutor(n, context, _start_worker, known))
    try:
        yield processes, messages
    except KeyboardInterrupt:
        for worker in active_children():
            worker.terminate()
        raise
    finally:
        processes.shutdown()
        messages.close()


def load_shared(modules: Sequence[str]) -> None:
    """Start the process that all others are forked from, unless it runs; it loads what they share.

    Returns at once: the modules are imported meanwhile.
    """
    context = _context()
    if hasattr(context, "set_forkserver_preload"):
        context.set_forkserver_preload([*_ALWAYS, *modules])
    if os.name != "nt":
        with _interrupts_ignored(), safe_path(), one_thread():
            forkserver.ensure_running()


def _context() -> BaseContext:
    return get_context("spawn" if os.name == "nt" else "forkserver")


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """What starts here hears neither Ctrl-C nor that the terminal has gone.

    This process hears it and ends the others.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {sign: signal.signal(sign, signal.SIG_IGN) for sign in _TO_ALL}
    try:
        yield
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)


@contextmanager
def signals_held() -> Iterator[None]:
    """A signal waits until this is over, so that no process is left half started."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {*_TO_ALL, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_worker(messages: Queue[Event], parent: int, local: Mapping[str, str]) -> None:
    global _MESSAGES  # noqa: PLW0603 - one queue a process, set once at its start
    _MESSAGES = messages
    gc.set_threshold(*BETWEEN_COLLECTIONS)  # where no process has been forked
    gc.freeze()  # what was loaded before stays, and is not looked through again
    keep_freed_memory()
    install(local)  # before the first task is unpickled, which imports trusted packages
    _to_one_thread()
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


@contextmanager
def one_thread() -> Iterator[None]:
    """Within it torch and the linear algebra compute with one thread, as on every machine.

    Libraries may be imported before or within it; none is imported for this alone.
    """
    before = {name: os.environ.pop(name) for name in ONE_THREAD if name in os.environ}
    try:
        with libraries_on_one_thread():
            _to_one_thread()
            yield
    finally:
        for name in ONE_THREAD:
            os.environ.pop(name, None)
        os.environ.update(before)


def _to_one_thread() -> None:
    os.environ.update(ONE_THREAD)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def keep_freed_memory() -> None:
    """Let this process use again what it frees, up to 64 MiB, where the C library can (glibc).

    By itself glibc returns it at once and asks anew: with 4 500 new pages a training step of the
    default model took a quarter longer. `give_memory_back` returns it when a stage has finished.
    """
    mallopt = _of_c_library("mallopt")
    if mallopt is not None:
        mallopt(_TRIM_THRESHOLD, 2**26)
        mallopt(_MMAP_THRESHOLD, 2**25)


def give_memory_back() -> None:
    """Return what a finished stage has freed to the system, where the C library can (glibc)."""
    trim = _of_c_library("malloc_trim")
    if trim is not None:
        trim(0)


def _of_c_library(name: str) -> Callable[..., object] | None:
    """A function of the C library of Linux, None elsewhere or where it has none of this name."""
    import ctypes

    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None


def _end_with(parent: int) -> None:
    """A killed run leaves no process behind."""
    with suppress(OSError):  # there is no such process any more
        while True:
            os.kill(parent, 0)
            time.sleep(1)
    os._exit(1)


def tell(event: Event) -> None:
    """Send an event from a worker to the process that started it."""
    if _MESSAGES is not None:
        _MESSAGES.put(event)


# How many processes this machine has cores and memory for.

#: Share of the free memory that processes may take together.
_USABLE = 0.8
#: Where Linux says how much memory the processes of a container or of a job of Slurm may have.
_LIMITS = Path("/sys/fs/cgroup")


def cores() -> int:
    """The cores that this process may run on."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        return os.cpu_count() or 1


def free_memory() -> float:
    """MiB that can still be taken, on this machine and within the limits that are set to it."""
    free = float(psutil.virtual_memory().available)
    with suppress(OSError, ValueError):  # there is no limit
        most, taken = (
            float((_LIMITS / name).read_text(encoding="ascii"))
            for name in ("memory.max", "memory.current")
        )
        free = min(free, most - taken)
    return max(free, 0.0) / 2**20


def processes(memory: float | None) -> int:
    """As many as there are cores, and memory for; at least one.

    memory : MiB of the largest process at its peak, None where nobody knows.
    """
    if not memory or memory <= 0:
        return cores()
    return max(1, min(cores(), int(_USABLE * free_memory() / memory)))


# What the first run of a store needs is loaded while its configuration is checked.


def load_for_first_run(composed: Composed) -> None:
    """Start the process that all others are forked from, where the store does not exist yet.

    Then nothing can be taken from it, and the run is sure to need processes. It is left to the run
    where a device may compute, other machines, or a model whose libraries hang on its settings.
    """
    raw = composed.raw
    store = Path(str((raw.get("paths") or {}).get("store", "")))
    if store.exists() or 1 in {raw.get("jobs"), cores()} or not _computes_here(composed):
        return
    libraries = _libraries(raw.get("model"))
    if libraries:
        load_shared(list(dict.fromkeys([*_modules(raw), *libraries])))


def _computes_here(composed: Composed) -> bool:
    device, launcher = composed.raw.get("device"), composed.launcher.get("_target_", _LOCAL)
    without = sys.platform == "linux" and not Path("/dev/nvidiactl").exists()
    return launcher == _LOCAL and (device == "cpu" or (device == "auto" and without))


def _modules(raw: Mapping[str, Any]) -> Iterator[str]:
    """The modules of this package that the chosen parts stand in."""
    single = (raw.get(name) for name in ("dataset", "model", "trainer"))
    several = (raw.get(name) or {} for name in ("explainers", "metrics", "visualizations"))
    for part in (*single, *(part for group in several for part in group.values())):
        target = str((part or {}).get("_target_", ""))
        if target.startswith(f"{_PACKAGE}."):
            yield target.rpartition(".")[0]


def _libraries(model: Mapping[str, object] | None) -> tuple[str, ...]:
    """What a model of this package says that it needs; nothing where that hangs on its settings."""
    module, _, name = str((model or {}).get("_target_", "")).rpartition(".")
    if not module.startswith(f"{_PACKAGE}.models."):
        return ()
    try:
        named = getattr(getattr(import_module(module), name), "libraries", ())
    except (ImportError, AttributeError):  # it is told when the configuration is checked
        return ()
    return named if isinstance(named, tuple) else ()
