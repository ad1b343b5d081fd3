"""Owns the control API, by which tests make the sandbox misbehave; nothing of it is loaded unless it is asked for."""
