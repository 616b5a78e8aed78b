"""python -m axenix: run the server until it is told to stop, or one of axenix/commands."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from aiohttp import web

from axenix import commands
from axenix.app import drain, make_app
from axenix.config import Config
from axenix.errors import CannotStart
from axenix.logs import Log
from axenix.stderr import say_or_go_on
from axenix.store.database import Database
from axenix.store.folder import ADDRESS, write_whole
from axenix.web.doorway import Runner
from axenix.web.house import HOUSE
from axenix.web.noise import quieten

KEEPALIVE_SECONDS = 20.0
"""Also what a client has to send its request's headers in."""
LINGERING_SECONDS = 10.0
"""What a client who has been answered has to send the rest of its request in, or it would not read the answer."""
SHUTDOWN_SECONDS = 1.5
BACKLOG = 4096
EXIT_SECONDS = 4.5
"""From the wish to end until the end, whatever then still hangs. What was acked is durable long before."""
GARBAGE = 50_000, 20, 100
"""For `gc.set_threshold`. With the usual 700 objects the collector goes through those that busy rooms are just using,
again and again: a tenth of the processor's time, and pauses of 50 ms now and then."""


async def serve(config: Config, ending: Callable[[int], None] = lambda code: None) -> int:
    """Until it is told to stop; `ending` hears the exit code as soon as that is so."""
    stop, exit_codes = asyncio.Event(), list[int]()

    def fatal(message: str, code: int) -> None:
        exit_codes.append(code)
        stop.set()
        say_or_go_on(message)

    database = await Database.open(config.data_dir, on_fatal=fatal)
    try:
        app = make_app(config, database)
        for name in (signal.SIGTERM, signal.SIGINT):
            catch(asyncio.get_running_loop(), name, stop)
        async with open_door(config, app):
            await stop.wait()
            ending(exit_codes[0] if exit_codes else 0)
            await drain(app)
    finally:
        await database.close()
    return exit_codes[0] if exit_codes else 0


@asynccontextmanager
async def open_door(config: Config, app: web.Application) -> AsyncIterator[None]:
    """People may come in; where, is printed."""
    runner = Runner(
        app, app[HOUSE].doorway, access_log=None, keepalive_timeout=KEEPALIVE_SECONDS,
        lingering_time=LINGERING_SECONDS, shutdown_timeout=SHUTDOWN_SECONDS, handle_signals=False,
    )
    await runner.setup()
    try:
        await listen(web.TCPSite(runner, config.host, config.port, backlog=BACKLOG), config)
        announce(config, address(config, runner))
        print(f"Axenix Conference is ready at {address(config, runner)}", flush=True)
        yield
    finally:
        with suppress(OSError):
            config.data_dir.joinpath(ADDRESS).unlink()
        await runner.cleanup()


async def listen(site: web.TCPSite, config: Config) -> None:
    try:
        await site.start()
    except OSError as error:
        raise CannotStart(f"cannot listen on {config.host}:{config.port}: {why(error)}") from None


def catch(loop: asyncio.AbstractEventLoop, name: signal.Signals, stop: asyncio.Event) -> None:
    try:
        loop.add_signal_handler(name, stop.set)
    except NotImplementedError:  # Windows
        signal.signal(name, lambda *_: loop.call_soon_threadsafe(stop.set))


def address(config: Config, runner: web.AppRunner) -> str:
    port = runner.addresses[0][1]
    host = f"[{config.host}]" if ":" in config.host else config.host
    return f"http://{host}:{port}"


def announce(config: Config, where: str) -> None:
    """For the commands that need a running server to do something; it serves without them, too."""
    try:
        write_whole(config.data_dir / ADDRESS, where.encode())
    except OSError as error:
        unwritten = f"{config.data_dir / ADDRESS} cannot be written: {error.strerror}"
        say_or_go_on(f"erase-user will not find this server: {unwritten}")


def end_in_time(code: int) -> None:
    """A disk that hangs would hold up the flush, the checkpoint and the threads that wait for them, for ever."""
    def give_up() -> None:
        say_or_go_on("the disk has not answered in time; the next start reads the log")
        os._exit(code)

    timer = threading.Timer(EXIT_SECONDS, give_up)
    timer.daemon = True
    timer.start()


def why(error: OSError) -> str:
    """Why nobody can listen there, and the way out."""
    if error.errno == errno.EADDRINUSE:
        return "another program does already, perhaps this one, started before; --port takes another, 0 any free one"
    if error.errno == errno.EACCES:
        return "the system does not allow it; take a port from 1024 on, and a proxy before it (see scripts/deploy)"
    if error.errno == errno.EADDRNOTAVAIL:
        return "this machine has no such address; --host takes one of its own, 0.0.0.0 is all of them"
    return error.strerror or str(error)


def main() -> int:
    command, argv = commands.named(sys.argv[1:])
    if command != commands.SERVE:
        return commands.run(command, argv, os.environ)
    config = Config.load(argv, os.environ, commands.overview())
    quieten()
    log = Log(config.log_format, config.log_level)
    with log:
        code = run(config)
    if log.is_stuck:
        os._exit(code)  # the interpreter would wait for the thread that still holds stderr
    return code


def run(config: Config) -> int:
    gc.freeze()  # what was imported stays: no collection looks at it again
    gc.set_threshold(*GARBAGE)
    try:
        import uvloop as loops
    except ImportError:  # Windows has none
        loops = asyncio  # type: ignore[misc]
    try:
        return int(loops.run(serve(config, end_in_time)))
    except CannotStart as error:
        say_or_go_on(str(error))
        return error.exit_code
    except OSError as error:
        say_or_go_on(str(error))
        return 1


if __name__ == "__main__":
    sys.exit(main())
