#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""power.py [--sample N --seed S] [--floor N] [--keep] [SCENARIO...]

Run by root inside the fixture (tests/check-bats -r -x): records what each scenario's command, its monitor and
its helpers do to the data directory, in order (killer -w), and makes from it the directories that a power cut could
leave after each step:

    journal  all names as they stand after the step; of files, what was synced before it (as ext4 does it)
    strict   only names in directories that were synced, and what was synced of files

In each of them, with an empty run directory and another boot id, cmk must read, list and repair all that is there. Once
the command has returned, what it made must be there, after the last sync of the journal and by the strict rule."""
import argparse
import os
import random
import shutil
import stat
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from kill import NET, RUN, TAKEN
from world import IMAGE, Fault, World, wait_until

DIR = "D"


class Model:
    """The file system's durable part and what is pending, fed with the tracer's lines."""

    def __init__(self):
        self.top = None
        # Numbers of inodes are given again: those here have, above 64 bits, how many had been given again before.
        self.alias, self.again = {}, 0
        self.info = {}  # ino -> (mode, uid, gid, link target)
        self.names = {}  # (dir, name) -> ino: as they stand
        self.durable_names = {}
        self.pending = []  # [directories that it waits for, [(dir, name, ino or None)]]
        self.size, self.durable_size = {}, {}
        self.steps = 0
        self.last_sync = None
        self.ignored = []  # lines about names that are not known

    def change(self, dirs, changes):
        for d, name, ino in changes:
            if ino is None:
                self.names.pop((d, name), None)
            else:
                self.names[d, name] = ino
        self.pending.append((dirs, changes))

    def sync_dir(self, ino):
        """Its names, in order; a rename is one step of both directories."""
        left = []
        for dirs, changes in self.pending:
            if ino is None or ino in dirs:
                for d, name, i in changes:
                    if i is None:
                        self.durable_names.pop((d, name), None)
                    else:
                        self.durable_names[d, name] = i
            else:
                left.append((dirs, changes))
        self.pending = left

    def known(self, number):
        return self.alias.get(int(number), int(number))

    def made(self, number):
        """The inode that has just been given a name."""
        ino = self.known(number)
        if ino in self.info and ino not in self.names.values():
            self.again += 1
            ino = self.alias[int(number)] = int(number) | self.again << 64
        return ino

    def feed(self, line):
        """Whether the state after LINE is another one."""
        word, *a = line.split()
        name = (lambda s: bytes.fromhex(s).decode(errors="surrogateescape"))
        if word == "top":
            self.top = int(a[0])
            self.info[self.top] = (int(a[1], 8), int(a[2]), int(a[3]), None)
        elif word in ("mkdir", "file", "symlink"):
            d, n = self.known(a[0]), name(a[1])
            if self.names.get((d, n)) == self.known(a[2]):
                return False
            ino = self.made(a[2])
            self.info[ino] = (int(a[3], 8), int(a[4]), int(a[5]), name(a[6]) if word == "symlink" else None)
            if word == "file" and ino not in self.names.values():
                self.size[ino] = self.durable_size[ino] = 0
            self.change({d}, [(d, n, ino)])
        elif word == "unlink":
            d = self.known(a[0])
            self.change({d}, [(d, name(a[1]), None)])
        elif word == "rename":
            od, on, nd, nn = self.known(a[0]), name(a[1]), self.known(a[2]), name(a[3])
            ino = self.names.get((od, on))
            if ino is None:
                self.ignored.append(f"rename {od}/{on} to {nd}/{nn}")
                return False
            self.change({od, nd}, [(od, on, None), (nd, nn, ino)])
        elif word == "exchange":
            here, there = (self.known(a[0]), name(a[1])), (self.known(a[2]), name(a[3]))
            one, other = self.names.get(here), self.names.get(there)
            if one is None or other is None:
                self.ignored.append(f"exchange {here[0]}/{here[1]} and {there[0]}/{there[1]}")
                return False
            self.change({here[0], there[0]}, [(*here, other), (*there, one)])
        elif word == "mode":
            self.info[self.known(a[0])] = (int(a[1], 8), int(a[2]), int(a[3]), None)
            return False
        elif word == "write":
            self.size[self.known(a[0])] = int(a[1])
            return False
        elif word == "fsync":
            ino = self.known(a[0])
            self.last_sync = self.steps
            if ino in self.size:
                self.durable_size[ino] = self.size[ino]
            else:
                self.sync_dir(ino)
        elif word == "sync":
            self.last_sync = self.steps
            self.durable_size.update(self.size)
            self.sync_dir(None)
        return True

    def build(self, store, target, strict):
        """The tree at TARGET, from the files' contents in STORE."""
        names = self.durable_names if strict else self.names
        children = {}
        for (d, n), ino in names.items():
            children.setdefault(d, []).append((n, ino))

        def make(ino, path):
            mode, uid, gid, link = self.info[ino]
            if stat.S_ISDIR(mode):
                os.mkdir(path)
                os.chown(path, uid, gid)
                os.chmod(path, stat.S_IMODE(mode))
                for n, child in children.get(ino, ()):
                    make(child, f"{path}/{n}")
            elif stat.S_ISLNK(mode):
                os.symlink(link, path)
                os.lchown(path, uid, gid)
            elif stat.S_ISREG(mode):
                source = f"{store}/{ino & (1 << 64) - 1}"
                size = self.durable_size.get(ino, 0)
                if "/layers/" in path and size == os.stat(source).st_size:
                    os.link(source, path)  # never written to again
                    return
                shutil.copyfile(source, path)
                os.truncate(path, min(size, os.stat(path).st_size))
                now = os.stat(source)
                os.chown(path, now.st_uid, now.st_gid)
                os.chmod(path, stat.S_IMODE(now.st_mode))

        make(self.top, target)

    def key(self, strict):
        """Equal for states that look the same."""
        names = self.durable_names if strict else self.names
        return hash(frozenset((k, i, self.durable_size.get(i)) for k, i in names.items()))


# What must be there when the command has returned: containers, images (by a command that must succeed).
CREATE = ["create", NET, "--name", "c", IMAGE, "true"]
SCENARIOS = {
    "create": dict(command=CREATE, must=[["container", "inspect", "c"], ["start", "c"]]),
    "run": dict(command=["run", NET, "--name", "c", IMAGE, "true"], must=[["inspect", "c"], ["start", "c"]]),
    "run-d": dict(command=RUN, must=[["inspect", "c"], ["start", "c"], ["exec", "c", "grep", "localhost", "/etc/hosts"]]),
    "run-rm": dict(command=["run", "--rm", NET, "--name", "c", IMAGE, "true"], must=[]),
    "start": dict(prepare=[["create", NET, "--name", "c", IMAGE, "sleep", "1000"]], command=["start", "c"],
                  must=[["inspect", "c"], ["start", "c"]], always=[["inspect", "c"]]),
    "stop": dict(prepare=[RUN], command=["stop", "-t", "0", "c"], attach="c", must=[["inspect", "c"], ["start", "c"]],
                 always=[["inspect", "c"]]),
    "rm": dict(prepare=[["run", NET, "--name", "c", IMAGE, "true"]], command=["rm", "c"], must=[]),
    "rm-f": dict(prepare=[RUN], command=["rm", "-f", "-t", "0", "c"], attach="c", must=[]),
    "rename": dict(needs=["rename"], prepare=[CREATE], command=["rename", "c", "d"], must=[["inspect", "d"], ["start", "d"]]),
    "update": dict(needs=["update"], prepare=[CREATE], command=["update", "--restart", "always", "c"],
                   must=[["inspect", "c"]], always=[["inspect", "c"]]),
    "pull": dict(bare=True, command=["pull", "-q", IMAGE], must=[["run", "--rm", NET, IMAGE, "true"]]),
    "tag": dict(command=["tag", IMAGE, "localhost/other:1"], must=[["image", "inspect", "localhost/other:1"]],
                always=[["image", "inspect", IMAGE]]),
    "rmi": dict(command=["rmi", IMAGE], must=[]),
    "commit": dict(needs=["commit"], prepare=[["run", NET, "--name", "c", IMAGE, "touch", "/x"]],
                   command=["commit", "-q", "c", "localhost/made"], always=[["inspect", "c"]],
                   must=[["run", "--rm", NET, "localhost/made", "cat", "/x"]]),
    # What a container has written is as durable as it has made it itself.
    "commit-taken": dict(env=TAKEN, prepare=[["run", NET, "--name", "c", IMAGE, "touch", "/x"]],
                         command=["commit", "-q", "c", "localhost/made"], always=[["inspect", "c"]],
                         must=[["run", "--rm", NET, "localhost/made", "true"], ["start", "c"]]),
    "settle": dict(env=TAKEN, prepare=[["run", NET, "--name", "c", IMAGE, "touch", "/x"], ["commit", "-q", "c", "localhost/made"]],
                   command=["push", "-q", "localhost/made", "oci:{dir}/home/layout"], always=[["inspect", "c"]],
                   must=[["run", "--rm", NET, "localhost/made", "true"], ["start", "c"]]),
    "volume-create": dict(needs=["volume"], command=["volume", "create", "v"], must=[["volume", "inspect", "v"]]),
    "volume-rm": dict(needs=["volume"], prepare=[["volume", "create", "v"]], command=["volume", "rm", "v"], must=[]),
    "secret-create": dict(needs=["secret"], command=["secret", "create", "s", "/etc/hostname"],
                          must=[["secret", "inspect", "s"]]),
    "pull-kept": dict(bare=True, command=["pull", "-q", "--keep-blobs", "always", IMAGE], must=[["run", "--rm", NET, IMAGE, "true"]]),
    "manifest-create": dict(command=["manifest", "create", "localhost/list", IMAGE], must=[["manifest", "inspect", "localhost/list"]]),
    "manifest-add": dict(prepare=[["manifest", "create", "localhost/list"]], command=["manifest", "add", "localhost/list", IMAGE],
                         always=[["manifest", "inspect", "localhost/list"]], must=[["run", "--rm", NET, "localhost/list", "true"]]),
    "artifact-add": dict(command=["artifact", "add", "localhost/files:1", "/etc/hostname"], must=[["artifact", "inspect", "localhost/files:1"]]),
}


def record(world, s):
    """The lines of the command's doing, behind those that tell what was there before."""
    store, log = f"{world.dir}/store", f"{world.dir}/writes"
    os.mkdir(store)
    for args in s.get("prepare", []):
        world.cmk(*args)
    options = [f"-p{p}" for p in world.helpers_of(s["attach"])] if s.get("attach") else []
    # Before it all is durable.
    os.sync()
    r = world.killer(options + ["-o", f"{world.dir}/report", "-w", log, "-s", store, "-d", world.data], s["command"])
    if r.returncode != 0:
        raise Fault(f"`cmk {' '.join(s['command'])}` gave {r.returncode}: {r.stderr.strip()[-300:]}")
    for pid in world.ours():
        os.kill(pid, 9)
    wait_until(lambda: not world.ours())
    with open(log) as f:
        lines = f.read().splitlines()
    begin = lines.index("begin")
    return store, lines[:begin], lines[begin + 1:]


def check(world, s, boot, must):
    """After the cut. The data directory is in place."""
    world.env["CMK_TEST_BOOT_ID"] = f"{boot:08x}-1111-2222-3333-444444444444"
    rows = [l.split() for l in world.cmk("ps", "-a", "--format", "{{.Names}} {{.State}}").stdout.splitlines()]
    for name, state in rows:
        if state in ("running", "paused"):
            raise Fault(f"'{name}' is said to be {state} after the power came back")
        world.cmk("inspect", name)
    for args in must + s.get("always", []):
        world.cmk(*args)
    for name, _ in rows:
        if world.cmk("inspect", "--format", "{{.State.Status}}", name).stdout.strip() != "running":
            world.cmk("start", name)
        world.cmk("rm", "-f", "-t", "0", name)
    for ref in world.cmk("images", "--format", "{{.ID}}").stdout.split():
        # A list may have no image yet.
        if world.cmk("manifest", "exists", ref, want=None).returncode == 0:
            world.cmk("manifest", "inspect", ref)
        else:
            world.cmk("run", "--rm", NET, ref, "true")
    for sub in ("volume", "secret"):
        if world.has(sub):
            for item in world.cmk(sub, "ls", "-q").stdout.split():
                world.cmk(sub, "inspect", item)
                world.cmk(sub, "rm", item)
    for item in world.cmk("artifact", "ls", "-n", "--no-trunc", "--format", "{{.Digest}}").stdout.split():
        world.cmk("artifact", "rm", item)
    world.cmk("pull", "-q", IMAGE)
    world.cmk("run", "--rm", NET, "--name", "c", IMAGE, "true")
    world.cmk("rm", "-f", "-a", "-t", "0")
    for ref in world.cmk("images", "--format", "{{.ID}}").stdout.split():
        world.cmk("rmi", "-f", ref, want=None)
    left = []
    for sub in ("containers", "container-names", "tmp", "partial", "layers", "images", "names", "volumes", "blobs", "artifacts", "artifacts/names"):
        if os.path.isdir(f"{world.data}/{sub}"):
            left += [f"{sub}/{n}" for n in os.listdir(f"{world.data}/{sub}") if not n.startswith(".") and f"{sub}/{n}" != "artifacts/names"]
    if left:
        raise Fault(f"left behind: {', '.join(left[:10])}")


class Replay:
    def __init__(self, world, s, args, name):
        self.world, self.s, self.args, self.name = world, s, args, name
        self.tried, self.faults = 0, []

    def cut(self, model, store, strict, step, must=()):
        w = self.world
        self.tried += 1
        shutil.rmtree(w.data, ignore_errors=True)
        shutil.rmtree(f"{w.run}/cmk", ignore_errors=True)
        model.build(store, w.data, strict)
        try:
            check(w, self.s, self.tried, list(must))
        except Fault as e:
            self.faults.append(f"{self.name}: power cut after step {step}{' (at the end)' if must else ''}, "
                               f"{'strict' if strict else 'journal'}: {e}")
            print(self.faults[-1], flush=True)
            for pid in w.ours():
                try:
                    os.kill(pid, 9)
                except ProcessLookupError:
                    pass
            wait_until(lambda: not w.ours())
            if self.args.keep:
                shutil.copytree(w.data, f"{w.dir}/fault{self.tried}", symlinks=True, dirs_exist_ok=True)
                return
            self.clean_groups()

    def clean_groups(self):
        for base, _, _ in os.walk(self.world.cgroup, topdown=False):
            if "cmk-" in os.path.basename(base):
                try:
                    os.rmdir(base)
                except OSError:
                    pass

    def run(self):
        store, before, lines = record(self.world, self.s)
        model = Model()
        for line in before:
            model.feed(line)
        steps = [i for i in range(len(lines))]
        chosen = set(steps)
        if self.args.sample and self.args.sample < len(steps):
            chosen = set(random.Random(f"{self.args.seed}-{self.name}").sample(steps, self.args.sample))
        seen, synced = set(), Model()
        for i, line in enumerate(lines):
            changed = model.feed(line)
            model.steps = i + 1
            for strict in (False, True):
                key = model.key(strict)
                if changed and i in chosen and key not in seen and len(self.faults) < self.args.max_faults:
                    seen.add(key)
                    self.cut(model, store, strict, i + 1)
        if self.s.get("must"):
            synced = Model()
            for line in before + lines[:(model.last_sync or 0) + 1 if model.last_sync is not None else 0]:
                synced.feed(line)
            self.cut(synced, store, False, len(lines), self.s["must"])
            self.cut(model, store, True, len(lines), self.s["must"])
        if self.faults:
            # Whether it was the model that did not follow.
            print(f"{self.name}: inodes given again: {model.again}; not understood: {model.ignored or 'nothing'}", flush=True)
        print(f"{self.name}: {len(lines)} steps, {self.tried} power cuts, {len(self.faults)} faults", flush=True)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--sample", type=int, default=0)
    p.add_argument("--seed", default=str(random.SystemRandom().randrange(10**9)))
    p.add_argument("--floor", type=int, default=0)
    p.add_argument("--max-faults", type=int, default=6)
    p.add_argument("--keep", action="store_true")
    p.add_argument("scenarios", nargs="*")
    args = p.parse_args()
    print(f"power: seed {args.seed}", flush=True)
    cuts, failed, passed, skipped = 0, 0, 0, 0
    for name in args.scenarios or SCENARIOS:
        s = SCENARIOS[name]
        world = World(name, s.get("env"))
        try:
            if s.get("needs") and not world.has(*s["needs"]):
                print(f"{name}: cmk has no '{' '.join(s['needs'])}' yet", flush=True)
                skipped += 1
                continue
            if s.get("bare"):
                world.cmk("images")
            else:
                world.cmk("pull", "-q", IMAGE)
                world.cmk("run", "--rm", NET, IMAGE, "true")
            replay = Replay(world, s, args, name)
            replay.run()
            cuts += replay.tried
            failed += bool(replay.faults)
            passed += not replay.faults
        except Fault as e:
            print(f"{name}: {e}", flush=True)
            failed += 1
        finally:
            world.close()
    print(f"power: {cuts} power cuts")
    if cuts < args.floor:
        print(f"power: fewer than {args.floor} power cuts")
        failed += 1
    print(f"power: {passed} passed, {failed} failed, {skipped} skipped")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
