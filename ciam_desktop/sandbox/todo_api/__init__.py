"""Owns the protected ToDo API, which knows the tenant over HTTPS only."""
