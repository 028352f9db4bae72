"""Runs the instructions of the last stage of infra/Dockerfile in a folder, without a container builder: as root, in mount and
network namespaces of its own, with programs of this machine instead of the base image.

Usage: container.py BINARY ROOT, where BINARY stands for /churn of the stage `binary`.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from dockerfile_parse import DockerfileParser

binary, root = sys.argv[1:]
root = Path(root)


def libraries(program):
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return re.findall(r"(/\S+)", listed)


def install(program, to):
    """Copies a program with its libraries."""
    for source, target in [(program, to), *((library, library) for library in libraries(program))]:
        path = root / target.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(os.path.realpath(source), path)


def inside(user, command, **options):
    return [shutil.which("chroot"), f"--userspec={user}", str(root), *command], options | {"env": {"PATH": "/usr/local/bin:/usr/bin:/bin"}}


def run(user, command):
    command, options = inside(user, command)
    return subprocess.run(command, **options, check=False)


def arguments(value):
    """The exec form, which needs no shell."""
    return json.loads(value)


with open("infra/Dockerfile", "rb") as file:
    instructions = [part for part in DockerfileParser(fileobj=file).structure if part["instruction"] != "COMMENT"]
last = max(index for index, part in enumerate(instructions) if part["instruction"] == "FROM")
user, folder, found = "0:0", "/", {}
for part in instructions[last:]:
    name, value = part["instruction"], part["value"]
    if name == "FROM":
        for program in ("/bin/sh", "/usr/bin/install"):
            install(program, program)
        for path in ("proc", "dev", "tmp"):
            (root / path).mkdir()
        (root / "tmp").chmod(0o1777)
        subprocess.run(["mount", "--bind", "/proc", str(root / "proc")], check=True)
        for device in ("null", "urandom"):
            (root / "dev" / device).touch()
            subprocess.run(["mount", "--bind", f"/dev/{device}", str(root / "dev" / device)], check=True)
    elif name == "COPY":
        stage, source, target = re.fullmatch(r"--from=(\S+) (\S+) (\S+)", value).groups()
        if (stage, source) == ("binary", "/churn"):
            install(binary, target)
        elif stage == "certificates":
            (root / target.lstrip("/")).parent.mkdir(parents=True)
            shutil.copy(source, root / target.lstrip("/"))
        else:
            sys.exit(f"COPY {value}: unknown source")
    elif name == "RUN":
        if run(user, ["/bin/sh", "-c", value]).returncode:
            sys.exit(f"RUN {value} failed")
    elif name == "USER":
        user = value
    elif name == "WORKDIR":
        folder = value
        (root / value.lstrip("/")).mkdir(exist_ok=True)
    elif name in ("VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD"):
        found[name] = value
    else:
        sys.exit(f"{name}: this script does not know the instruction")

if user.split(":")[0] in ("0", "root"):
    sys.exit("the container runs as root")
if (root / folder.lstrip("/")).stat().st_uid != int(user.split(":")[0]):
    sys.exit(f"{folder} does not belong to the user {user}")
command, options = inside(user, arguments(found["ENTRYPOINT"]) + arguments(found["CMD"]))
check = re.search(r"CMD (\[.*\])", found["HEALTHCHECK"]).group(1)
stack = subprocess.Popen(command, **options)
try:
    for _ in range(100):
        is_healthy = run(user, arguments(check)).returncode == 0
        if is_healthy or stack.poll() is not None:
            break
        time.sleep(0.2)
    if not is_healthy:
        sys.exit("the container is not healthy")
    # The HTTP API and S3 listen on all addresses, the other servers on loopback only.
    sockets = Path("/proc/net/tcp").read_text(encoding="utf-8").splitlines()[1:]
    listening = {line.split()[1] for line in sockets if line.split()[3] == "0A"}
    exposed = {f"00000000:{int(port):04X}" for port in found["EXPOSE"].split()}
    others = {f"0100007F:{port:04X}" for port in (8000, 9001)}
    if listening != exposed | others:
        sys.exit(f"listening on {sorted(listening)}, expected {sorted(exposed | others)}")
    if not any((root / found["VOLUME"].lstrip("/")).iterdir()):
        sys.exit("the volume is empty")
finally:
    stack.terminate()
if stack.wait(timeout=30) != 0:
    sys.exit(f"the container ended with status {stack.returncode}")
if run(user, arguments(check)).returncode == 0:
    sys.exit("a stopped container is healthy")
print("infra/Dockerfile: built in a folder, started, healthy, stopped")
