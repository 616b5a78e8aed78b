"""Crowds of fake peers on real sockets, and what they measure. See load.py and bench.py, which use them."""
