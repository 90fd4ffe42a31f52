"""`-C` and `--format` are taken by verbs that need neither, so that a script can give them to each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from engine.cli.main import cli
from engine.dsl.source import find_names
from engine.errors import UsageError


def test_schema_takes_a_project_and_a_format(tmp_path: Path) -> None:
    printed = [CliRunner().invoke(cli, ["schema", "survey", *more]) for more in ([], ["-C", str(tmp_path), "--format", "json"])]
    assert [done.exit_code for done in printed] == [0, 0]
    assert json.loads(printed[0].stdout) == json.loads(printed[1].stdout)


def test_a_project_named_by_its_file_is_told_to_name_the_folder(tmp_path: Path) -> None:
    (tmp_path / "sounding.yaml").write_text("project: shop\nlanguages: [en]\n", encoding="utf-8")
    with pytest.raises(UsageError, match="is a file: a project is a folder"):
        find_names(tmp_path / "sounding.yaml")
