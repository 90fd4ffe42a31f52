"""Ingest, turns, claims, results, time and crashes in any order: what always holds, holds after each step."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from store_machine import StoreMachine

TestStoreMachine = StoreMachine.TestCase
TestStoreMachine.settings = settings(
    max_examples=20, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
