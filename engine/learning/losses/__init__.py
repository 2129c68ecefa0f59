"""Kinds of losses: functions of a network's outputs and the target, built from settings."""
