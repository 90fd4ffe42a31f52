"""Where the project is, and which of its environments: said before the verb, behind it, by variables."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from marked import PROJECT, SURVEY

from engine.cli.main import main
from engine.dsl.environments import in_environment
from engine.dsl.load import load
from engine.errors import UsageError
from engine.messages.compose import NoAddressError, step_request
from engine.model.delivery import EmailRequest

ENVIRONMENTS = 'environments: {staging: {only_to: ["*@acme.test"], connections: {mail: {host: localhost, port: 2525}}}}\n'
MAILS = """---
automation: thank
when: survey.nps.answered
then:
  - email: {subject: Thank you, body: "{{ contact.name }}"}
  - email: {subject: Look, body: Look, to: "boss@{{ contact.name }}"}
"""


def project(folder: Path, name: str) -> Path:
    root = folder / name
    root.mkdir()
    (root / "sounding.yaml").write_text(PROJECT.replace("acme\n", f"{name}\n") + ENVIRONMENTS + SURVEY + MAILS, encoding="utf-8")
    return root


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> int:
    monkeypatch.setattr(sys, "argv", ["sounding", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_a_project_is_named_before_or_behind_the_verb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    good, nowhere = project(tmp_path, "good"), tmp_path / "nowhere"
    ways: list[tuple[str | Path, ...]] = [
        ("-C", good, "validate"),
        ("validate", "-C", good),
        ("validate", good),
        ("-C", nowhere, "validate", "-C", good),
        ("-C", nowhere, "validate", good),
    ]
    assert [call(monkeypatch, *way) for way in ways] == [0] * len(ways)
    assert capsys.readouterr().out == "1 file: no findings\n" * len(ways)
    monkeypatch.setenv("SOUNDING_PROJECT", str(nowhere))
    assert call(monkeypatch, "-C", good, "validate") == 0  # a flag beats the variable
    assert call(monkeypatch, "validate") == 2
    monkeypatch.setenv("SOUNDING_PROJECT", str(good))
    monkeypatch.setenv("SOUNDING_FORMAT", "json")
    capsys.readouterr()
    assert call(monkeypatch, "validate") == 0
    assert json.loads(capsys.readouterr().out) == {"diagnostics": [], "files": 1}


def test_an_environment_that_is_none_is_refused_with_the_nearest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = project(tmp_path, "good")
    assert call(monkeypatch, "validate", "--env", "staging", root) == 0
    for verb in ("validate", "apply"):
        assert call(monkeypatch, verb, "--env", "stagin", root) == 2
        assert "no environment `stagin`; did you mean `staging`?" in capsys.readouterr().err
    monkeypatch.setenv("SOUNDING_ENV", "nightly")
    assert call(monkeypatch, "validate", root) == 2
    assert call(monkeypatch, "run", root) == 2


def test_an_environment_says_what_differs_and_nothing_else(tmp_path: Path) -> None:
    definitions = load(project(tmp_path, "good")).definitions
    assert definitions is not None
    assert in_environment(definitions, None) is definitions
    staging = in_environment(definitions, "staging").project
    usual = definitions.project.connections["mail"].settings
    assert staging.connections["mail"].settings == {**usual, "host": "localhost", "port": 2525}
    assert staging.connections["desk"] == definitions.project.connections["desk"]
    assert (definitions.project.only_to, staging.only_to) == ((), ("*@acme.test",))
    with pytest.raises(UsageError, match="no environment `x`"):
        in_environment(definitions, "x")


@pytest.mark.parametrize(
    ("step", "address", "name", "sent_to"),
    [
        (0, "ada@acme.test", "Ada", "ada@acme.test"),
        (0, "Ada@ACME.test", "Ada", "Ada@ACME.test"),
        (0, "ada@elsewhere.test", "Ada", None),
        (1, "ada@elsewhere.test", "acme.test", "boss@acme.test"),
        (1, "ada@acme.test", "elsewhere.test", None),
        (1, "ada@acme.test", "no domain", None),
    ],
)
def test_nobody_is_written_to_but_whom_the_environment_admits(
    tmp_path: Path, step: int, address: str, name: str, sent_to: str | None
) -> None:
    definitions = load(project(tmp_path, "good")).definitions
    assert definitions is not None
    staging = in_environment(definitions, "staging")
    scope = {"contact": {"name": name, "email": address}}
    if sent_to is None:
        with pytest.raises(NoAddressError, match=r"only_to|no e-mail address"):
            step_request(staging, staging.automations["thank"].then[step], scope, "k")
    else:
        request = step_request(staging, staging.automations["thank"].then[step], scope, "k")
        assert isinstance(request, EmailRequest)
        assert request.to == sent_to


def test_an_entry_of_the_catalogue_is_printed_as_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(monkeypatch, "explain", "SND304", "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["title"] == "unlike types"


def test_a_new_project_is_written_where_the_option_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "-C", tmp_path / "new", "init", "--format", "json") == 0
    written = json.loads(capsys.readouterr().out)
    assert all((tmp_path / "new" / name).is_file() for name in written["files"])
    assert call(monkeypatch, "validate", tmp_path / "new") == 0


def test_a_format_in_the_environment_counts_for_the_verbs_that_print_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for format_ in ("sarif", "github", "junit"):
        monkeypatch.setenv("SOUNDING_FORMAT", format_)
        assert call(monkeypatch, "explain", "SND304") == 0
    monkeypatch.setenv("SOUNDING_FORMAT", "sarf")
    assert call(monkeypatch, "explain", "SND304") == 2
    monkeypatch.delenv("SOUNDING_FORMAT")
    assert call(monkeypatch, "explain", "SND304", "--format", "sarif") == 2
