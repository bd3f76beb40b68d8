"""One session's life: log in, cache, clean up, and look at what is left. Exits with 1 if anything is not as it should be."""

import asyncio
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlencode

from tests.demo.scene import SYSTEM, Scene, Session, Sight
from tests.demo.screen import heading, say, show, show_answer
from tests.e2e.connector_process import connector_process
from tests.e2e.opshub import OpsHub
from tests.e2e.shelf import shelf
from tests.endsystems.real_oauth import oidc_provider
from tests.provision import lacking_for_node
from tests.servers import redis_server


def main() -> int:
    """Return the exit code."""
    if lacking := lacking_for_node():
        say(f"The demo logs in to a server that runs on Node.js; {lacking}.")
        return 1
    with TemporaryDirectory() as folder, stores(Path(folder)) as section:
        fine = asyncio.run(demonstrate(Path(folder), section))
    say("\n[bold green]All of this was as it should be." if fine else "\n[bold red]Something was not as it should be: see above.")
    return 0 if fine else 1


@contextmanager
def stores(folder: Path) -> Iterator[str]:
    """Yield the storage section of the configuration: memory, Redis where there is one, and SQLite as the authority."""
    sqlite = f'[storage.sqlite]\npath = "{folder / "cache.sqlite3"}"\n'
    if shutil.which("redis-server") is None:
        say("There is no Redis on this machine: the demo does without it.")
        yield f'[storage]\ndrivers = ["memory", "sqlite"]\n{sqlite}'
        return
    with redis_server() as server:
        redis = f'[storage.redis]\ndriver = "aiocache"\nbackend = "redis"\nport = {server.port}\n'
        yield f'[storage]\ndrivers = ["memory", "redis", "sqlite"]\n{redis}{sqlite}'


async def demonstrate(folder: Path, storage: str) -> bool:
    """Start everything, play the scene and say whether all was as it should be."""
    with oidc_provider() as end_system, connector_process(folder, storage + end_system.section, end_system.environment) as server:
        say(f"OAuth 2.0 server   {end_system.root}   npm's oidc-provider")
        say(f"Connector          {server.url}   a process of its own")
        async with OpsHub(server.url) as opshub, shelf(server.config, end_system.environment) as cached:
            return await play(await Scene.set_up(end_system, cached), opshub)


async def play(scene: Scene, opshub: OpsHub) -> bool:
    """Close one session, then the other together with its system's cache."""
    first, second = scene.sessions
    before = await scene.look()
    heading("1. Two sessions have logged in; they and their system have cached something")
    fine = show(before, after(before))
    heading(f"2. OpsHub closes {first.name}: its login and its cache go, nothing else")
    fine &= await close(first, opshub, cleanup_global_cache="false")
    fine &= show(await scene.look(), after(before, first.name))
    heading(f"3. OpsHub closes {second.name} with cleanupGlobalCache: all of the system goes")
    fine &= await close(second, opshub, cleanup_global_cache="true")
    fine &= show(await scene.look(), after(before, *before))
    return fine


def after(before: Sight, *gone: str) -> Sight:
    """What has to be there once these rows are gone."""
    return {name: dict.fromkeys(row, name not in gone) for name, row in before.items()}


async def close(session: Session, opshub: OpsHub, *, cleanup_global_cache: str) -> bool:
    """Call the cleanup, show its answer, and say whether it is a 200 of a logout that was seen to work."""
    query = {"systemId": SYSTEM, "cleanupGlobalCache": cleanup_global_cache}
    answer = await opshub.cleanup(session.id, session.login.headers, query)
    show_answer(f"POST /cleanup/{session.id}?{urlencode(query)}", answer.status, answer.body)
    return answer.status == 200 and answer.body["logout"]["outcome"] == "verified"


if __name__ == "__main__":
    sys.exit(main())
