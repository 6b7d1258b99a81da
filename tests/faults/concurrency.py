#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""concurrency.py [--workers 64] [--operations N] [--names N] [--seed S]

Run by root inside the fixture (tests/check-bats -r -x): many commands of cmk-test at once. First races, in
which all do the same (one name has one winner), then N operations picked by seed S on few names. Each error must
be one that the user's own doing explains; no command may hang; at the end nothing may be left."""
import argparse
import collections
import os
import random
import re
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from world import IMAGE, Fault, World, wait_until

NET = "--net=none"
# What another user command that came first explains.
OWN = [re.compile(p) for p in (
    r"is already in use|already exists|secret name in use",
    r"no such (container|object|volume|secret)|no (volume|secret) with|no container with name or ID|has been removed",
    r"no such image|image not known|no image with|remove image .*: it does not exist",
    r"is not running|its state is|it has just ended|state improper|is not paused|can only",
    r"is running|is paused|running already|running or paused",
    r"is in use by|image is in use|is used by",
    r"is started again and again",
    r"has no log",
)]
NAMES_TAKEN = re.compile(r"is already in use")


class Storm:
    def __init__(self, world, args):
        self.world, self.args = world, args
        self.faults = []
        self.counts = collections.Counter()
        self.lock = threading.Lock()

    def fault(self, text):
        with self.lock:
            self.faults.append(text)
            if len(self.faults) <= 20:
                print("concurrency: " + text, flush=True)

    def one(self, *args, timeout=120):
        """Its exit code and stderr; what is not the user's own doing is a fault."""
        try:
            r = self.world.killer([], args, timeout)
        except subprocess.TimeoutExpired:
            self.fault(f"`cmk {' '.join(args)}` did not end in {timeout} s")
            return -1, ""
        with self.lock:
            self.counts[args[0], r.returncode] += 1
        errors = [l for l in r.stderr.splitlines() if l.startswith("Error:")]
        warnings = [l for l in r.stderr.splitlines() if not l.startswith("Error:")]
        code_is_its_own = args[0] in ("run", "exec", "start", "wait") and r.returncode in (137, 143)
        for line in errors:
            if not any(p.search(line) for p in OWN):
                self.fault(f"`cmk {' '.join(args)}` ({r.returncode}): {line}")
        for line in warnings:
            if "did not end within" not in line:
                self.fault(f"`cmk {' '.join(args)}` warns: {line}")
        if r.returncode and not errors and not code_is_its_own and args[0] != "exec":
            self.fault(f"`cmk {' '.join(args)}` gave {r.returncode} and said nothing")
        return r.returncode, r.stderr

    def all(self, make):
        """MAKE(i) for each worker at the same moment."""
        barrier = threading.Barrier(self.args.workers)

        def run(i):
            barrier.wait()
            return self.one(*make(i))

        with ThreadPoolExecutor(self.args.workers) as pool:
            return list(pool.map(run, range(self.args.workers)))

    def winners(self, what, results, want=1):
        won = sum(1 for code, _ in results if code == 0)
        if won != want:
            self.fault(f"{what}: {won} winners, not {want}")

    def names(self):
        return self.world.cmk("ps", "-a", "--format", "{{.Names}}").stdout.split()

    # --- races -----------------------------------------------------------------------------------------
    def races(self):
        n, w = self.args.workers, self.world
        self.winners("create", self.all(lambda i: ["create", NET, "--name", "same", IMAGE, "true"]))
        if self.names() != ["same"]:
            self.fault(f"after one create of 'same': {self.names()}")
        self.all(lambda i: ["start", "same"])
        self.all(lambda i: ["rm", "-f", "-t", "0", "same"])
        self.winners("run -d", self.all(lambda i: ["run", "-d", NET, "--name", "same", IMAGE, "sleep", "1000"]))
        self.all(lambda i: ["exec", "same", "true"])
        self.all(lambda i: ["stop", "-t", "0", "same"])
        self.all(lambda i: ["start", "same"])
        self.all(lambda i: ["kill", "same"])
        self.all(lambda i: ["rm", "-f", "-t", "0", "same"])
        self.winners("run --rm, each its name",
                     self.all(lambda i: ["run", "--rm", NET, "--name", f"n{i}", IMAGE, "true"]), n)
        self.winners("run --rm -d with a network",
                     self.all(lambda i: ["run", "-d", "--rm", "--name", f"n{i}", IMAGE, "sleep", "1000"]), n)
        if len(self.names()) != n:
            self.fault(f"{len(self.names())} of {n} containers are listed")
        self.winners("stop, each its own", self.all(lambda i: ["stop", "-t", "0", f"n{i}"]), n)
        if w.has("rename"):
            self.winners("create", self.all(lambda i: ["create", NET, "--name", f"n{i}", IMAGE, "true"]), n)
            self.winners("rename to one name", self.all(lambda i: ["rename", f"n{i}", "same"]))
            if len(self.names()) != n or "same" not in self.names():
                self.fault(f"after the renames: {sorted(self.names())}")
            w.cmk("rm", "-f", "-a")
        self.images()
        self.small_objects()

    def images(self):
        n = self.args.workers
        self.world.cmk("rmi", "-f", IMAGE)
        self.winners("pull", self.all(lambda i: ["pull", "-q", IMAGE]), n)
        self.winners("tag", self.all(lambda i: ["tag", IMAGE, "localhost/same:1"]), n)
        self.all(lambda i: ["rmi", "localhost/same:1"])
        self.all(lambda i: ["rmi", IMAGE] if i % 2 else ["pull", "-q", IMAGE])
        self.world.cmk("pull", "-q", IMAGE)

    def small_objects(self):
        if self.world.has("volume"):
            self.winners("volume create", self.all(lambda i: ["volume", "create", "same"]))
            self.winners("volume rm", self.all(lambda i: ["volume", "rm", "same"]))
        if self.world.has("secret"):
            self.winners("secret create", self.all(lambda i: ["secret", "create", "same", "/etc/hostname"]))
            self.winners("secret rm", self.all(lambda i: ["secret", "rm", "same"]))

    # --- everything mixed --------------------------------------------------------------------------------
    def operations(self):
        ops = [
            (3, lambda n, m: ["run", "-d", NET, "--name", n, IMAGE, "sleep", "1000"]),
            (3, lambda n, m: ["run", "--rm", NET, "--name", n, IMAGE, "true"]),
            (1, lambda n, m: ["run", "-d", "--rm", NET, "--name", n, IMAGE, "sleep", "1000"]),
            (2, lambda n, m: ["run", "--rm", NET, IMAGE, "true"]),
            (2, lambda n, m: ["create", NET, "--name", n, IMAGE, "sleep", "1000"]),
            (3, lambda n, m: ["start", n]),
            (2, lambda n, m: ["stop", "-t", "0", n]),
            (1, lambda n, m: ["kill", n]),
            (2, lambda n, m: ["rm", n]),
            (3, lambda n, m: ["rm", "-f", "-t", "0", n]),
            (4, lambda n, m: ["ps", "-a"]),
            (2, lambda n, m: ["ps", "-q"]),
            (3, lambda n, m: ["inspect", n]),
            (3, lambda n, m: ["exec", n, "true"]),
            (1, lambda n, m: ["logs", n]),
            (1, lambda n, m: ["images"]),
        ]
        for command, op in (("rename", lambda n, m: ["rename", n, m]), ("restart", lambda n, m: ["restart", "-t", "0", n]),
                            ("pause", lambda n, m: ["pause", n]), ("unpause", lambda n, m: ["unpause", n]),
                            ("top", lambda n, m: ["top", n]), ("diff", lambda n, m: ["diff", n])):
            if self.world.has(command):
                ops.append((1, op))
        return [op for weight, op in ops for _ in range(weight)]

    def mix(self):
        rng = random.Random(self.args.seed)
        ops = self.operations()
        names = [f"m{i}" for i in range(self.args.names)]
        plan = [rng.choice(ops)(rng.choice(names), rng.choice(names)) for _ in range(self.args.operations)]
        with ThreadPoolExecutor(self.args.workers) as pool:
            done = [(args, pool.submit(self.one, *args)) for args in plan]
            wait(job for args, job in done if args[0] != "exec")
            # A pause that came after exec's look freezes its command with the rest, until somebody thaws the container.
            while wait([job for _, job in done], timeout=1).not_done:
                for name in self.world.cmk("ps", "-q", "--filter", "status=paused").stdout.split():
                    self.one("unpause", name)
            for _, job in done:
                job.result()
        seen = self.names()
        if len(seen) != len(set(seen)):
            self.fault(f"a name is there twice: {sorted(seen)}")

    def run(self):
        w = self.world
        w.cmk("pull", "-q", IMAGE)
        for _ in range(2):
            w.cmk("run", "--rm", IMAGE, "true")
            w.cmk("run", NET, IMAGE, "true")
            for sub, args in (("volume", []), ("secret", ["/etc/hostname"])):
                if w.has(sub):
                    w.cmk(sub, "create", "same", *args)
                    w.cmk(sub, "rm", "same")
            w.cmk("tag", IMAGE, "localhost/same:1")
            w.cmk("rmi", "localhost/same:1")
            w.cmk("rm", "-f", "-a")
        wait_until(lambda: not w.ours())
        before = w.machine()
        start = time.monotonic()
        self.races()
        middle = time.monotonic()
        self.mix()
        end = time.monotonic()
        self.one("rm", "-f", "-a", "-t", "0")
        new = []

        def nothing():
            new[:] = w.left_behind(before)
            return not new

        if not wait_until(nothing):
            self.fault("left behind: " + "; ".join(new[:12]))
        done = sum(self.counts.values())
        good = sum(n for (_, code), n in self.counts.items() if code == 0)
        print(f"concurrency: {done} commands by {self.args.workers} at once, {good} of them gave 0; races {middle - start:.1f} s, "
              f"mixed {end - middle:.1f} s; {len(self.faults)} faults", flush=True)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--workers", type=int, default=64)
    p.add_argument("--operations", type=int, default=5000)
    p.add_argument("--names", type=int, default=12)
    p.add_argument("--seed", default=str(random.SystemRandom().randrange(10**9)))
    args = p.parse_args()
    print(f"concurrency: seed {args.seed}", flush=True)
    world = World("concurrency")
    storm = Storm(world, args)
    try:
        storm.run()
    except Fault as e:
        storm.fault(str(e))
    finally:
        world.close()
    failed = min(len(storm.faults), 1)
    print(f"concurrency: {1 - failed} passed, {failed} failed, 0 skipped")
    sys.exit(failed)


if __name__ == "__main__":
    main()
