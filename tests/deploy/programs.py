"""The programs around the service, started with the files of deploy/."""

import grp
import os
import pwd
import shutil
import subprocess

from tests.api.processes import Server, free_port, wait_until
from tests.deploy.deployed import DEPLOY

NGINX = """
daemon off;
user {user} {group};
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{}}
http {{
    access_log off;
    {temporary}
    include {directory}/leafpath.conf;
}}
"""


def program(name) -> str:
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        raise RuntimeError(f"{name} is not installed: sh tests/install_tools.sh")
    return found


def temporary_paths(directory) -> str:
    """Directives with which nginx writes below our directory alone."""
    kinds = {"client_body": "body", "proxy": "proxy", "fastcgi": "fastcgi",
             "uwsgi": "uwsgi", "scgi": "scgi"}  # fmt: skip
    return " ".join(f"{k}_temp_path {directory}/{name};" for k, name in kinds.items())


def start_nginx(directory, ports) -> Server:
    """Start nginx with the file as it is, but for the addresses; check it before."""
    port = free_port()
    text = (DEPLOY / "nginx" / "leafpath.conf").read_text()
    text = text.replace("listen 8080", f"listen 127.0.0.1:{port}")
    for number, replica in enumerate(ports, start=1):
        text = text.replace(f"api-{number}:8000", f"127.0.0.1:{replica}")
    directory.joinpath("leafpath.conf").write_text(text)
    main = directory / "nginx.conf"
    # Workers that change to nobody could not keep long bodies below our directory.
    user, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
    main.write_text(
        NGINX.format(
            directory=directory,
            temporary=temporary_paths(directory),
            user=user,
            group=group,
        )
    )
    log = directory / "error.log"
    command = [program("nginx"), "-e", str(log), "-c", str(main)]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    nginx = Server(subprocess.Popen(command), port, log)
    wait_until(nginx.is_ready, 60, "nginx")
    return nginx


def make_secrets(directory, *prefix):
    """Make what deploy/make_secrets.sh makes; return the directory of secrets."""
    secrets = directory / "secrets"
    script = DEPLOY / "make_secrets.sh"
    subprocess.run(["sh", script, secrets, *prefix], check=True)
    return secrets
