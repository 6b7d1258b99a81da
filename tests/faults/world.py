# SPDX-License-Identifier: Apache-2.0
"""A user with stores and a delegated control group of its own, inside the fixture, and cmk as that user."""
import io
import os
import pwd
import random
import re
import shutil
import subprocess
import tarfile
import tempfile
import time

import checker

STAGE = os.environ["CMK_TEST_STAGE"]
KILLER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "killer")
REGISTRY = "127.0.0.1:5000"
IMAGE = f"{REGISTRY}/library/alpine:latest"
SETTLE = 10.0


class Fault(Exception):
    pass


class World:
    """A user's home with stores and a delegated group of its own."""

    def __init__(self, name, env=None):
        self.user = pwd.getpwnam("cmk-test")
        with open("/etc/subuid") as f:
            self.first_sub = next(int(l.split(":")[1]) for l in f if l.startswith("cmk-test:"))
        self.dir = tempfile.mkdtemp(prefix=f"faults-{name}.", dir=f"{STAGE}/tmp")
        self.home = f"{self.dir}/home"
        self.data = f"{self.dir}/data"
        self.run = f"/run/user/{self.user.pw_uid}/{os.path.basename(self.dir)}"
        self.cgroup = f"{os.environ['CMK_TEST_CG']}/{os.path.basename(self.dir)}"
        os.makedirs(f"{self.home}/.config/containers")
        os.mkdir(self.run, 0o700)
        with open(f"{self.home}/.config/containers/registries.conf", "w") as f:
            f.write(f'[[registry]]\nlocation = "{REGISTRY}"\ninsecure = true\n')
        os.makedirs(f"{self.cgroup}/session")
        for path in (self.dir, self.home, f"{self.home}/.config", self.run):
            os.chown(path, self.user.pw_uid, self.user.pw_gid)
        for sub in ("", "/session"):
            for f in ("", "/cgroup.procs", "/cgroup.threads", "/cgroup.subtree_control"):
                os.chown(f"{self.cgroup}{sub}{f}", self.user.pw_uid, self.user.pw_gid)
        os.chmod(self.dir, 0o755)
        with tarfile.open(f"{self.dir}/files.tar", "w") as tar:
            tar.add("/etc/hostname")
        for name in ("one", "two"):
            # Most of the second is in the first.
            with tarfile.open(f"{self.dir}/{name}.tar", "w") as tar:
                for part in ("same", "also", name):
                    info = tarfile.TarInfo(part)
                    info.size = 300000
                    tar.addfile(info, io.BytesIO(random.Random(part).randbytes(info.size)))
        self.env = {"PATH": os.environ["PATH"], "HOME": self.home, "USER": "cmk-test", "LOGNAME": "cmk-test",
                    "LANG": "C.UTF-8", "XDG_RUNTIME_DIR": self.run, "TMPDIR": f"{self.dir}", **(env or {})}
        self.others = set(checker.pids())

    def argv(self, args):
        return ["/usr/local/bin/cmk", "--root", f"{self.data}", "--runroot", f"{self.run}/cmk", *(a.replace("{dir}", self.dir) for a in args)]

    def killer(self, options, args, timeout=60):
        return subprocess.run(
            [KILLER, "-u", f"{self.user.pw_uid}:{self.user.pw_gid}", "-c", f"{self.cgroup}/session", *options, *self.argv(args)],
            env=self.env, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout)

    def cmk(self, *args, want=0, timeout=60):
        try:
            r = self.killer([], args, timeout)
        except subprocess.TimeoutExpired:
            raise Fault(f"`cmk {' '.join(args)}` does not end") from None
        if want is not None and r.returncode != want:
            raise Fault(f"`cmk {' '.join(args)}` gave {r.returncode}, not {want}: {r.stderr.strip()[-400:]}")
        return r

    def has(self, *command):
        return self.cmk(*command, "--help", want=None).returncode == 0

    def ours(self):
        return [p for p in checker.ours(self.user.pw_uid, self.first_sub) if p not in self.others]

    def left_behind(self, before):
        """What is here beyond BEFORE, but for directories of the run directory that are made when they are first
        needed and stay, and the log of events before the current one."""
        return [x for x in self.machine().beyond(before) if not re.fullmatch(r"files: (run:cmk/[a-z-]+/|data:events/log\.1)", x)]

    def machine(self):
        return checker.Machine(self.cgroup, {"data": self.data, "run": self.run})

    def helpers_of(self, name):
        """Monitor and network helper of a running container."""
        pid = self.cmk("inspect", "--format", "{{.State.ConmonPid}}", name).stdout.strip()
        found = [int(pid)]
        found += [p for p in self.ours() if checker.parent_of(p) == int(pid) and "slirp" in checker.describe(p)]
        return found

    def close(self):
        for pid in self.ours():
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                pass
        for base, _, _ in os.walk(self.cgroup, topdown=False):
            wait_until(lambda: remove_dir(base), 5)
        shutil.rmtree(self.dir, ignore_errors=True)
        shutil.rmtree(self.run, ignore_errors=True)


def remove_dir(path):
    try:
        os.rmdir(path)
        return True
    except FileNotFoundError:
        return True
    except OSError:
        return False


def wait_until(what, seconds=SETTLE):
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
