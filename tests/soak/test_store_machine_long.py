"""The machine of `tests/unit/runtime/test_store_machine.py`, for longer."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from store_machine import StoreMachine

TestStoreMachine = pytest.mark.soak(StoreMachine.TestCase)
TestStoreMachine.settings = settings(
    max_examples=300, stateful_step_count=80, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
