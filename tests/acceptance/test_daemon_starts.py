"""A daemon that cannot start says what is wrong, where, and what to do; with the exit code of the language page and no traceback."""

from __future__ import annotations

import os
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import small_project
from daemon_process import run, world

from engine.errors import UsageError
from engine.web.server import bind

ENVIRONMENT = {
    **os.environ,
    "MAIL_HOST": "127.0.0.1",
    "MAIL_PORT": "25",
    "DESK_URL": "http://desk.test",
    "DESK_TOKEN": "t-desk",
    "B24_URL": "http://portal.test",
    "B24_TOKEN": "t-crm",
    "HOOK_URL": "http://hook.test",
    "FEED_TOKEN": "t-feed",
}
ANYWHERE = ("--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")


@contextmanager
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


async def refused(root: Path, *arguments: str, without: str | None = None, code: int = 4) -> str:
    """The one line on stderr with which `sounding run` ends."""
    found = await run("run", *arguments, "-C", str(root), environment={k: v for k, v in ENVIRONMENT.items() if k != without})
    assert (found.code, found.out) == (code, ""), found.err
    assert "Traceback" not in found.err
    last = found.err.strip().splitlines()[-1]
    assert last.startswith(("sounding: ", "Error: ")), found.err
    return last


async def test_nothing_was_applied(tmp_path: Path) -> None:
    said = await refused(small_project.write(tmp_path), *ANYWHERE)
    assert said == (
        f"sounding: there is no store at {tmp_path}/.sounding/sounding.db: "
        "nothing is applied to this store yet. Run `sounding apply`, or `sounding run --apply`"
    )
    assert not (tmp_path / ".sounding").exists(), "to look for a store makes none"


async def test_a_port_is_in_use(tmp_path: Path) -> None:
    small_project.write(tmp_path)
    with taken_port() as port:
        for flag, other in (("--listen", "--admin"), ("--admin", "--listen")):
            said = await refused(tmp_path, "--apply", flag, f"127.0.0.1:{port}", other, "127.0.0.1:0")
            assert said == f"sounding: {flag} 127.0.0.1:{port}: Address already in use. Choose another port, or stop what uses this one"
    assert not (tmp_path / ".sounding").exists(), "nothing was touched"


async def test_an_address_is_none(tmp_path: Path) -> None:
    said = await refused(small_project.write(tmp_path), "--listen", "8080", "--admin", "127.0.0.1:0", code=2)
    assert said == "sounding: --listen 8080: write HOST:PORT, as 127.0.0.1:8080"


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.1:port", "127.0.0.1:99999", ":8080", "127.0.0.1:-1", ""])
def test_other_spellings_are_no_addresses_either(address: str) -> None:
    with pytest.raises(UsageError, match="write HOST:PORT"):
        bind(address, "--listen")


async def test_the_overview_would_be_open_to_everyone(tmp_path: Path) -> None:
    said = await refused(small_project.write(tmp_path), "--apply", "--admin", "0.0.0.0:0", code=2)
    assert "beyond loopback the overview needs a login" in said


async def test_customers_would_get_links_to_nowhere(tmp_path: Path) -> None:
    said = await refused(small_project.write(tmp_path), "--apply", "--listen", "0.0.0.0:0", "--admin", "127.0.0.1:0")
    assert "links to surveys need `public_url` in sounding.yaml" in said


@pytest.mark.parametrize("name", ["ADDRESS", "B24_URL", "HOOK_URL"])
@pytest.mark.parametrize("address", ["feedback.example.com", "ftp://example.com", "https://", "http://[", "/s"])
async def test_links_or_requests_would_lead_nowhere(tmp_path: Path, name: str, address: str) -> None:
    small_project.write(tmp_path, {"languages: [en]\n": "languages: [en]\npublic_url: {env: ADDRESS}\n"})
    environment = {**ENVIRONMENT, "ADDRESS": "https://feedback.example.com/shop", name: address}
    found = await run("run", "--apply", *ANYWHERE, "-C", str(tmp_path), environment=environment)
    place = {"ADDRESS": "project.public_url", "B24_URL": "connections.crm.url", "HOOK_URL": "connections.hook.url"}[name]
    assert (found.code, found.out) == (2, ""), found.err
    assert found.err == f"sounding: {place} must be an address that begins with https:// or http://, and a host\n"


async def test_a_link_cannot_be_put_behind_a_question(tmp_path: Path) -> None:
    small_project.write(tmp_path, {"languages: [en]\n": "languages: [en]\npublic_url: https://example.com/?page=\n"})
    said = await refused(tmp_path, "--apply", *ANYWHERE, code=2)
    assert said.startswith("sounding: project.public_url must end before `?` and `#`")


async def test_a_secret_is_not_there(tmp_path: Path) -> None:
    said = await refused(small_project.write(tmp_path), "--apply", *ANYWHERE, without="DESK_TOKEN")
    assert said == "sounding: connections.desk.token needs the environment variable DESK_TOKEN, which is not set"


async def test_the_file_of_a_secret_is_not_there(tmp_path: Path) -> None:
    small_project.write(tmp_path, {"token: {env: FEED_TOKEN}": "token: {file: secrets/feed}"})
    said = await refused(tmp_path, "--apply", *ANYWHERE)
    assert said == "sounding: connections.feed.token needs the file secrets/feed: No such file or directory"


async def test_the_project_is_invalid_and_nothing_is_applied(tmp_path: Path) -> None:
    small_project.write(tmp_path, {"survey: nps_delivery\naudience": "survey: nps_delivry\naudience"})
    found = await run("run", "--apply", *ANYWHERE, "-C", str(tmp_path), environment=ENVIRONMENT)
    assert (found.code, found.out) == (1, "")
    assert "automations/rules.yaml:" in found.err
    assert "nps_delivry" in found.err
    assert found.err.strip().splitlines()[-1] == "sounding: the project has errors; nothing was applied"
    assert not (tmp_path / ".sounding").exists()


async def test_there_is_no_project(tmp_path: Path) -> None:
    said = await refused(tmp_path, "--apply", *ANYWHERE, code=2)
    assert "sounding.yaml" in said


async def test_a_flag_is_misspelled(tmp_path: Path) -> None:
    assert "--aply" in await refused(small_project.write(tmp_path), "--aply", code=2)


async def test_the_store_is_none(tmp_path: Path) -> None:
    said = await refused(small_project.write(tmp_path), "--apply", "--store", "store.db", *ANYWHERE, code=2)
    assert said == "sounding: `store.db` is no store. Write sqlite:///PATH (relative) or sqlite:////PATH (absolute)"


async def test_the_store_cannot_be_written(tmp_path: Path) -> None:
    small_project.write(tmp_path)
    (tmp_path / "file").write_text("", encoding="utf-8")
    said = await refused(tmp_path, "--apply", "--store", f"sqlite:///{tmp_path}/file/store.db", *ANYWHERE)
    assert said.startswith(f"sounding: the store {tmp_path}/file/store.db cannot be opened: ")
    assert said.endswith("choose another place with --store")


async def test_the_store_is_some_other_file(tmp_path: Path) -> None:
    small_project.write(tmp_path)
    (tmp_path / "store.db").write_text("Dear diary,\n" * 1_000, encoding="utf-8")
    said = await refused(tmp_path, "--apply", "--store", f"sqlite:///{tmp_path}/store.db", *ANYWHERE)
    assert "file is not a database. Is it a Sounding store, in a folder that you may write to?" in said


async def test_the_store_is_of_a_newer_version(tmp_path: Path) -> None:
    small_project.write(tmp_path)
    with closing(sqlite3.connect(tmp_path / "store.db")) as db:
        db.execute("PRAGMA user_version = 99")
    said = await refused(tmp_path, "--apply", "--store", f"sqlite:///{tmp_path}/store.db", *ANYWHERE)
    assert "has format 99; this version of Sounding knows" in said
    assert said.endswith("Update Sounding")


async def test_another_daemon_has_the_store_and_goes_on_undisturbed(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        found = await made.daemon.run("run", "--apply", *ANYWHERE)
        assert found.code == 4
        assert f"the store {made.daemon.store} is in use by another process. Stop that one, or choose another store" in found.err
        assert "Traceback" not in found.err
        applied = await made.daemon.run("apply")  # by the control socket, which the second one must not have taken away
        assert (applied.code, applied.out) == (0, "deployment 1 is current already; nothing changed\n")


async def test_a_store_deep_in_the_file_system_is_no_obstacle(tmp_path: Path) -> None:
    deep = tmp_path / ("a" * 60) / ("b" * 60)
    deep.mkdir(parents=True)
    async with world(deep) as made:
        applied = await made.daemon.run("apply")
        assert (applied.code, applied.out) == (0, "deployment 1 is current already; nothing changed\n")


async def test_a_host_is_none_of_this_machine(tmp_path: Path) -> None:
    small_project.write(tmp_path)
    said = await refused(tmp_path, "--apply", "--listen", "no-such-host.invalid:8080", "--admin", "127.0.0.1:0")
    assert said.startswith("sounding: --listen no-such-host.invalid:8080: ")
    assert said.endswith(". Write an address of this machine, as 127.0.0.1, or 0.0.0.0 for all of them")
    said = await refused(tmp_path, "--apply", "--listen", "192.0.2.1:8080", "--admin", "127.0.0.1:0")
    assert "This machine has no such address" in said


async def test_an_empty_variable_is_not_called_unset(tmp_path: Path) -> None:
    found = await run("run", "--apply", *ANYWHERE, "-C", str(small_project.write(tmp_path)), environment={**ENVIRONMENT, "DESK_TOKEN": ""})
    assert found.err.strip().endswith("needs the environment variable DESK_TOKEN, which is empty")


async def test_the_store_is_another_programs_database_and_stays_as_it_is(tmp_path: Path) -> None:
    small_project.write(tmp_path)
    with closing(sqlite3.connect(tmp_path / "o.db")) as db:
        db.execute("CREATE TABLE other (a)")
    (tmp_path / "o.db").chmod(0o644)
    before = (tmp_path / "o.db").read_bytes()
    for verb in ("apply", "run"):
        found = await run(verb, "-C", str(tmp_path), "--store", f"sqlite:///{tmp_path}/o.db", environment=ENVIRONMENT)
        assert found.code == 4
        assert "is a database of another program; nothing was written into it. Choose another place with --store" in found.err
        assert (tmp_path / "o.db").read_bytes() == before
        assert (tmp_path / "o.db").stat().st_mode & 0o777 == 0o644
        assert [name for name in os.listdir(tmp_path) if name.startswith("o.db")] == ["o.db"]


ALONE = """\
project: shop
objects: {contact: {email: optional email}}
connections: {mail: {use: smtp, host: smtp.example.com, from: cx@shop.test}}
"""


def rewrite(root: Path, project: str) -> None:
    for path in root.rglob("*.yaml"):
        path.unlink()
    (root / "sounding.yaml").write_text(project, encoding="utf-8")


async def test_links_that_lead_nowhere_and_doors_that_are_missing_are_said_at_the_start(tmp_path: Path) -> None:
    async with world(tmp_path, started=False) as made:
        rewrite(tmp_path, ALONE)
        await made.daemon.start()
        assert "links in mail lead to this machine alone: set `public_url`" in made.daemon.log
        assert "nothing can come in" in made.daemon.log


async def test_a_project_that_lacks_nothing_starts_without_a_warning(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        assert "level=warning" not in made.daemon.log
