"""Bridgehead: the extension between an MSP's host and its security vendors."""

__version__ = "0.1.0"
