"""Definitions → decision function: which rules an event fires, whatever their number."""

from engine.rules.compile.ruleset import Candidate, Rule, RuleSet

__all__ = ["Candidate", "Rule", "RuleSet"]
