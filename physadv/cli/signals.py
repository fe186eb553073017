"""Signals that ask a command to end: it ends as after Ctrl-C, with what it keeps for the next time."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

PATIENCE_S = 20.0
"""How long a call into a library, which hears no signal, may keep a command from ending."""
_ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name))


class Ended(KeyboardInterrupt):
    """A signal asked the command to end."""


class Signals:
    """What signals have come.

    Attributes:
        received: number of the first one that came; 0 if none did.
    """

    def __init__(self) -> None:
        self.received = 0
        self._heard = False

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self.received, self._heard = self.received or number, True
        raise Ended

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Raises :class:`Ended` where a signal finds the main thread; a signal that is ignored stays so.

        A second signal ends the process at once, and so does the first after :data:`PATIENCE_S` where the main thread
        is inside of a library and does not come back: whatever is written is written whole or not at all.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in _ENDING}
        ours = [number for number, was in before.items() if was in (signal.SIG_DFL, signal.default_int_handler)]
        there, here = socket.socketpair()
        here.setblocking(False)
        told = signal.set_wakeup_fd(here.fileno(), warn_on_full_buffer=False)
        threading.Thread(target=self._watch, args=(there, frozenset(ours)), daemon=True).start()
        for number in ours:
            signal.signal(number, self._hear)
        try:
            yield
        finally:
            for number in ours:
                signal.signal(number, before[number])
            signal.set_wakeup_fd(told)
            here.close()

    def _watch(self, there: socket.socket, ours: frozenset[int]) -> None:
        """Ends the process if the main thread does not; runs in a thread of its own."""
        came = 0
        with there:
            while heard := there.recv(1):
                if heard[0] not in ours:
                    continue
                if came:
                    os._exit(128 + heard[0])
                came = heard[0]
                threading.Thread(target=self._end_if_deaf, args=(came,), daemon=True).start()

    def _end_if_deaf(self, number: int) -> None:
        time.sleep(PATIENCE_S)
        if not self._heard:
            os._exit(128 + number)
