"""Bridges: found, enrolled, given work in balance, and replaced when they are lost."""
