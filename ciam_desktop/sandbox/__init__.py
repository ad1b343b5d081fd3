"""Owns the sandbox: a local external tenant and a protected ToDo API, in a process of their own."""
