# SPDX-License-Identifier: Apache-2.0
"""What a machine holds of one user's containers, read from /proc, /sys and the file system alone: shares
no code with cmk and asks it nothing."""
import os
import re
import stat


def _read(path):
    try:
        with open(path, errors="replace") as f:
            return f.read()
    except OSError:
        return ""


def pids():
    return [int(p) for p in os.listdir("/proc") if p.isdigit()]


def parent_of(pid):
    text = _read(f"/proc/{pid}/stat")
    return int(text.rpartition(")")[2].split()[1]) if ")" in text else 0


def state_of(pid):
    text = _read(f"/proc/{pid}/stat")
    return text.rpartition(")")[2].split()[0] if ")" in text else ""


def alive(pid):
    return pid > 0 and state_of(pid) not in ("", "Z", "X")


def describe(pid):
    args = _read(f"/proc/{pid}/cmdline").replace("\0", " ").strip()
    return f"{pid} {_read(f'/proc/{pid}/comm').strip()} [{args[:80]}]"


class Machine:
    """The processes, mounts, groups, sockets and files that are there now."""

    def __init__(self, cgroup, trees, ignore_pids=()):
        self.processes = {p for p in pids() if alive(p)} - set(ignore_pids)
        self.groups = set()
        for base, dirs, _ in os.walk(cgroup):
            self.groups.update(os.path.relpath(os.path.join(base, d), cgroup) for d in dirs)
        self.mounts = set()
        for pid in self.processes | {os.getpid()}:
            for line in _read(f"/proc/{pid}/mountinfo").splitlines():
                self.mounts.add(line.split(" ")[4])
        self.namespaces = self._namespaces()
        self.sockets = self._sockets()
        self.files = set()
        for name, top in trees.items():
            self.files |= self._tree(name, top)

    def _namespaces(self):
        """Network namespaces, by process and by descriptor: a tap device keeps one without a process."""
        found = set()
        for pid in self.processes:
            for link in [f"/proc/{pid}/ns/net"] + [f"/proc/{pid}/fd/{f}" for f in self._fds(pid)]:
                try:
                    target = os.readlink(link)
                except OSError:
                    continue
                if target.startswith("net:[") or target == "/dev/net/tun":
                    found.add(target)
        return found

    @staticmethod
    def _fds(pid):
        try:
            return os.listdir(f"/proc/{pid}/fd")
        except OSError:
            return []

    @staticmethod
    def _sockets():
        found = set()
        for line in _read("/proc/net/unix").splitlines()[1:]:
            words = line.split(None, 7)
            if len(words) == 8:
                found.add("unix " + words[7])
        for kind in ("tcp", "tcp6", "udp", "udp6"):
            for line in _read(f"/proc/net/{kind}").splitlines()[1:]:
                words = line.split()
                if kind.startswith("udp") or words[3] == "0A":
                    found.add(f"{kind} {words[1]}")
        return found

    @staticmethod
    def _tree(name, top):
        found = set()
        for base, dirs, files in os.walk(top):
            for entry in dirs + files:
                path = os.path.join(base, entry)
                mode = stat.S_IFMT(os.lstat(path).st_mode) if os.path.lexists(path) else 0
                kind = {stat.S_IFDIR: "/", stat.S_IFSOCK: "=", stat.S_IFLNK: "@"}.get(mode, "")
                found.add(f"{name}:{os.path.relpath(path, top)}{kind}")
        return found

    def beyond(self, before):
        """What is here and was not there."""
        new = [f"process {describe(p)}" for p in sorted(self.processes - before.processes)]
        for what in ("groups", "mounts", "namespaces", "sockets", "files"):
            new += [f"{what}: {x}" for x in sorted(getattr(self, what) - getattr(before, what))]
        return new


def group_processes(cgroup, container_id):
    """Live processes in the group of a container, wherever below CGROUP it lies."""
    found = []
    for base, _, _ in os.walk(cgroup):
        if container_id in base:
            found += [int(p) for p in _read(f"{base}/cgroup.procs").split() if alive(int(p))]
    return found


def ours(user_uid, first_sub, count=65536):
    """Live processes of the user, under any of the user's ids."""
    found = []
    for pid in pids():
        uids = re.findall(r"\d+", next((l for l in _read(f"/proc/{pid}/status").splitlines() if l.startswith("Uid:")), ""))
        if any(int(u) == user_uid or first_sub <= int(u) < first_sub + count for u in uids) and alive(pid):
            found.append(pid)
    return found
