"""Axenix Conference: online meetings on a machine of your own."""

__version__ = "0.1.0"
