"""Kinds of penalties: functions of a whole batch that are added to a loss."""
