"""Makes the modules in `support` importable by their plain names; tests themselves are no packages."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is no fault of the code: nothing in these tests depends on how long it takes.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
sys.path.insert(0, str(Path(__file__).parent / "support"))

if os.environ.get("SOUNDING_NO_SKIP"):

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """In CI everything that a test needs was installed before, so a test that is skipped is a test that is lost."""
        report = yield
        if report.skipped and not hasattr(report, "wasxfail"):
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid} was skipped where nothing may be skipped: {report.longrepr}"
        return report
