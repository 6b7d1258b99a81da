#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""run.py [--sample N] [--seed S] [--all-ways] [--only REGEX] [--list]

Run by an unprivileged user inside the fixture (tests/check-bats -x): hostile layers and images (layers.py, images.py) through
import, load and pull, each by one way that seed S picks, or by all. Each has to be refused for the reason that is written
beside it, or to give just the files that are; whatever it is: nothing changes around the store, cmk neither crashes nor hangs
nor takes much memory, the message is one clean line, and the store is afterwards what it was."""
import argparse
import hashlib
import os
import random
import re
import shutil
import signal
import stat
import subprocess
import sys
import tarfile
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import images
import layers
import make

CMK = os.environ.get("CMK_BIN", "/usr/local/bin/cmk")
SANITIZED = bool(os.environ.get("CMK_TEST_SANITIZED"))
TIMEOUT = 120 if SANITIZED else 30
# Of each process: a decoder's window, buffers, stacks of threads. A bomb would take more.
MEMORY = [] if SANITIZED else ["prlimit", f"--data={192 << 20}"]
# A crash, whoever had it.
BROKEN = re.compile(r"Sanitizer|runtime error:|was killed by|process died|helper failed|dumped core|Assertion|SIGSYS")
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f]")
LAYER_WAYS = ("import", "stdin", "gzip", "zstd", "load", "docker-archive", "oci", "oci-archive", "dir")
BLOB_WAYS = ("import", "stdin", "load", "docker-archive", "oci", "oci-archive", "dir")


class Wrong(Exception):
    pass


def listing(base, skip=()):
    """Everything below BASE, but for what is in SKIP: kind, mode, size, contents, attributes."""
    found = {}

    def walk(path, name):
        for entry in sorted(os.scandir(path), key=lambda e: e.name):
            at = f"{name}/{entry.name}" if name else entry.name
            if at in skip:
                continue
            st = entry.stat(follow_symlinks=False)
            what = ""
            if stat.S_ISLNK(st.st_mode):
                what = os.readlink(entry.path)
            elif stat.S_ISREG(st.st_mode) and os.access(entry.path, os.R_OK):
                with open(entry.path, "rb") as f:
                    what = hashlib.file_digest(f, "sha256").hexdigest()
            found[at] = (stat.filemode(st.st_mode), 0 if stat.S_ISDIR(st.st_mode) else st.st_size, what)
            if stat.S_ISDIR(st.st_mode):
                walk(entry.path, at)

    walk(base, "")
    return found


def difference(before, after):
    out = [f"+{k}" for k in after if k not in before] + [f"-{k}" for k in before if k not in after]
    return out + [f"{k}: {before[k]} is now {after[k]}" for k in before if k in after and before[k] != after[k]]


class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err


class World:
    """A store with a canary around it."""

    def __init__(self, store_in=None, dir=None):
        """DIR: where the one before was."""
        self.store_in = store_in
        self.dir = dir or tempfile.mkdtemp(prefix="corpus.")
        self.canary = f"{self.dir}/canary"
        self.input = f"{self.dir}/input"
        self.root = tempfile.mkdtemp(prefix="corpus.", dir=store_in) if store_in else f"{self.dir}/store"
        self.run = tempfile.mkdtemp(prefix="corpus.", dir=os.environ["XDG_RUNTIME_DIR"])
        os.makedirs(f"{self.canary}/directory/inner")
        os.makedirs(f"{self.dir}/home/.config")
        os.mkdir(self.input)
        os.symlink("file", f"{self.canary}/link")
        for name in ("canary/file", "canary/directory/inner/file", "file", "home/.bashrc"):
            with open(f"{self.dir}/{name}", "w") as f:
                f.write("untouched\n")
        self.env = {**os.environ, "HOME": f"{self.dir}/home", "TMPDIR": self.dir}
        # What the first commands make stays.
        with open(f"{self.input}/warm", "wb") as f:
            f.write(make.file("f") + make.END)
        self.good("import", "-q", f"{self.input}/warm", "localhost/warm:1")
        self.good("rmi", "-f", "localhost/warm:1")
        self.good("image", "prune", "-f")
        with open(f"{self.input}/warm", "wb") as f:
            f.write(make.oci_image(images.A, images.SHA_A).tar())
        self.good("load", "-q", "-i", f"{self.input}/warm")
        self.good("rmi", "-a", "-f")
        os.unlink(f"{self.input}/warm")
        self.store = self.state()

    def cmk(self, *args, stdin=None):
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            p = subprocess.Popen([*MEMORY, CMK, "--root", self.root, "--runroot", self.run, *args], env=self.env, cwd=self.canary,
                                 stdin=stdin or subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True)
            try:
                code = p.wait(TIMEOUT)
            except subprocess.TimeoutExpired:
                os.killpg(p.pid, signal.SIGKILL)
                p.wait()
                raise Wrong(f"`cmk {args[0]}` does not end in {TIMEOUT} s") from None
            texts = []
            for f in (out, err):
                f.seek(0)
                texts.append(f.read().decode("utf-8", "surrogateescape"))
        return Result(code, *texts)

    def good(self, *args):
        r = self.cmk(*args)
        if r.code != 0:
            raise Wrong(f"`cmk {' '.join(args)}` gave {r.code}: {r.err.strip()[-300:]}")
        return r.out

    def state(self):
        return listing(self.root, skip=("events",)), self.good("system", "df"), self.around()

    def around(self):
        # The way back into the user namespace is called by a process.
        return listing(self.dir, skip=("store", "input", "home/.config")), listing(self.run, skip=("userns",))

    def empty_input(self):
        shutil.rmtree(self.input)
        os.mkdir(self.input)

    def put(self, name, data):
        with open(f"{self.input}/{name}", "wb") as f:
            f.write(data)
        return f"{self.input}/{name}"

    def close(self):
        for path in (self.dir, self.run, self.root):
            if subprocess.run(["rm", "-rf", path], stderr=subprocess.DEVNULL).returncode:
                subprocess.run(["unshare", "--map-root-user", "--map-auto", "rm", "-rf", path], check=False)


# --- how it comes in --------------------------------------------------------------------------------------

def send_layer(world, case, way):
    """By WAY; the layer's digest is right wherever it is said, so that the layer itself is what is judged."""
    data, diff_id = case.data, make.sha(case.stream)
    if way in ("import", "stdin", "gzip", "zstd"):
        path = world.put("layer", {"gzip": make.gz, "zstd": make.zstd}.get(way, bytes)(data))
        if way != "stdin":
            return world.cmk("import", "-q", path, "localhost/x:1")
        with subprocess.Popen(["cat", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as cat:
            return world.cmk("import", "-q", "-", "localhost/x:1", stdin=cat.stdout)
    kind = {"load": make.docker_image, "docker-archive": make.docker_image, "dir": make.dir_image}.get(way, make.oci_image)
    return send_files(world, kind(data, diff_id), way)


def send_files(world, files, way):
    if way in ("oci", "dir", "load-dir"):
        files.write(f"{world.input}/d")
        return world.cmk("load", "-q", "-i", f"{world.input}/d") if way == "load-dir" else world.cmk("pull", "-q", f"{way}:{world.input}/d")
    data = files.tar()
    path = world.put("archive", make.gz(data) if way == "load-gzip" else data)
    if way == "load-stdin":
        with subprocess.Popen(["cat", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as cat:
            return world.cmk("load", "-q", stdin=cat.stdout)
    if way.startswith("load"):
        return world.cmk("load", "-q", "-i", path)
    return world.cmk("pull", "-q", f"{way}:{path}")


# --- what became of it ------------------------------------------------------------------------------------

def check_ended(r):
    if r.code < 0 or r.code > 128:
        raise Wrong(f"it ended with {r.code}: {r.err.strip()[-300:]}")
    if BROKEN.search(r.err):
        raise Wrong(f"something crashed: {r.err.strip()[-2000:]}")
    if CONTROL.search(r.err) or CONTROL.search(r.out):
        raise Wrong(f"control characters reach the terminal: {(r.err + r.out)!r}")


def check_refused(r, why):
    errors = [l for l in r.err.splitlines() if l.startswith("Error: ")]
    if r.code != 125:
        raise Wrong(f"it was to be refused ({why}), and gave {r.code} {r.err.strip()[-300:]}")
    if len(errors) != 1 or not re.search(why, errors[0]):
        raise Wrong(f"the message does not say '{why}': {r.err.strip()[-400:]}")


def kind_of(path, st):
    if stat.S_ISREG(st.st_mode):
        with open(path, "rb") as f:
            return f.read()
    if stat.S_ISLNK(st.st_mode):
        return layers.to(os.readlink(path))
    if stat.S_ISCHR(st.st_mode) and st.st_rdev == 0:
        return layers.WHITE
    return {stat.S_IFDIR: layers.DIR, stat.S_IFIFO: layers.FIFO}.get(stat.S_IFMT(st.st_mode), "something else")


def check_tree(world, case):
    """Just the files of the case, with their modes and attributes."""
    base = f"{world.root}/layers/{make.sha(case.stream)}/diff"
    want = {"": layers.DIR, **case.tree}
    found = [""] + [os.path.relpath(f"{at}/{name}", base) for at, dirs, names in os.walk(base) for name in dirs + names]
    if set(found) != set(want):
        raise Wrong(f"the layer has {sorted(found)[:20]!r}, not {sorted(want)[:20]!r}")
    for name in found:
        path = f"{base}/{name}" if name else base
        st = os.lstat(path)
        mode = case.modes.get(name)
        if mode is not None and stat.S_IMODE(st.st_mode) != mode:
            raise Wrong(f"'{name}' has the mode {stat.S_IMODE(st.st_mode):04o}, not {mode:04o}")
        if stat.S_ISREG(st.st_mode) and not st.st_mode & 0o400:
            os.chmod(path, st.st_mode | 0o400)
        got = kind_of(path, st)
        if got != want[name]:
            raise Wrong(f"'{name}' is {got[:60]!r}, not {want[name][:60]!r}")
        if stat.S_ISREG(st.st_mode) and not st.st_mode & 0o400:
            os.chmod(path, stat.S_IMODE(st.st_mode))
        readable = stat.S_ISREG(st.st_mode) or stat.S_ISDIR(st.st_mode)
        attributes = {a: os.getxattr(path, a) for a in os.listxattr(path)} if readable else {}
        if attributes != case.xattrs.get(name, {}):
            raise Wrong(f"'{name}' has the attributes {attributes}, not {case.xattrs.get(name, {})}")


def check_stream(world, case):
    """The same bytes come out again."""
    out = f"{world.input}/saved"
    world.good("save", "-q", "-o", out, world.good("images", "-q").split()[0])
    with tarfile.open(out) as tar:
        sums = [make.sha(tar.extractfile(m).read()) for m in tar.getmembers() if m.isfile()]
    if make.sha(case.stream) not in sums:
        raise Wrong("save gives another layer than the one that came")


def check_names(world, case, way):
    names = world.good("images", "--format", "{{.Repository}}:{{.Tag}}").split()
    want = sorted(n or "<none>:<none>" for n in case.names)
    if sorted(names) != want and way.startswith("load"):
        raise Wrong(f"the names are {names}, not {want}")


def check_store(world, orphans=False):
    now = world.state()
    if now != world.store and orphans:
        # Removing an image collects what belongs to none.
        world.good("import", "-q", world.put("other", make.file("other") + make.END), "localhost/other:1")
        world.good("rmi", "-a", "-f")
        now = world.state()
    for what, a, b in (("the store", world.store[0], now[0]), ("around the store", world.store[2][0], now[2][0]), ("the run directory", world.store[2][1], now[2][1])):
        if a != b:
            raise Wrong(f"{what} is not as before: {'; '.join(difference(a, b)[:6])}")
    if now[1] != world.store[1]:
        raise Wrong(f"`system df` says otherwise than before:\n{world.store[1]}{now[1]}")


def one(world, case, way):
    world.empty_input()
    is_layer = isinstance(case, layers.Layer)
    r = send_layer(world, case, way) if is_layer else send_files(world, case.files, way)
    check_ended(r)
    if case.refuse:
        check_refused(r, case.refuse)
    elif r.code != 0:
        raise Wrong(f"it was to be taken, and gave {r.code}: {r.err.strip()[-400:]}")
    else:
        if world.around() != world.store[2]:
            raise Wrong("something was written around the store")
        if is_layer:
            if case.tree is not None:
                check_tree(world, case)
            check_stream(world, case)
        else:
            check_names(world, case, way)
        world.good("rmi", "-a", "-f")
    check_store(world, getattr(case, "orphans", False))


# --- all of it --------------------------------------------------------------------------------------------

class Runner:
    def __init__(self):
        self.world = World()
        self.small = None
        self.passed = self.failed = self.skipped = 0

    def world_for(self, case):
        if not getattr(case, "disk", None):
            return self.world
        place = f"{os.environ.get('CMK_TEST_STAGE', '')}/full-{case.disk}"
        if not os.path.isdir(place):
            return None
        self.small = self.small or World(place)
        return self.small

    def again(self, world):
        """After a failure the next one starts afresh, where it was: the cases speak of the canary by its name."""
        world.close()
        fresh = World(world.store_in, world.dir)
        if world is self.world:
            self.world = fresh
        else:
            self.small = fresh

    def run(self, case, way):
        world = self.world_for(case)
        if not world:
            self.skipped += 1
            return
        try:
            one(world, case, way)
            self.passed += 1
        except Wrong as e:
            self.failed += 1
            print(f"not ok {case.name} by {way}: {e}".encode("utf-8", "backslashreplace").decode(), flush=True)
            self.again(world)

    def close(self):
        for world in (self.world, self.small):
            if world:
                world.close()


def pick(all_cases, args, rng):
    out = []
    for case in all_cases:
        ways = getattr(case, "ways", None) or (BLOB_WAYS if case.blob else LAYER_WAYS)
        chosen = rng.choice(ways)
        if args.only and not re.search(args.only, case.name):
            continue
        out += [(case, way) for way in (ways if args.all_ways else [chosen])]
    if args.sample and args.sample < len(out):
        out = rng.sample(out, args.sample)
    return out


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--sample", type=int, default=0)
    p.add_argument("--seed", default=str(random.SystemRandom().randrange(10**9)))
    p.add_argument("--all-ways", action="store_true")
    p.add_argument("--only")
    p.add_argument("--list", action="store_true")
    args = p.parse_args()
    # A canary of another length would give other cases.
    runner = None if args.list else Runner()
    canary = runner.world.canary if runner else "/canary"
    chosen = pick(layers.cases(canary) + images.cases(canary), args, random.Random(args.seed))
    if args.list:
        for case, way in chosen:
            print(case.name, way, case.refuse or "taken", sep="\t")
        return
    print(f"corpus: {len(chosen)} of the hostile layers and images, seed {args.seed}", flush=True)
    start = time.monotonic()
    try:
        for case, way in chosen:
            runner.run(case, way)
    finally:
        runner.close()
    print(f"corpus: {time.monotonic() - start:.1f} s")
    print(f"corpus: {runner.passed} passed, {runner.failed} failed, {runner.skipped} skipped")
    sys.exit(runner.failed > 0 or runner.passed == 0)


if __name__ == "__main__":
    main()
