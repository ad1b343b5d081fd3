"""Owns the local external tenant: an OpenID provider laid out like Microsoft Entra External ID."""
