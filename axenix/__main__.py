"""python -m axenix: run the server until it is told to stop, or one of axenix/commands."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable

from aiohttp import web

from axenix import commands
from axenix.app import drain, make_app
from axenix.config import Config
from axenix.errors import CannotStart
from axenix.store.database import Database
from axenix.web.noise import quieten

KEEPALIVE_SECONDS = 20.0
"""Also what a client has to send its request's headers in."""
SHUTDOWN_SECONDS = 1.5
BACKLOG = 4096
EXIT_SECONDS = 4.5
"""From the wish to end until the end, whatever then still hangs. What was acked is durable long before."""


async def serve(config: Config, ending: Callable[[int], None] = lambda code: None) -> int:
    """Until it is told to stop; `ending` hears the exit code as soon as that is so."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    exit_codes: list[int] = []

    def fatal(message: str, code: int) -> None:
        print(f"axenix: {message}", file=sys.stderr)
        exit_codes.append(code)
        stop.set()

    database = await Database.open(config.data_dir, on_fatal=fatal)
    try:
        runner = web.AppRunner(
            make_app(config, database), access_log=None, keepalive_timeout=KEEPALIVE_SECONDS,
            shutdown_timeout=SHUTDOWN_SECONDS, handle_signals=False,
        )
        await runner.setup()
        try:
            site = web.TCPSite(runner, config.host, config.port, backlog=BACKLOG)
            await site.start()
            for name in (signal.SIGTERM, signal.SIGINT):
                catch(loop, name, stop)
            print(f"Axenix Conference is ready at {address(config, runner)}", flush=True)
            await stop.wait()
            ending(exit_codes[0] if exit_codes else 0)
            await drain(runner.app)
        finally:
            await runner.cleanup()
    finally:
        await database.close()
    return exit_codes[0] if exit_codes else 0


def catch(loop: asyncio.AbstractEventLoop, name: signal.Signals, stop: asyncio.Event) -> None:
    try:
        loop.add_signal_handler(name, stop.set)
    except NotImplementedError:  # Windows
        signal.signal(name, lambda *_: loop.call_soon_threadsafe(stop.set))


def address(config: Config, runner: web.AppRunner) -> str:
    port = runner.addresses[0][1]
    host = f"[{config.host}]" if ":" in config.host else config.host
    return f"http://{host}:{port}"


def end_in_time(code: int) -> None:
    """A disk that hangs would hold up the flush, the checkpoint and the threads that wait for them, for ever."""
    def give_up() -> None:
        print("axenix: the disk has not answered in time; the next start reads the log", file=sys.stderr, flush=True)
        os._exit(code)

    timer = threading.Timer(EXIT_SECONDS, give_up)
    timer.daemon = True
    timer.start()


def main() -> int:
    command, argv = commands.named(sys.argv[1:])
    if command != commands.SERVE:
        return commands.run(command, argv, os.environ)
    config = Config.load(argv, os.environ, commands.overview())
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    quieten()
    try:
        import uvloop as loops
    except ImportError:  # Windows has none
        loops = asyncio  # type: ignore[misc]
    try:
        return int(loops.run(serve(config, end_in_time)))
    except CannotStart as error:
        print(f"axenix: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"axenix: cannot listen on {config.host}:{config.port}: {error.strerror or error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
