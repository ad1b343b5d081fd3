"""CIAM Desktop: sign in with Microsoft Entra External ID and keep to-dos, in a desktop window."""

__version__ = "0.1.0"
