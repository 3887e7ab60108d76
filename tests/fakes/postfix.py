"""A real Postfix with a configuration and a queue of its own, in front of our door and on the way out.

Mail for `domain` goes to our door, everybody else's to one server that records it. Needs root, as Postfix does.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

POSTFIX = shutil.which("postfix") or shutil.which("postfix", path="/usr/sbin")
WHY_NOT = "" if POSTFIX and os.geteuid() == 0 else "needs Postfix, and root: it starts its parts as other users"

_MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
myhostname = mx.{domain}
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
recipient_delimiter = +
relay_domains = {domain}
transport_maps = inline:{{ {{ {domain} = smtp:[127.0.0.1]:{door} }} }}
default_transport = smtp:[127.0.0.1]:{out}
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
smtp_dns_support_level = disabled
smtp_host_lookup = native
queue_run_delay = 1s
minimal_backoff_time = 1s
"""
_MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
pickup    unix  n  -  n  60   1  pickup
cleanup   unix  n  -  n  -    0  cleanup
qmgr      unix  n  -  n  1    1  qmgr
rewrite   unix  -  -  n  -    -  trivial-rewrite
bounce    unix  -  -  n  -    0  bounce
defer     unix  -  -  n  -    0  bounce
trace     unix  -  -  n  -    0  bounce
verify    unix  -  -  n  -    1  verify
flush     unix  n  -  n  1000 0  flush
proxymap  unix  -  -  n  -    -  proxymap
smtp      unix  -  -  n  -    -  smtp
relay     unix  -  -  n  -    -  smtp
error     unix  -  -  n  -    -  error
retry     unix  -  -  n  -    -  error
discard   unix  -  -  n  -    -  discard
anvil     unix  -  -  n  -    1  anvil
scache    unix  -  -  n  -    1  scache
postlog   unix-dgram n -  n  -    1  postlogd
"""


@asynccontextmanager
async def postfix(port: int, *, domain: str, door: int, out: int) -> AsyncIterator[Path]:
    """Run Postfix at `port`: mail for `domain` goes to the port `door`, all other mail to `out`; gives its log."""
    with tempfile.TemporaryDirectory(prefix="postfix-") as name:
        folder = _prepared(Path(name), port, domain=domain, door=door, out=out)
        await _run(folder, "start")
        try:
            yield folder / "log"
        finally:
            await _run(folder, "stop")


def _prepared(folder: Path, port: int, **about: str | int) -> Path:
    folder.chmod(0o755)
    for part in ("queue", "data"):
        (folder / part).mkdir()
    shutil.chown(folder / "data", "postfix")
    (folder / "main.cf").write_text(_MAIN.format(folder=folder, **about))
    (folder / "master.cf").write_text(_MASTER.format(port=port))
    return folder


async def _run(folder: Path, command: str) -> None:
    assert POSTFIX
    process = await asyncio.create_subprocess_exec(
        POSTFIX, "-c", str(folder), command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    log = folder / "log"
    assert process.returncode == 0, said.decode() + (log.read_text() if log.exists() else "")
