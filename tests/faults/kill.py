#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""kill.py [--sample N --seed S] [--floor N] [--part K/N] [--every] [--keep] [SCENARIO...]

Run by root inside the fixture (tests/check-bats -r -x): runs each scenario as cmk-test under `killer`, which
kills at one system call: first one process, then all of ours at once; for every call of every process of
ours that others can see the effect of (--every: for every call), or for N picked by seed S. After each kill what is left is compared with the truth by checker.py:
no process, group, mount, namespace, socket or file may outlive what `cmk ps` says, the next commands must
work on the same name, and after `rm -fa` all must be as before the first command.

Prints the number of kill points of each scenario; fails if all together they are fewer than --floor. --part: every N-th
scenario from the K-th on; each part needs a fixture of its own."""
import argparse
import os
import random
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import checker
from world import IMAGE, REGISTRY, Fault, World, wait_until

# --- scenarios --------------------------------------------------------------------------------------------
# name: needs (a command), first (once for a world), prepare, damage (a function of the world, behind it), command, its exit
# code, env, kept (what must be listed after any kill), attach (to whose helpers), bare (no image is here before), again
# (commands that must work after the kill), remove (files that the command makes)
NET = "--net=none"
RUN = ["run", "-d", NET, "--name", "c", IMAGE, "sleep", "1000"]
AGAIN_VOLUME = [["volume", "create", "v"], ["volume", "rm", "v"]]
TAKEN = {"CMK_TEST_COMMIT_PENDING": "1"}
CHUNKED = f"{REGISTRY}/faults/chunked"


def chunked(tag):
    """Commands that put an image of which parts can be fetched to the registry."""
    made = f"localhost/chunked:{tag}"
    return [["import", "-q", f"{{dir}}/{tag}.tar", made],
            ["push", "-q", "--compression-format", "zstd:chunked", made, f"{CHUNKED}:{tag}"], ["rmi", made]]


def damage(world):
    """A file of the imported layer gets one byte more."""
    layers = f"{world.data}/layers"
    for layer in os.listdir(layers):
        path = f"{layers}/{layer}/diff/etc/hostname"
        if os.path.exists(path) and not os.path.exists(f"{layers}/{layer}/diff/bin"):
            with open(path, "a") as f:
                f.write("x")


SCENARIOS = {
    "run-rm": dict(command=["run", "--rm", NET, "--name", "c", IMAGE, "true"]),
    "run-slirp": dict(command=["run", "--rm", "--name", "c", "-p", "18080:80", IMAGE, "true"]),
    "run": dict(command=["run", NET, "--name", "c", IMAGE, "sh", "-c", "exit 3"], code=3),
    "run-d": dict(command=RUN),
    "create": dict(command=["create", NET, "--name", "c", IMAGE, "true"]),
    "start": dict(prepare=[["create", NET, "--name", "c", IMAGE, "sleep", "1000"]], command=["start", "c"], kept=["c"]),
    "restarted": dict(prepare=[["run", NET, "--name", "c", IMAGE, "true"]], command=["start", "c"], kept=["c"]),
    "stop": dict(prepare=[RUN], command=["stop", "-t", "0", "c"], kept=["c"], attach="c"),
    "stop-slirp": dict(prepare=[["run", "-d", "--rm", "-p", "18080:80", "--name", "c", IMAGE, "sleep", "1000"]],
                       command=["stop", "-t", "0", "c"], attach="c"),
    "kill": dict(prepare=[RUN], command=["kill", "c"], kept=["c"], attach="c"),
    "rm": dict(prepare=[["run", NET, "--name", "c", IMAGE, "true"]], command=["rm", "c"]),
    "rm-f": dict(prepare=[RUN], command=["rm", "-f", "-t", "0", "c"], attach="c"),
    "exec": dict(prepare=[RUN], command=["exec", "c", "true"], kept=["c"], attach="c"),
    "rename": dict(needs=["rename"], prepare=[["create", NET, "--name", "c", IMAGE, "true"]], command=["rename", "c", "d"],
                   kept=["c|d"]),
    "restart": dict(needs=["restart"], prepare=[RUN], command=["restart", "-t", "0", "c"], kept=["c"], attach="c"),
    "update": dict(needs=["update"], prepare=[["create", NET, "--name", "c", IMAGE, "true"]],
                   command=["update", "--restart", "always", "c"], kept=["c"]),
    "pause": dict(needs=["pause"], prepare=[RUN], command=["pause", "c"], kept=["c"], attach="c"),
    "commit": dict(needs=["commit"], prepare=[["run", NET, "--name", "c", IMAGE, "touch", "/x"]],
                   command=["commit", "-q", "c", "localhost/made"], kept=["c"],
                   again=[["run", NET, "--name", "c", IMAGE, "touch", "/x"], ["commit", "-q", "c", "localhost/made"], ["rm", "c"]]),
    "commit-running": dict(needs=["commit"], prepare=[RUN], command=["commit", "-q", "c", "localhost/made"], kept=["c"],
                           again=[["run", NET, "--name", "c", IMAGE, "touch", "/x"], ["commit", "-q", "c", "localhost/made"], ["rm", "c"]]),
    # Without reading what was changed, which is done where that is much.
    "commit-taken": dict(env=TAKEN, prepare=[["run", NET, "--name", "c", IMAGE, "touch", "/x"]],
                         command=["commit", "-q", "c", "localhost/made"], kept=["c"],
                         again=[["run", NET, "--name", "c", IMAGE, "touch", "/x"], ["commit", "-q", "c", "localhost/made"],
                                ["save", "-q", "-o", "{dir}/home/image.tar", "localhost/made"], ["rm", "c"]], remove=["home/image.tar"]),
    "settle": dict(env=TAKEN, prepare=[["run", NET, "--name", "c", IMAGE, "touch", "/x"], ["commit", "-q", "c", "localhost/made"]],
                   command=["save", "-q", "-o", "{dir}/home/image.tar", "localhost/made"], kept=["c"],
                   again=[["save", "-q", "--format", "docker-dir", "-o", "{dir}/home/saved", IMAGE]], remove=["home/image.tar", "home/saved"]),
    "cp-running": dict(needs=["cp"], prepare=[RUN], command=["cp", "c:/etc/passwd", "c:/x"], kept=["c"]),
    "volume-create": dict(needs=["volume"], command=["volume", "create", "v"], again=AGAIN_VOLUME),
    "volume-rm": dict(needs=["volume"], prepare=[["volume", "create", "v"]], command=["volume", "rm", "v"], again=AGAIN_VOLUME),
    "volume-run": dict(needs=["volume"], command=["run", NET, "--name", "c", "-v", "v:/etc", IMAGE, "true"], again=AGAIN_VOLUME),
    "secret-create": dict(needs=["secret"], command=["secret", "create", "s", "/etc/hostname"],
                          again=[["secret", "create", "s", "/etc/hostname"], ["secret", "rm", "s"]]),
    "cp": dict(needs=["cp"], prepare=[["create", NET, "--name", "c", IMAGE, "true"]], command=["cp", "/etc/passwd", "c:/x"], kept=["c"]),
    "prune": dict(needs=["container", "prune"], prepare=[["run", NET, "--name", "c", IMAGE, "true"]],
                  command=["container", "prune", "-f"]),
    "pull": dict(bare=True, command=["pull", "-q", IMAGE]),
    "import": dict(command=["import", "{dir}/files.tar", "localhost/made"], again=[["import", "{dir}/files.tar", "localhost/made"]]),
    "save": dict(command=["save", "-q", "-o", "{dir}/home/image.tar", IMAGE], again=[["save", "-q", "--format", "docker-dir", "-o", "{dir}/home/saved", IMAGE]],
                 remove=["home/image.tar", "home/saved"]),
    "load": dict(bare=True, prepare=[["pull", "-q", IMAGE], ["save", "-q", "-o", "{dir}/home/image.tar", IMAGE], ["rmi", "-f", IMAGE]], command=["load", "-q", "-i", "{dir}/home/image.tar"],
                 again=[["load", "-q", "-i", "{dir}/home/image.tar"]], remove=["home/image.tar"]),
    "untag": dict(prepare=[["tag", IMAGE, "localhost/other:1"]], command=["untag", IMAGE, "localhost/other:1"]),
    "image-prune": dict(prepare=[["import", "-q", "{dir}/files.tar"]], command=["image", "prune", "-f"],
                        again=[["import", "-q", "{dir}/files.tar"], ["image", "prune", "-f"]]),
    "export": dict(prepare=[["create", NET, "--name", "c", IMAGE, "true"]], command=["export", "-o", "{dir}/home/c.tar", "c"], kept=["c"]),
    "keep-id": dict(bare=True, prepare=[["pull", "-q", IMAGE]],
                    command=["run", "--rm", NET, "--userns=keep-id", "--name", "c", IMAGE, "true"]),
    "restart-policy": dict(command=["run", NET, "--restart=on-failure:1", "--name", "c", IMAGE, "sh", "-c", "exit 3"], code=3),
    "healthcheck": dict(prepare=[["run", "-d", NET, "--health-cmd", "true", "--health-interval", "disable", "--name", "c", IMAGE, "sleep", "1000"]],
                        command=["healthcheck", "run", "c"], kept=["c"], attach="c"),
    "init": dict(prepare=[["create", NET, "--name", "c", IMAGE, "sleep", "1000"]], command=["init", "c"], kept=["c"]),
    "unpause": dict(prepare=[RUN, ["pause", "c"]], command=["unpause", "c"], kept=["c"], attach="c"),
    "exec-d": dict(prepare=[RUN], command=["exec", "-d", "c", "true"], kept=["c"], attach="c"),
    "replace": dict(prepare=[RUN], command=["run", "-d", NET, "--replace", "--name", "c", IMAGE, "sleep", "1000"]),
    "volume-prune": dict(prepare=[["volume", "create", "v"]], command=["volume", "prune", "-f", "-a"], again=AGAIN_VOLUME),
    "rm-volumes": dict(prepare=[["run", NET, "--name", "c", "-v", "/anonymous", IMAGE, "true"]], command=["rm", "-v", "c"]),
    "secret-rm": dict(prepare=[["secret", "create", "s", "/etc/hostname"]], command=["secret", "rm", "s"],
                      again=[["secret", "create", "s", "/etc/hostname"], ["secret", "rm", "s"]]),
    "tag": dict(command=["tag", IMAGE, "localhost/other:1"]),
    "rmi": dict(bare=True, prepare=[["pull", "-q", IMAGE]], command=["rmi", IMAGE]),
    "pull-kept": dict(bare=True, command=["pull", "-q", "--keep-blobs", "always", IMAGE]),
    "pull-partial": dict(first=chunked("one") + chunked("two"), prepare=[["pull", "-q", f"{CHUNKED}:one"]],
                         command=["pull", "-q", f"{CHUNKED}:two"], again=[["pull", "-q", f"{CHUNKED}:two"], ["rmi", f"{CHUNKED}:two"]]),
    "push-oci": dict(command=["push", "-q", IMAGE, "oci:{dir}/home/layout:a"], again=[["push", "-q", IMAGE, "oci:{dir}/home/layout:b"]],
                     remove=["home/layout"]),
    "push-dir": dict(command=["push", "-q", IMAGE, "dir:{dir}/home/saved"], again=[["push", "-q", IMAGE, "dir:{dir}/home/saved"]],
                     remove=["home/saved"]),
    "manifest-create": dict(command=["manifest", "create", "localhost/list", IMAGE],
                            again=[["manifest", "create", "--amend", "localhost/list", IMAGE]]),
    "manifest-add": dict(prepare=[["manifest", "create", "localhost/list"]], command=["manifest", "add", "localhost/list", IMAGE],
                         again=[["manifest", "add", "localhost/list", IMAGE]]),
    "manifest-rm": dict(prepare=[["manifest", "create", "localhost/list", IMAGE]], command=["manifest", "rm", "localhost/list"],
                        again=[["manifest", "create", "localhost/again", IMAGE], ["manifest", "rm", "localhost/again"]]),
    "artifact-add": dict(command=["artifact", "add", "localhost/files:1", "/etc/hostname", "/etc/passwd"],
                         again=[["artifact", "add", "--replace", "localhost/files:1", "/etc/hostname"]]),
    "artifact-rm": dict(prepare=[["artifact", "add", "localhost/files:1", "/etc/hostname"]], command=["artifact", "rm", "localhost/files:1"],
                        again=[["artifact", "add", "--replace", "localhost/files:1", "/etc/hostname"]]),
    "check-repair": dict(prepare=[["import", "-q", "{dir}/files.tar", "localhost/made"]], damage=damage,
                         command=["system", "check", "--repair"]),
    "system-prune": dict(prepare=[["run", NET, "--name", "c", "-v", "/anonymous", IMAGE, "true"], ["import", "-q", "{dir}/files.tar"]],
                         command=["system", "prune", "-f", "--volumes"], again=[["system", "prune", "-f", "--volumes"]]),
}


def listed(world):
    out = world.cmk("ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.Names}} {{.State}}").stdout
    return [line.split() for line in out.splitlines()]


def is_running(state):
    return state in ("running", "paused", "initialized")


def number_of(world, ident, field):
    """None where the container has gone meanwhile, as one with --rm may."""
    r = world.cmk("inspect", "--format", f"{{{{.State.{field}}}}}", ident, want=None)
    if r.returncode != 0 and any(row[0] == ident for row in listed(world)):
        raise Fault(f"`cmk inspect {ident}` gave {r.returncode}: {r.stderr.strip()[-300:]}")
    return int(r.stdout) if r.returncode == 0 else None


def settled(world, others):
    """Nothing of ours is alive but what belongs to a running container. Returns what is too much."""
    running = set()
    for ident, _, state in listed(world):
        if is_running(state):
            running |= {number_of(world, ident, "ConmonPid"), number_of(world, ident, "Pid")}
    return [p for p in world.ours() if p not in others and not belongs(p, running)]


def belongs(pid, roots):
    seen = set()
    while pid > 1 and pid not in seen:
        if pid in roots:
            return True
        seen.add(pid)
        pid = checker.parent_of(pid)
    return False


def check_listing(world, kept):
    """What ps says is true."""
    left = []
    if not wait_until(lambda: not left.__setitem__(slice(None), settled(world, ())) and not left):
        raise Fault("alive without a running container: " + "; ".join(checker.describe(p) for p in left))
    rows = listed(world)
    for ident, name, state in rows:
        pid = number_of(world, ident, "Pid")
        if pid is None:
            return check_listing(world, kept)
        if is_running(state) and not checker.alive(pid):
            # It may just have ended.
            if not wait_until(lambda: not any(r[0] == ident and is_running(r[2]) for r in listed(world)), 2):
                raise Fault(f"'{name}' is said to be {state}, but its process {pid} is not there")
            return check_listing(world, kept)
        elif not is_running(state):
            if pid != 0:
                raise Fault(f"'{name}' is {state} and has the process {pid}")
            if not wait_until(lambda: not checker.group_processes(world.cgroup, ident), 2):
                raise Fault(f"'{name}' is {state}, but its group has processes")
    names = {r[1] for r in rows}
    for want in kept:
        if not names & set(want.split("|")):
            raise Fault(f"'{want}' is lost; there are {sorted(names)}")
    return rows


def concerns(s, *words):
    return any(word in args for args in s.get("prepare", []) + [s["command"]] for word in words)


def check_images(world):
    for ident in set(world.cmk("images", "-a", "--no-trunc", "--format", "{{.ID}}").stdout.split()):
        tags = world.cmk("image", "inspect", "--format", "{{.RepoTags}}", ident).stdout
        if IMAGE not in tags:
            world.cmk("rmi", "-f", ident)
    world.cmk("rmi", "localhost/other:1", want=None)


def check_next(world, rows, s):
    """The next commands work on what is there, and on the same name."""
    for ident, name, state in rows:
        if is_running(state):
            if state == "running":
                world.cmk("exec", name, "true")
            else:
                world.cmk("unpause" if state == "paused" else "start", name)
            world.cmk("stop", "-t", "0", name)
            world.cmk("rm", name, want=None)  # --rm containers have gone
        else:
            if state != "created":
                world.cmk("wait", name)
            world.cmk("start", name, want=None if state == "created" else 0)
            world.cmk("rm", "-f", "-t", "0", name)
    if s.get("bare"):
        world.cmk("images")
        world.cmk("pull", "-q", IMAGE)
    for sub in ("volume", "secret"):
        if concerns(s, sub, "-v") and world.has(sub):
            world.cmk(sub, "ls")
            for item in world.cmk(sub, "ls", "-q").stdout.split():
                world.cmk(sub, "rm", item)
    for args in s.get("again", []):
        world.cmk(*args)
    if concerns(s, "artifact"):
        for item in world.cmk("artifact", "ls", "-n", "--no-trunc", "--format", "{{.Digest}}").stdout.split():
            world.cmk("artifact", "rm", item)
    if concerns(s, "pull", "rmi", "tag", "untag", "load", "prune", "commit", "import", "manifest", "--userns=keep-id"):
        check_images(world)
    world.cmk("run", "--rm", NET, "--name", "c", IMAGE, "true")
    world.cmk("create", NET, "--name", "c", IMAGE, "true")
    world.cmk("rm", "c")


def check_end(world, before, bare):
    world.cmk("rm", "-f", "-a", "-t", "0")
    if bare:
        world.cmk("rmi", "-f", IMAGE)
    new = []

    def nothing():
        new[:] = world.left_behind(before)
        return not new

    if not wait_until(nothing):
        raise Fault("left behind: " + "; ".join(new[:12]))


# --- one kill ---------------------------------------------------------------------------------------------

def prepare(world, s):
    for path in s.get("remove", []):
        path = os.path.join(world.dir, path)
        if os.path.isdir(path):
            shutil.rmtree(path)
        elif os.path.exists(path):
            os.unlink(path)
    for args in s.get("prepare", []):
        world.cmk(*args)
    if s.get("damage"):
        s["damage"](world)
    return [f"-p{p}" for p in world.helpers_of(s["attach"])] if s.get("attach") else []


def set_up(world, s):
    world.cmk("pull", "-q", IMAGE)
    for args in s.get("first", []):
        world.cmk(*args)


def once(world, s, before, point=None, everything=False):
    """Runs S, killed at POINT or not at all; the processes that were followed, or what was killed."""
    report = f"{world.dir}/report"
    options = prepare(world, s) + ["-o", report]
    if point:
        options += ["-k", f"{point[0]}:{point[1]}"] + (["-a"] if everything else [])
    try:
        r = world.killer(options, s["command"])
    except subprocess.TimeoutExpired:
        raise Fault(f"`cmk {' '.join(s['command'])}` does not end") from None
    with open(report) as f:
        lines = [l.split() for l in f]
    killed = bool(lines) and lines[0][0] == "killed"
    if not killed and r.returncode != s.get("code", 0):
        raise Fault(f"`cmk {' '.join(s['command'])}` gave {r.returncode}: {r.stderr.strip()[-300:]}")
    if not point:
        return lines
    # What was killed needs some time to be dead, and so does what dies with it.
    if killed and not wait_until(lambda: not any(checker.alive(int(p)) for p in lines[0][5:])):
        raise Fault("does not die of SIGKILL")
    rows = check_listing(world, s.get("kept", []))
    check_next(world, rows, s)
    check_end(world, before, s.get("bare"))
    return lines[0] if killed else None


def points_of(lines, every):
    """(LABEL, N, COMM): before its first call, and behind each that has an effect; or before each."""
    found = []
    for label, comm, *marks in lines:
        marks = marks[0] if marks else ""
        found += [(label, n, comm) for n in range(1, len(marks) + 1) if every or n == 1 or marks[n - 2] == "+"]
    return found


def run_scenario(name, s, args):
    """Number of kill points that were tried (None: cmk cannot do that), and the faults found."""
    world = World(name, s.get("env"))
    faults, tried, missed = [], 0, 0
    try:
        if s.get("needs") and not world.has(*s["needs"]):
            print(f"{name}: cmk has no '{' '.join(s['needs'])}' yet", flush=True)
            return None, []
        set_up(world, s)
        # Twice, so that what is made once (caches, directories) is there.
        for _ in range(2):
            empty = checker.Machine(world.cgroup, {})
            lines = once(world, s, empty)
            check_next(world, check_listing(world, []), s)
            world.cmk("rm", "-f", "-a", "-t", "0")
            if s.get("bare"):
                world.cmk("rmi", "-f", IMAGE)
        wait_until(lambda: not world.ours())
        before = world.machine()
        points = points_of(lines, args.every)
        total = len(points)
        if args.point:
            label, n = args.point.split(":")
            points = [p for p in points if p[0] == label and p[1] == int(n)]
        plan = [(p, everything) for p in points for everything in (False, True)]
        if args.sample and args.sample < len(plan):
            plan = random.Random(f"{args.seed}-{name}").sample(plan, args.sample)
        for point, everything in plan:
            if time.monotonic() > args.deadline:
                print(f"{name}: out of time after {tried} points", flush=True)
                break
            try:
                if once(world, s, before, point, everything):
                    tried += 1
                else:
                    missed += 1
            except Fault as e:
                tried += 1
                faults.append(f"{name}: {point[2]} {point[0]}:{point[1]}{' and all others' if everything else ''}: {e}")
                print(faults[-1], flush=True)
                world.close()
                if len(faults) >= args.max_faults:
                    break
                world = World(name, s.get("env"))
                set_up(world, s)
                lines = once(world, s, before)
                check_next(world, check_listing(world, []), s)
                world.cmk("rm", "-f", "-a", "-t", "0")
                if s.get("bare"):
                    world.cmk("rmi", "-f", IMAGE)
                wait_until(lambda: not world.ours())
                before = world.machine()
        print(f"{name}: {tried} kill points of {2 * total} ({missed} not reached), {len(faults)} faults", flush=True)
    finally:
        if args.keep and faults:
            print(f"kept: {world.dir}")
        else:
            world.close()
    return tried, faults


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--sample", type=int, default=0)
    p.add_argument("--seed", default=str(random.SystemRandom().randrange(10**9)))
    p.add_argument("--floor", type=int, default=0)
    p.add_argument("--seconds", type=int, default=10**6)
    p.add_argument("--max-faults", type=int, default=10)
    p.add_argument("--point", help="LABEL:N only")
    p.add_argument("--part", default="1/1", help="K/N")
    p.add_argument("--every", action="store_true", help="also between calls of which nobody else sees an effect")
    p.add_argument("--keep", action="store_true")
    p.add_argument("scenarios", nargs="*")
    args = p.parse_args()
    args.deadline = time.monotonic() + args.seconds
    print(f"faults: seed {args.seed}" + (f", {args.sample} kill points of each scenario" if args.sample else ""), flush=True)
    tried, faults, failed, skipped = 0, [], 0, 0
    part, parts = (int(n) for n in args.part.split("/"))
    chosen = list(args.scenarios or SCENARIOS)[part - 1::parts]
    for name in chosen:
        try:
            n, f = run_scenario(name, SCENARIOS[name], args)
            tried += n or 0
            skipped += n is None
            faults += f
            failed += bool(f)
        except Fault as e:
            faults.append(f"{name}: without any kill: {e}")
            failed += 1
            print(faults[-1], flush=True)
    print(f"faults: {tried} kill points, {len(faults)} faults")
    if tried < args.floor:
        print(f"faults: fewer than {args.floor} kill points")
        failed += 1
    total = len(chosen)
    print(f"faults: {max(total - failed - skipped, 0)} passed, {failed} failed, {skipped} skipped")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
