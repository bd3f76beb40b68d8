"""Which signals end the server in good order, and which change nothing. By default, most of them kill a process."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)

ENDING = ("SIGTERM", "SIGINT", "SIGQUIT")
"""Asked to end. SIGQUIT is among them: its default writes the memory to a file, with all credentials."""
HANG_UP = "SIGHUP"
"""The terminal has gone. Without a terminal, it asks a service to read its configuration again."""
MEANINGLESS = ("SIGUSR1", "SIGUSR2")
"""Other servers reopen their logs on these. This server has nothing to reopen."""


def stop_signal(read_again: Callable[[], None]) -> asyncio.Future[str]:
    """Handle the signals from now on, and return a future of the name of the first one that asks the process to end.

    `read_again` is called at each hang-up that does not mean that the terminal has gone.
    """
    loop = asyncio.get_running_loop()
    stop: asyncio.Future[str] = loop.create_future()

    def ask_to_end(name: str) -> None:
        # A second signal changes nothing: the deadline of the shutdown decides when it ends.
        if not stop.done():
            stop.set_result(name)

    if sys.platform == "win32":
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda told, _: loop.call_soon_threadsafe(ask_to_end, signal.Signals(told).name))
    else:
        # An ignored signal needs a handler as well, because the default of most of them kills.
        ends_with_its_terminal = _ends_with_its_terminal()
        for name, handler in (dict.fromkeys(ENDING, ask_to_end) | dict.fromkeys(MEANINGLESS, _ignore)).items():
            loop.add_signal_handler(getattr(signal, name), handler, name)
        loop.add_signal_handler(signal.SIGHUP, *((ask_to_end, HANG_UP) if ends_with_its_terminal else (read_again,)))
    return stop


def take_as_ctrl_c() -> None:
    """Treat the other ending signals like Ctrl-C, for a command that has something to close at its end.

    One that is ignored stays so, as under `nohup`.
    """
    for name in (*ENDING, HANG_UP):
        number = getattr(signal, name, None)
        if name != "SIGINT" and number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)


def ignore_all() -> None:
    """Let no ending signal break this process off from now on, for a command that is about to end."""
    for name in (*ENDING, HANG_UP):
        if (number := getattr(signal, name, None)) is not None:
            signal.signal(number, signal.SIG_IGN)


def _interrupt(*_: object) -> None:
    # Of a job that a script runs in the background, the shell has Ctrl-C ignored: that must not make SIGTERM kill it.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        raise KeyboardInterrupt
    signal.raise_signal(signal.SIGINT)


def _ends_with_its_terminal() -> bool:
    """Tell whether a hang-up means that the terminal has gone. Under `nohup`, which ignores it, the server stays."""
    return _has_terminal() and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN


def _has_terminal() -> bool:
    """Tell whether a terminal controls the process, whatever its input and output are."""
    try:
        # Opening it works only with a controlling terminal, whatever stdin and stdout are.
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _ignore(name: str) -> None:
    log.warning("this signal means nothing here, the server goes on", signal=name)
