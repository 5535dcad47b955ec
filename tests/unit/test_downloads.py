"""Downloads that go wrong, caused on purpose against a server on loopback.

After every one of them: one sentence that says what to do, and a cache with nothing half-written in it.
"""

import contextlib
import errno
import hashlib
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from helpers.checks import LessonError
from helpers.data import downloads, load_ratings, movielens
from helpers.data.downloads import Archive
from tests.builders import ROWS, make_zip

GOOD = make_zip({"ml-100k/u.data": ROWS})


class Handler(BaseHTTPRequestHandler):
    """The first part of the path says how to behave."""

    def do_GET(self):
        body, how = self.server.body, urlsplit(self.path).path.split("/")[1]  # a proxy is asked for the whole address
        self.server.requests.append(self.path)
        if how.isdigit():
            self.send_error(int(how))
            return
        half = body[: len(body) // 2]
        first = len(self.server.requests) == 1
        sent = {"wrong": bytes(len(body)), "endless": body + bytes(1 << 20), "portal": b"<html>Please log in</html>"}
        self.send_response(200)
        if how not in ("unannounced", "endless"):
            self.send_header("Content-Length", str(len(sent.get(how, body))))
        self.end_headers()
        cut = how in ("cut", "unannounced") or (how == "once" and first)
        with contextlib.suppress(OSError):  # a client that has heard enough hangs up
            self.wfile.write(half if cut or how == "slow" else sent.get(how, body))
            if how == "slow":
                self.wfile.flush()
                self.server.halfway.set()
                self.server.go_on.wait(30)
                self.wfile.write(body[len(half) :])

    def log_message(self, *args):
        pass


@contextlib.contextmanager
def serving(body: bytes, tls: ssl.SSLContext | None = None):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.body, server.requests, server.halfway, server.go_on = body, [], threading.Event(), threading.Event()
    server.handle_error = lambda *args: None  # a client that refuses the certificate is no news
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    server.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
    try:
        yield server
    finally:
        server.go_on.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch):
    for name in ("MOVIELENS_DIR", "MOVIELENS_URL", "EPOCH_CACHE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(movielens, "HOME", "http://127.0.0.1:9")  # never the real address
    publish(monkeypatch, GOOD)


def publish(monkeypatch, body: bytes) -> None:
    """Make `body` the published ml-100k."""
    monkeypatch.setitem(movielens.SETS, "ml-100k", Archive("ml-100k.zip", len(body), hashlib.sha256(body).hexdigest()))


@pytest.fixture
def server():
    with serving(GOOD) as server:
        yield server


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def refused(cache: Path, mirror: str | None, words: str) -> str:
    """Load and fail: the error is one sentence without a chain of causes, says what else to do, and leaves no trace."""
    with pytest.raises(LessonError, match=words) as caught:
        load_ratings("ml-100k", cache=cache, mirror=mirror)
    text = str(caught.value)
    assert "\n" not in text and text.endswith(".") and len(text) < 500
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    if "mirror must be" not in text:
        assert "load_ratings()" in text and "mirror=" in text and "folder" in text
    assert not cache.is_dir() or os.listdir(cache) == []
    return text


def test_a_download_that_works_is_kept_and_not_repeated(server, cache, capfd):
    ratings = load_ratings("ml-100k", cache=cache, mirror=server.url + "/ok")
    assert len(ratings) == 4_000 and ratings.name == "ml-100k"
    assert os.listdir(cache) == ["ml-100k.zip"]
    progress = capfd.readouterr().err
    assert re.search(rf"ml-100k\.zip: .*/{len(GOOD) / 1_000:.1f}k \[.*B/s\]", progress) and progress.endswith("\r")
    load_ratings("ml-100k", cache=cache, mirror="http://127.0.0.1:9")
    assert server.requests == ["/ok/ml-100k.zip"]


def test_the_mirror_may_stand_in_the_environment(server, cache, monkeypatch):
    monkeypatch.setenv("MOVIELENS_URL", server.url + "/ok/")
    assert len(load_ratings("ml-100k", cache=cache)) == 4_000
    assert server.requests == ["/ok/ml-100k.zip"]


def test_a_folder_of_movielens_spares_the_download(tmp_path, cache, monkeypatch):
    (tmp_path / "ml-100k").mkdir()
    (tmp_path / "ml-100k" / "u.data").write_text(ROWS)
    monkeypatch.setenv("MOVIELENS_DIR", str(tmp_path))
    assert len(load_ratings("ml-100k", cache=cache)) == 4_000 and not cache.exists()


def test_a_folder_for_downloads_may_stand_in_the_environment(server, tmp_path, monkeypatch):
    assert "epoch-by-epoch" in downloads.cache_folder().parts  # without the variable: ours among the system's
    monkeypatch.setenv("EPOCH_CACHE", str(tmp_path / "not yet" / "kept"))
    load_ratings("ml-100k", mirror=server.url + "/ok")
    assert os.listdir(tmp_path / "not yet" / "kept") == ["ml-100k.zip"]
    load_ratings("ml-100k", cache=tmp_path / "named", mirror=server.url + "/ok")  # the argument before the variable
    assert len(server.requests) == 2


def test_a_proxy_named_in_the_environment_is_used(server, cache, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", server.url)
    assert len(load_ratings("ml-100k", cache=cache, mirror="http://no-such-host.invalid/ok")) == 4_000
    assert server.requests == ["http://no-such-host.invalid/ok/ml-100k.zip"]


@pytest.mark.fault("one sentence: what a cache is")
@pytest.mark.parametrize("wrong", [3, ["cache"], True], ids=repr)
def test_a_cache_that_is_not_a_folder(wrong):
    with pytest.raises(LessonError, match=re.escape(f"cache must be the path of a folder; you gave {wrong!r}.")):
        load_ratings("ml-100k", cache=wrong)


@pytest.mark.fault("one sentence: the folder cannot be used")
def test_a_cache_with_a_name_that_no_system_takes(server):
    with pytest.raises(LessonError, match=r"The cache folder .* cannot be used") as caught:
        load_ratings("ml-100k", cache="x" * 5_000, mirror=server.url + "/ok")
    assert len(str(caught.value)) < 500


@pytest.mark.fault("one sentence: the address, and what else to do; nothing left in the cache")
def test_nobody_answers(cache):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    refused(
        cache,
        f"http://127.0.0.1:{port}",
        f"127.0.0.1:{port} cannot be reached for ml-100k.zip: check the network .a proxy is named by HTTPS_PROXY",
    )


@pytest.mark.fault("one sentence: what an address looks like; no connection is made")
@pytest.mark.parametrize(
    "mirror",
    [
        "example.org/ml",
        "file:///etc",
        "ftp://127.0.0.1",
        "https://",
        pytest.param("http://[::1", id="half an address"),
        5,
    ],
)
def test_a_mirror_that_is_no_address(cache, mirror):
    words = f"A mirror must be an address such as https://example.org/movielens; you gave {mirror!r}."
    refused(cache, mirror, re.escape(words))


@pytest.mark.fault("one sentence with the server's answer; nothing left in the cache")
@pytest.mark.parametrize("status, reason", [(404, "Not Found"), (500, "Internal Server Error"), (403, "Forbidden")])
def test_the_server_says_no(server, cache, status, reason):
    refused(cache, f"{server.url}/{status}", rf"has no ml-100k.zip to give \(it answered {status} {reason}\)")
    assert len(server.requests) == 1


@pytest.mark.fault("one sentence: thrown away, because its SHA-256 differs")
def test_another_file_under_the_same_name(server, cache):
    refused(
        cache, server.url + "/wrong", r"is not the published ml-100k.zip \(its SHA-256 differs\), so it was thrown away"
    )


@pytest.mark.fault("one sentence: how much came of how much; thrown away")
def test_a_log_in_page_instead_of_the_archive(server, cache):
    refused(cache, server.url + "/portal", r"sent 26 of the [\d,]+ bytes of ml-100k.zip, so it was thrown away")


@pytest.mark.fault("a few attempts, then one sentence; nothing left in the cache")
def test_no_message_gives_a_password_away(server, cache):
    address = server.url.replace("://", "://me:secret@")
    for how in ("wrong", "404", "cut", "portal"):
        assert "secret" not in refused(cache, f"{address}/{how}", "127.0.0.1")


def test_a_leftover_that_vanishes_while_it_is_looked_at(server, cache, monkeypatch):
    (cache / ".download-of-another").mkdir(parents=True)

    def gone(folder):
        raise FileNotFoundError(folder)

    monkeypatch.setattr(downloads.Path, "iterdir", gone)
    downloads._sweep(cache)


def test_the_connection_breaks_off(server, cache):
    refused(cache, server.url + "/cut", "broke off in the middle of ml-100k.zip")
    assert len(server.requests) == downloads.ATTEMPTS


@pytest.mark.fault("one sentence: how much came of how much; thrown away")
def test_the_archive_is_truncated_without_a_word(server, cache):
    refused(cache, server.url + "/unannounced", r"sent [\d,]+ of the [\d,]+ bytes")
    assert len(server.requests) == downloads.ATTEMPTS


@pytest.mark.fault("a few attempts, then one sentence; nothing left in the cache")
def test_the_server_falls_silent(server, cache, monkeypatch):
    monkeypatch.setattr(downloads, "TIMEOUT", 0.5)
    refused(cache, server.url + "/slow", "cannot be reached for ml-100k.zip")
    assert len(server.requests) == downloads.ATTEMPTS


@pytest.mark.fault("nothing: the second attempt brings the ratings")
def test_a_connection_that_breaks_off_once_is_tried_again(server, cache):
    assert len(load_ratings("ml-100k", cache=cache, mirror=server.url + "/once")) == 4_000
    assert len(server.requests) == 2 and os.listdir(cache) == ["ml-100k.zip"]


@pytest.mark.fault("one sentence: stopped at the published size")
def test_a_source_that_does_not_stop_sending(server, cache):
    refused(cache, server.url + "/endless", "sends more than the .* bytes that ml-100k.zip has, so it was stopped")


@pytest.mark.fault("the ratings; nothing is ever unpacked")
@pytest.mark.parametrize(
    "name", ["../evil.txt", "/etc/evil", "ml-100k/../../evil", "..\\evil", "C:\\evil", "\\\\host\\evil"]
)
def test_a_member_that_would_escape_its_folder(cache, monkeypatch, name):
    evil = make_zip({"ml-100k/u.data": ROWS, name: "evil"})
    publish(monkeypatch, evil)
    with serving(evil) as server:
        assert len(load_ratings("ml-100k", cache=cache, mirror=server.url + "/ok")) == 4_000
    assert not list(cache.parent.rglob("evil*"))


@pytest.mark.fault("one sentence with the size that is claimed")
def test_a_member_that_claims_ten_gigabytes(cache, monkeypatch):
    absurd = make_zip({"ml-100k/u.data": ROWS}, claim=10**10)
    publish(monkeypatch, absurd)
    with serving(absurd) as server:
        refused(cache, server.url + "/ok", r"holds a file that claims 10 GB \('ml-100k/u.data'\)")


@pytest.mark.fault("one sentence: damaged, or no zip archive")
def test_a_published_file_that_is_no_zip(cache, monkeypatch):
    publish(monkeypatch, b"not a zip")
    with serving(b"not a zip") as server:
        refused(cache, server.url + "/ok", "ml-100k.zip is damaged or not a zip archive")


@pytest.mark.fault("nothing: it is fetched again")
def test_a_cached_archive_that_went_bad_is_fetched_anew(server, cache):
    cache.mkdir()
    (cache / "ml-100k.zip").write_bytes(GOOD[:-1] + b"?")
    assert len(load_ratings("ml-100k", cache=cache, mirror=server.url + "/ok")) == 4_000
    assert (cache / "ml-100k.zip").read_bytes() == GOOD


@pytest.mark.fault("one sentence; the bad archive is gone")
def test_a_cached_archive_that_went_bad_does_not_outlive_a_failed_download(server, cache):
    cache.mkdir()
    (cache / "ml-100k.zip").write_bytes(GOOD[:-1] + b"?")
    refused(cache, server.url + "/404", "answered 404")


@pytest.mark.fault("one sentence: the folder cannot be used; the file stays as it was")
def test_the_cache_is_a_file(server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cache").write_text("in the way")
    refused(Path("cache", "deeper"), server.url + "/ok", "The cache folder 'cache.+deeper' cannot be used")
    assert (tmp_path / "cache").read_text() == "in the way" and server.requests == []


@pytest.mark.fault("one sentence: the folder cannot be used, and why")
def test_the_cache_may_not_be_written(server):
    if not hasattr(os, "seteuid"):
        pytest.skip("Windows grants rights in another way")
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o555)
    user = os.geteuid()
    try:
        if user == 0:  # who may write everywhere: be nobody for a moment
            os.seteuid(65534)
        refused(folder, server.url + "/ok", r"The cache folder .* cannot be used \(Permission denied\)")
    finally:
        os.seteuid(user)
        folder.rmdir()


@pytest.mark.fault("one sentence: no room, and how to name another folder; nothing half-written")
def test_the_disk_is_full(server, cache):
    """A limit on the size of files, which the operating system enforces as it does a full disk."""
    resource = pytest.importorskip("resource", reason="only POSIX systems can limit the size of files")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, hard))
    try:
        refused(cache, server.url + "/ok", "There is no room left in .*cache='…' or EPOCH_CACHE")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.fault("one sentence: no room, and how to name another folder")
def test_no_room_by_its_other_names(server, cache, monkeypatch):
    for number in (errno.ENOSPC, errno.EDQUOT):

        def full(*args, number=number):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "replace", full)
        refused(cache, server.url + "/ok", "There is no room left")


@pytest.mark.fault("one sentence: the folder cannot be used, and what the system said; nothing half-written")
@pytest.mark.parametrize("fault", [OSError("the drive is gone"), PermissionError(13, "the drive is gone")], ids=repr)
def test_the_drive_is_gone(server, cache, monkeypatch, fault):
    def gone(*args):
        raise fault

    monkeypatch.setattr(os, "replace", gone)
    refused(cache, server.url + "/ok", r"The cache folder .* cannot be used \(the drive is gone\)")


@pytest.mark.fault("nothing: what the other process brought is read")
def test_windows_lets_nobody_replace_a_file_that_is_being_read(server, cache, monkeypatch):
    def another_was_faster(part, target):
        shutil.copy(part, target)
        raise PermissionError

    monkeypatch.setattr(os, "replace", another_was_faster)
    assert len(load_ratings("ml-100k", cache=cache, mirror=server.url + "/ok")) == 4_000


@pytest.mark.fault("KeyboardInterrupt; nothing left in the cache")
def test_an_interrupted_download_leaves_nothing(server, cache, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(downloads._Bar, "update", interrupt)
    with pytest.raises(KeyboardInterrupt):
        load_ratings("ml-100k", cache=cache, mirror=server.url + "/ok")
    assert os.listdir(cache) == []


def start(cache: Path, mirror: str) -> subprocess.Popen:
    """Another process that loads the same set."""
    digest = hashlib.sha256(GOOD).hexdigest()
    code = (
        "from helpers.data import movielens\n"
        f"movielens.SETS['ml-100k'] = movielens.Archive('ml-100k.zip', {len(GOOD)}, '{digest}')\n"
        f"print(len(movielens.load('ml-100k', {str(cache)!r}, {mirror!r}).ratings))"
    )
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


@pytest.mark.fault("nothing: the next attempt works, and the rest is tidied away later")
def test_a_download_killed_half_way_can_be_repeated(server, cache):
    process = start(cache, server.url + "/slow")
    assert server.halfway.wait(60)
    deadline = time.monotonic() + 10
    while not list(cache.glob(".download-*/*")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    process.communicate()
    (left,) = cache.iterdir()  # what a killed process cannot tidy away
    assert left.name.startswith(".download-")

    load_ratings("ml-100k", cache=cache, mirror=server.url + "/ok")
    assert left.exists()  # it might still be alive
    os.remove(cache / "ml-100k.zip")
    long_ago = time.time() - downloads.DEAD_AFTER - 1
    for path in (*left.iterdir(), left):
        os.utime(path, (long_ago, long_ago))
    load_ratings("ml-100k", cache=cache, mirror=server.url + "/ok")
    assert os.listdir(cache) == ["ml-100k.zip"]


@pytest.mark.fault("nothing: both get the ratings, one archive is kept")
def test_two_processes_at_once(server, cache):
    processes = [start(cache, server.url + "/slow") for _ in range(2)]
    deadline = time.monotonic() + 60
    while len(server.requests) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    server.go_on.set()
    assert [process.communicate(timeout=60)[0] for process in processes] == ["4000\n", "4000\n"]
    assert len(server.requests) == 2 and os.listdir(cache) == ["ml-100k.zip"]


# A certificate authority of our own that signs for 127.0.0.1; Python has no such thing, OpenSSL's command has.
CA_CONFIG = """
[ca]
default_ca = ours
[ours]
new_certs_dir = .
database = index.txt
serial = serial.txt
default_md = sha256
policy = any
x509_extensions = leaf
[any]
commonName = supplied
[leaf]
subjectAltName = IP:127.0.0.1
basicConstraints = CA:FALSE
authorityKeyIdentifier = keyid
"""


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("there is no openssl command to make an expired certificate with")
    folder = tmp_path_factory.mktemp("certificates")
    (folder / "ca.cnf").write_text(CA_CONFIG)
    (folder / "index.txt").write_text("")
    (folder / "serial.txt").write_text("01\n")

    def run(*arguments: str) -> None:
        subprocess.run([openssl, *arguments], cwd=folder, check=True, capture_output=True)

    key = ["-newkey", "rsa:2048", "-nodes"]
    run("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=A CA for tests", "-days", "3650")
    run("req", *key, "-keyout", "leaf.key", "-out", "leaf.csr", "-subj", "/CN=127.0.0.1")
    sign = ["ca", "-batch", "-notext", "-config", "ca.cnf", "-cert", "ca.pem", "-keyfile", "ca.key", "-in", "leaf.csr"]
    run(*sign, "-out", "expired.pem", "-startdate", "20200101000000Z", "-enddate", "20200201000000Z")
    (folder / "index.txt").write_text("")
    run(*sign, "-out", "valid.pem", "-days", "3650")
    return folder


def tls_server(certificates: Path, name: str):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / name, certificates / "leaf.key")
    return serving(GOOD, context)


@pytest.mark.fault("one sentence: expired, and verification stays on")
def test_an_expired_certificate(certificates, cache, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates / "ca.pem"))
    with tls_server(certificates, "valid.pem") as server:
        assert len(load_ratings("ml-100k", cache=cache, mirror=server.url)) == 4_000
    os.remove(cache / "ml-100k.zip")
    with tls_server(certificates, "expired.pem") as server:
        refused(cache, server.url, "The certificate of 127.0.0.1:.* has expired, and verification stays on")
        assert server.requests == []


@pytest.mark.fault("one sentence: not to be trusted, and verification stays on")
def test_an_untrusted_certificate(certificates, cache):
    with tls_server(certificates, "valid.pem") as server:
        refused(cache, server.url, "The certificate of 127.0.0.1:.* is not to be trusted, and verification stays on")
        assert server.requests == []
