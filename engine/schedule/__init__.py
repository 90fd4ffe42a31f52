"""Durations, time zones and calendars."""
