"""Owns the list of the faults' kinds by name; a new kind is one class and one row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciam_desktop.sandbox.control import (
    faults_answer,
    faults_handshake,
    faults_response,
    faults_token,
    faults_transport,
)

if TYPE_CHECKING:
    from ciam_desktop.sandbox.control.fault import Fault

KINDS: dict[str, type[Fault]] = {
    "hang": faults_transport.Hang,
    "delay": faults_transport.Delay,
    "close": faults_transport.Close,
    "reset": faults_transport.Reset,
    "garbage": faults_transport.Garbage,
    "cut": faults_transport.Cut,
    "drip": faults_transport.Drip,
    "certificate": faults_handshake.Certificate,
    "status": faults_answer.Status,
    "oauth_error": faults_answer.OAuthError,
    "challenge": faults_answer.Challenge,
    "captive_portal": faults_answer.CaptivePortal,
    "redirect": faults_answer.Redirect,
    "big_body": faults_answer.BigBody,
    "deep_json": faults_answer.DeepJson,
    "content_type": faults_answer.ContentType,
    "headers": faults_answer.Headers,
    "truncated": faults_answer.Truncated,
    "encoding": faults_answer.Encoding,
    "merge_patch": faults_answer.MergePatch,
    "duplicate_member": faults_answer.DuplicateMember,
    "key_patch": faults_answer.KeyPatch,
    "twin_key": faults_answer.TwinKey,
    "token_claims": faults_token.TokenClaims,
    "token_header": faults_token.TokenHeader,
    "token_algorithm": faults_token.TokenAlgorithm,
    "token_signature": faults_token.TokenSignature,
    "token_payload": faults_token.TokenPayload,
    "token_text": faults_token.TokenText,
    "other_person": faults_token.OtherPerson,
    "other_client_info": faults_token.OtherClientInfo,
    "response_parameter": faults_response.ResponseParameter,
    "response_duplicate": faults_response.ResponseDuplicate,
    "response_error": faults_response.ResponseError,
    "response_mode": faults_response.ResponseMode,
    "response_path": faults_response.ResponsePath,
    "response_twice": faults_response.ResponseTwice,
    "code_of_nobody": faults_response.CodeOfNobody,
}
