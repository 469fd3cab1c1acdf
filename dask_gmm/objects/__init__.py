"""Bytes under addresses: object stores and whatever else has a URL."""
