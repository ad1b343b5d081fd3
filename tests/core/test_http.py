"""The HTTP client against real servers: whom it trusts, what it follows, and when it gives up."""

from __future__ import annotations

import gzip
import json
import queue
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ciam_desktop.core.errors import NetworkError
from ciam_desktop.core.http import HttpClient
from tests.doubles.https_server import HttpsServer, ProxyServer, Reply, Request, ca_file


def hello(_request: Request) -> Reply:
    return Reply(body=b'{"hello": "you"}')


@pytest.fixture
def server() -> Iterator[HttpsServer]:
    with HttpsServer(hello) as running:
        yield running


@pytest.fixture
def client(tmp_path: Path) -> Iterator[HttpClient]:
    made = HttpClient(ca_file(tmp_path), only=True)
    yield made
    made.close()


def failure(client: HttpClient, url: str, **options: float) -> NetworkError:
    with pytest.raises(NetworkError) as caught:
        client.send("GET", url, **options)  # type: ignore[arg-type]  # read_seconds or limit
    return caught.value


def test_a_server_of_the_one_trusted_authority_is_read_to_its_end(server: HttpsServer, client: HttpClient) -> None:
    answer = client.send("POST", f"{server.url}/path", data=b"sent", headers={"X-Own": "1"}, params={"q": "1"})
    assert (answer.status, answer.json()) == (200, {"hello": "you"})
    assert answer.headers["content-type"] == "application/json"
    (request,) = server.requests
    assert (request.method, request.target, request.body) == ("POST", "/path?q=1", b"sent")
    assert request.headers["x-own"] == "1"
    assert request.headers["user-agent"] == "ciam-desktop"


def test_a_server_of_another_authority_is_refused_and_sees_no_request(client: HttpClient) -> None:
    with HttpsServer(hello, signed_by="another") as server:
        error = failure(client, server.url)
    assert error.reason == "certificate"
    assert str(error).startswith("The certificate of localhost was issued by another, which this computer does not ")
    assert server.requests == []


def test_a_certificate_for_another_name_is_refused(client: HttpClient) -> None:
    with HttpsServer(hello, host="elsewhere.example") as server:
        error = failure(client, f"https://localhost:{server.port}/")
    assert error.reason == "certificate of another"
    assert " is that of elsewhere.example; " in str(error)
    assert server.requests == []


def test_only_means_that_the_systems_own_authorities_are_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file(tmp_path, "system")))
    client = HttpClient(ca_file(tmp_path), only=True)
    with HttpsServer(hello, signed_by="system") as server:
        assert failure(client, server.url).reason == "certificate"
    client.close()


@pytest.mark.parametrize("signed_by", ["system", "extra"])
def test_an_extra_authority_is_trusted_besides_the_systems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signed_by: str
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file(tmp_path, "system")))
    client = HttpClient(ca_file(tmp_path, "extra"))
    with HttpsServer(hello, signed_by=signed_by) as server:
        assert client.send("GET", server.url).status == 200
        client.close()


def test_without_an_extra_authority_a_private_one_is_refused() -> None:
    plain = HttpClient()
    with HttpsServer(hello) as server:
        assert failure(plain, server.url).reason == "certificate"
    plain.close()


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_environment_variables_of_other_tools_add_no_trust(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client: HttpClient, name: str
) -> None:
    monkeypatch.setenv(name, str(ca_file(tmp_path, "theirs")))
    with HttpsServer(hello, signed_by="theirs") as server:
        assert failure(client, server.url).reason == "certificate"


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_environment_variables_of_other_tools_take_no_trust_away(
    monkeypatch: pytest.MonkeyPatch, server: HttpsServer, client: HttpClient, name: str
) -> None:
    monkeypatch.setenv(name, "/nowhere/bundle.pem")
    assert client.send("GET", server.url).status == 200


def test_a_netrc_in_the_home_folder_is_not_read(home: Path, server: HttpsServer, client: HttpClient) -> None:
    (home / ".netrc").write_text("machine localhost login user1 password planted\n")
    (home / ".netrc").chmod(0o600)
    client.send("GET", server.url)
    assert "authorization" not in server.requests[0].headers


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_returned_and_the_other_host_never_asked(client: HttpClient, status: int) -> None:
    with HttpsServer(hello) as other:
        moved = Reply(status, (("Location", f"{other.url}/stolen"),))
        with HttpsServer(lambda _request: moved) as server:
            headers = {"Authorization": "Bearer planted-token"}
            answer = client.send("POST", server.url, headers=headers, data={"code": "planted-code"})
        assert (answer.status, len(server.requests), other.requests) == (status, 1, [])


@pytest.mark.parametrize("location", ["http://[", "file:///etc/passwd", "//\\@x", "https://a b/", "\x7f", ""])
def test_a_redirect_to_nonsense_is_an_answer_like_any_other(client: HttpClient, location: str) -> None:
    with HttpsServer(lambda _request: Reply(302, (("Location", location),))) as server:
        assert client.send("GET", server.url).status == 302


def test_cookies_are_not_kept(client: HttpClient) -> None:
    cookie = Reply(headers=(("Set-Cookie", "sid=planted; Path=/"),))
    with HttpsServer(lambda _request: cookie) as server:
        client.send("GET", server.url)
        client.send("GET", server.url)
    assert all("cookie" not in request.headers for request in server.requests)


@pytest.mark.parametrize("status", [200, 302, 404, 500])
@pytest.mark.parametrize("compressed", [False, True])
def test_a_body_beyond_the_limit_ends_the_request(client: HttpClient, status: int, compressed: bool) -> None:
    body, headers = b"x" * 3_000_000, [("Location", "https://elsewhere.example/")]
    if compressed:
        body, headers = gzip.compress(body), [*headers, ("Content-Encoding", "gzip")]
    with HttpsServer(lambda _request: Reply(status, tuple(headers), body)) as server:
        error = failure(client, server.url, limit=1_000_000)
    assert (error.reason, str(error)) == ("too large", "The answer of localhost is too large.")


def test_a_body_of_exactly_the_limit_is_read(client: HttpClient) -> None:
    with HttpsServer(lambda _request: Reply(body=b"x" * 1000)) as server:
        assert len(client.send("GET", server.url, limit=1000).body) == 1000


def test_a_chunked_and_a_compressed_body_come_out_whole(client: HttpClient) -> None:
    packed = gzip.compress(json.dumps(["ü"] * 1000).encode())
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(packed[i : i + 7]), packed[i : i + 7]) for i in range(0, len(packed), 7))
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n"
    with HttpsServer(lambda _request: Reply(raw=head + chunks + b"0\r\n\r\n")) as server:
        assert client.send("GET", server.url).json() == ["ü"] * 1000


BROKEN_OFF = ("broken off", "localhost broke the connection off before its answer was complete.")
NO_HTTP = ("protocol", "localhost answered with something that is not HTTP.")


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", BROKEN_OFF),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", BROKEN_OFF),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", BROKEN_OFF),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd", NO_HTTP),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70000 + b"\r\n\r\n", NO_HTTP),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n", NO_HTTP),
        (b"\x16\x03\x01 not HTTP at all\r\n\r\n", NO_HTTP),
        (b"", BROKEN_OFF),
    ],
    ids=["cut", "cut chunk", "bad chunk", "no gzip", "long header", "many headers", "no HTTP", "nothing"],
)
def test_a_broken_answer_is_told_as_such(client: HttpClient, raw: bytes, told: tuple[str, str]) -> None:
    with HttpsServer(lambda _request: Reply(raw=raw)) as server:
        error = failure(client, f"{server.url}/?code=planted-code")
    assert (error.reason, str(error)) == told


def test_a_server_that_does_not_answer_is_given_up_after_the_read_time_out(client: HttpClient) -> None:
    begun = time.monotonic()
    with HttpsServer(lambda _request: Reply(drip=30.0)) as server:
        error = failure(client, server.url, read_seconds=0.2)
    assert (error.reason, str(error)) == ("timeout", "localhost did not answer in time.")
    assert time.monotonic() - begun < 5


def test_a_body_that_drips_on_and_on_is_given_up(tmp_path: Path) -> None:
    client = HttpClient(ca_file(tmp_path), only=True, body_seconds=0.3)
    endless = Reply(body=b"x" * 10_000, drip=0.005)
    begun = time.monotonic()
    with HttpsServer(lambda _request: endless) as server:
        error = failure(client, server.url, read_seconds=2.0)
    client.close()
    assert error.reason == "timeout"
    assert time.monotonic() - begun < 5


def test_a_port_where_nobody_listens_is_told_as_such(client: HttpClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    error = failure(client, f"https://127.0.0.1:{port}/")
    assert (error.reason, str(error)) == ("refused", "Nothing answers at 127.0.0.1.")


def test_a_name_that_nobody_knows_is_told_as_such(client: HttpClient) -> None:
    error = failure(client, "https://no-such-host.invalid/")
    assert (error.reason, error.host) == ("dns", "no-such-host.invalid")


@pytest.mark.parametrize("url", ["https://" + "a" * 70 + ".example/", "https://.example/", "https:///", "gopher://x/"])
def test_an_impossible_address_is_a_network_error(client: HttpClient, url: str) -> None:
    assert failure(client, url).reason


@pytest.mark.parametrize("value", ["Bearer plan\nted", "Bearer plan\u2019ted"])
def test_a_header_that_cannot_be_sent_is_a_network_error_without_its_value(
    server: HttpsServer, client: HttpClient, value: str
) -> None:
    with pytest.raises(NetworkError) as caught:
        client.send("GET", server.url, headers={"Authorization": value})
    assert "plan" not in str(caught.value)
    assert caught.value.__suppress_context__
    assert server.requests == []


def test_a_plain_text_server_behind_an_https_address_is_told_as_such(client: HttpClient) -> None:
    with HttpsServer(hello, tls=False) as server:
        assert str(failure(client, f"https://localhost:{server.port}/")).startswith("localhost does not speak https")


def test_a_connection_that_was_dropped_meanwhile_is_made_anew(server: HttpsServer, client: HttpClient) -> None:
    assert client.send("GET", server.url).status == 200
    server.drop_connections()
    assert client.send("GET", server.url).status == 200


def test_a_request_that_was_sent_is_never_sent_again(client: HttpClient) -> None:
    with HttpsServer(lambda _request: Reply(raw=b"")) as server:
        assert failure(client, server.url).reason == "broken off"
    assert len(server.requests) == 1


def test_a_proxy_of_the_environment_carries_requests_to_other_hosts(
    monkeypatch: pytest.MonkeyPatch, client: HttpClient
) -> None:
    with HttpsServer(hello, host="api.contoso.example") as server, ProxyServer(server.port) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        headers = {"Authorization": "Bearer planted-token"}
        assert client.send("GET", "https://api.contoso.example/", headers=headers).json() == {"hello": "you"}
        client.close()
    (head,) = proxy.heads
    assert head.startswith("CONNECT api.contoso.example:443 ")
    assert "planted-token" not in head


def test_a_proxy_is_not_trusted_in_place_of_the_server(monkeypatch: pytest.MonkeyPatch, client: HttpClient) -> None:
    with HttpsServer(hello, host="another.example") as server, ProxyServer(server.port) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        error = failure(client, "https://api.contoso.example/")
    assert error.reason == "certificate of another"
    assert " is that of another.example; " in str(error)
    assert len(proxy.heads) == 2, "the certificate is looked at through the proxy, too"
    assert server.requests == []


def test_a_proxy_that_refuses_is_told_as_such(monkeypatch: pytest.MonkeyPatch, client: HttpClient) -> None:
    with HttpsServer(lambda _request: Reply(407), tls=False) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user1:planted@127.0.0.1:{proxy.port}")
        error = failure(client, "https://api.contoso.example/")
    told = f"The proxy 127.0.0.1:{proxy.port} wants a user name and password before it connects to api.contoso.example."
    assert (error.reason, str(error)) == ("proxy sign-in", told)
    assert "planted" not in repr(vars(error))


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "[::1]", "app.localhost"])
def test_loopback_never_goes_through_a_proxy(monkeypatch: pytest.MonkeyPatch, client: HttpClient, host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with HttpsServer(lambda _request: Reply(502), tls=False) as proxy:
        for name in ("HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        failure(client, f"https://{host}:{port}/")
    assert proxy.requests == []


def test_no_proxy_is_obeyed(monkeypatch: pytest.MonkeyPatch, client: HttpClient) -> None:
    with HttpsServer(lambda _request: Reply(502), tls=False) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "no-such-host.invalid")
        assert failure(client, "https://no-such-host.invalid/").reason == "dns"
    assert proxy.requests == []


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff\xfe", b"[" * 100_000, b'{"a":' + b"9" * 5000 + b"}"])
def test_a_body_that_is_no_json_says_so_in_one_way(client: HttpClient, body: bytes) -> None:
    with HttpsServer(lambda _request: Reply(body=body)) as server:
        answer = client.send("GET", server.url)
    with pytest.raises(ValueError, match=r"."):
        answer.json()


def test_an_answers_repr_shows_nothing_of_it(client: HttpClient) -> None:
    planted = Reply(headers=(("X-Planted", "planted"),), body=b"planted")
    with HttpsServer(lambda _request: planted) as server:
        assert repr(client.send("GET", server.url)) == "Answer(status=200)"


@pytest.mark.parametrize("reply", [Reply(drip=60.0), Reply(body=b"x" * 1000, drip=0.01)], ids=["hangs", "drips"])
def test_an_interrupt_ends_what_waits_and_nothing_that_follows(client: HttpClient, reply: Reply) -> None:
    failed: queue.SimpleQueue[NetworkError] = queue.SimpleQueue()
    asked = threading.Event()

    def slowly(_request: Request) -> Reply:
        asked.set()
        return reply

    with HttpsServer(hello) as other, HttpsServer(slowly) as slow:
        assert client.send("GET", other.url).status == 200  # and its connection is kept
        thread = threading.Thread(target=lambda: failed.put(failure(client, slow.url)))
        thread.start()
        assert asked.wait(10)
        client.interrupt()
        assert failed.get(timeout=10).reason in {"broken off", "tls"}
        thread.join(10)
        assert client.send("GET", other.url).status == 200
