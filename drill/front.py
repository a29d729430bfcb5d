"""nginx as deploy/nginx.conf ships it, before a running product: only the lines that end in HERE
are exchanged, by those in OURS.

    with front(run["url"]) as before: ask(before.url)

It runs without privileges, also when root starts it. Debian's package is `nginx`; `make attack`
and `make test` install it where they may.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from drill.product import ROOT

SHIPPED = ROOT / "deploy" / "nginx.conf"
MARK = "  # HERE"
NOBODY = "nobody"
PATIENCE = 10
# By the shipped line without its mark. {folder} is a folder of this run, {port} ours, {site} where
# the product listens, {name} by which name it is asked.
OURS = {
    "user www-data;": "",
    "pid /run/nginx.pid;": "pid {folder}/nginx.pid;",
    "error_log /var/log/nginx/error.log warn;": "error_log {folder}/error.log warn;",
    "access_log /var/log/nginx/access.log fairqueue buffer=64k flush=1s;": (
        "access_log {folder}/access.log fairqueue;"
    ),
    "proxy_cache_path /var/cache/nginx/fairqueue levels=1:2 keys_zone=fairqueue:1m max_size=50m"
    " inactive=10m use_temp_path=off;": (
        "proxy_cache_path {folder}/cache levels=1:2 keys_zone=fairqueue:1m max_size=50m"
        " inactive=10m use_temp_path=off;"
    ),
    "client_body_temp_path /var/lib/nginx/body;": "client_body_temp_path {folder}/body;",
    # What this nginx was built with but does not use wants a folder as well.
    "proxy_temp_path /var/lib/nginx/proxy;": (
        "proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;"
        " uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;"
    ),
    "server 127.0.0.1:8000;": "server {site};",
    "listen 443 ssl http2 default_server;": "listen 127.0.0.1:{port}{tls} default_server;",
    "listen [::]:443 ssl http2 default_server;": "",
    "listen [::]:443 ssl http2;": "",
    "listen [::]:80 default_server;": "",
    "listen 80 default_server;": "listen unix:{folder}/80 default_server;",
    "return 301 https://tickets.example$request_uri;": "return 301 https://{name}$request_uri;",
    "listen 443 ssl http2;": "listen 127.0.0.1:{port}{tls};",
    "server_name tickets.example;": "server_name {name} 127.0.0.1;",
    "ssl_certificate /etc/ssl/tickets.example.pem;": "{certificate}",
    "ssl_certificate_key /etc/ssl/tickets.example.key;": "{key}",
    "error_log /var/log/nginx/error.log emerg;": "error_log {folder}/error.log emerg;",
}


class NoNginx(Exception):
    """nginx is not installed."""


def nginx() -> str:
    """The program. Raises NoNginx."""
    # Where Debian puts it is in the path of root only.
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        raise NoNginx("nginx is not installed, so its configuration was not tried (Debian: nginx).")
    return found


def present() -> bool:
    try:
        return bool(nginx())
    except NoNginx:
        return False


@contextmanager
def front(site: str, tls: tuple[Path, Path] | None = None) -> Iterator[Front]:
    """nginx before the site at this address, with TLS by a certificate and key if they are given.

    Raises NoNginx; AssertionError when it refuses its settings or does not start.
    """
    program = nginx()
    # In /tmp itself, because who runs it may see no folder of another user's.
    with tempfile.TemporaryDirectory(prefix="fq-nginx-", ignore_cleanup_errors=True) as name:
        found = Front(program, Path(name), site, tls)
        found.start()
        try:
            yield found
        finally:
            found.stop()


class Front:
    """One nginx of ours. `url` is where it listens, `log` what it has written."""

    def __init__(
        self, program: str, folder: Path, site: str, tls: tuple[Path, Path] | None
    ) -> None:
        self.folder, self.port, parts = folder, _free_port(), urlsplit(site)
        self.name = str(parts.hostname)
        self.url = f"{'https' if tls else 'http'}://{self.name}:{self.port}"
        facts = {
            "folder": str(folder),
            "port": str(self.port),
            "site": f"127.0.0.1:{parts.port}",
            "name": self.name,
            "tls": " ssl http2" if tls else "",
            "certificate": f"ssl_certificate {tls[0]};" if tls else "",
            "key": f"ssl_certificate_key {tls[1]};" if tls else "",
        }
        (folder / "nginx.conf").write_text(ours(SHIPPED.read_text(), facts))
        self._command = [program, "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """Everything that it wrote, about requests and otherwise."""
        files = [self.folder / name for name in ("access.log", "error.log", "said")]
        return "".join(file.read_text(errors="replace") for file in files if file.exists())

    def check(self) -> None:
        """`nginx -t`. Raises AssertionError."""
        assert self._run("-t").wait(PATIENCE) == 0, self.log

    def start(self) -> None:
        for path in (self.folder, *self.folder.iterdir()):
            if os.geteuid() == 0:
                shutil.chown(path, NOBODY)
        self.check()
        self._process = self._run("-g", "daemon off;")
        deadline = time.monotonic() + PATIENCE
        while not _answers(self.port):
            assert self._process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.02)

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(PATIENCE)

    def _run(self, *arguments: str) -> subprocess.Popen[bytes]:
        nobody = pwd.getpwnam(NOBODY) if os.geteuid() == 0 else None
        with (self.folder / "said").open("ab") as said:
            return subprocess.Popen(
                [*self._command, *arguments],
                stdout=said,
                stderr=said,
                cwd=self.folder,
                user=nobody.pw_uid if nobody else None,
                group=nobody.pw_gid if nobody else None,
                extra_groups=[] if nobody else None,
            )


def ours(shipped: str, facts: Mapping[str, str]) -> str:
    """The shipped file with the lines that are marked exchanged, each by one of OURS.

    Raises AssertionError when it has other marked lines than there are of ours.
    """
    lines, exchanged = [], []
    for line in shipped.splitlines():
        if line.endswith(MARK):
            exchanged.append(line.removesuffix(MARK).strip())
            line = OURS.get(exchanged[-1], "").format_map(facts)
        lines.append(line)
    assert sorted(exchanged) == sorted(OURS), set(exchanged) ^ OURS.keys()
    return "\n".join(lines) + "\n"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
