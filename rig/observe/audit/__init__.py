"""Readers for an audit of stores in production: each request is small, and waits follow it."""
