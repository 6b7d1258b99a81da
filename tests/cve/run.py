#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""run.py BUILD [--sample N --seed S] [NAME...]: takes each guard out (mutants/NAME.patch) of a copy of the tree and
of its build, and requires the test that the patch names to fail then. A patch begins with two lines, "Guard: WHAT" and
"Test: FILE.bats: REGEX of names"; FILE.bats is in tests/bats or, where it needs root, tests/bats-root. A race that a test
from outside meets once in a while is shown by "Test: test_NAME.c: REGEX", of tests/unit. Ends with totals."""
import argparse
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SRC = os.path.dirname(os.path.dirname(HERE))


def patch_of(name):
    path = f"{HERE}/mutants/{name}.patch"
    with open(path) as f:
        head = [f.readline().strip() for _ in range(2)]
    guard = re.fullmatch(r"Guard: (.+)", head[0])
    test = re.fullmatch(r"Test: (\S+\.(?:bats|c)): (.+)", head[1])
    if not guard or not test:
        sys.exit(f"{path}: its first lines are not 'Guard: …' and 'Test: …'")
    return path, guard[1], test[1], test[2]


def copy(build, to):
    """The sources and the build, which finds the copied sources from then on."""
    kept = os.path.relpath(build, SRC)
    ours = re.compile(re.escape(SRC) + r"(?![\w.-])")
    os.makedirs(to)
    for name in os.listdir(SRC):
        if name not in (".git", kept.split("/")[0]) and not name.startswith("_build"):
            subprocess.run(["cp", "-a", f"{SRC}/{name}", to], check=True)
    os.makedirs(os.path.dirname(f"{to}/{kept}"), exist_ok=True)
    subprocess.run(["cp", "-a", build, f"{to}/{kept}"], check=True)
    for top, _, files in os.walk(f"{to}/{kept}"):
        for name in files:
            path = f"{top}/{name}"
            if not (name == "Makefile" or name == "config.status" or name.endswith(".Po")) or os.path.islink(path):
                continue
            with open(path, errors="surrogateescape") as f:
                text = f.read()
            if ours.search(text):
                times = os.stat(path)
                with open(path, "w", errors="surrogateescape") as f:
                    f.write(ours.sub(to, text))
                os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    return f"{to}/{kept}"


def last(text, n=12):
    return "\n".join(text.strip().splitlines()[-n:])


def make(build):
    # A mutant may leave something unused.
    r = subprocess.run(["make", "-s", "-C", build, f"-j{os.cpu_count()}", "CFLAGS=-g -O2 -Wno-error"], text=True,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    return None if r.returncode == 0 else last(r.stdout)


def bats(tree, build, file, regex):
    """(EXIT CODE, NUMBER OF TESTS, OUTPUT)"""
    env = dict(os.environ, CMK_TEST_CACHE=os.environ.get("CMK_TEST_CACHE", f"{SRC}/build/cache"))
    root = not os.path.exists(f"{tree}/tests/bats/{file}")
    script = 'cd "$CMK_TEST_STAGE/tests/$2" && BATS_TEST_TIMEOUT=60 exec bats -f "$1" "$0"'
    r = subprocess.run([f"{tree}/tests/check-bats", "-b", build, *(["-r"] if root else []), "-x", "bash", "-c", script, file, regex,
                        "bats-root" if root else "bats"], env=env, text=True,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    plan = re.search(r"^1\.\.(\d+)$", r.stdout, re.M)
    return r.returncode, int(plan[1]) if plan else 0, r.stdout


def unit(build, file, regex):
    name = f"tests/unit/{file[:-2]}"
    r = subprocess.run(["make", "-C", build, "check", f"TESTS={name}", "CFLAGS=-g -O2 -Wno-error"], text=True,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    try:
        with open(f"{build}/{name}.log") as f:
            out = f.read()
    except FileNotFoundError:
        return r.returncode, 0, r.stdout
    failed = re.findall(rf"^\[  FAILED  \] (?=.*{regex}).*", out, re.M)
    return len(failed), len(re.findall(rf"^\[ RUN      \] .*{regex}", out, re.M)), "\n".join(f"not ok {f}" for f in failed)


def try_one(name, tree, build):
    """What is wrong, or None."""
    path, guard, file, regex = patch_of(name)
    patch = ["patch", "-s", "-p1", "-d", tree, "-i", path]
    r = subprocess.run(patch, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if r.returncode:
        return f"the patch does not fit any more: {last(r.stdout)}"
    try:
        wrong = make(build)
        if wrong:
            return f"cannot be built:\n{wrong}"
        code, n, out = bats(tree, build, file, regex) if file.endswith(".bats") else unit(build, file, regex)
        if n == 0:
            return f"no test ran:\n{last(out)}"
        if code == 0:
            return f"nobody sees that it is gone: {guard}"
        if not re.search(r"^not ok ", out, re.M):
            return f"the test did not fail by itself:\n{last(out)}"
    finally:
        subprocess.run(patch + ["-R"], check=True)
    return None


def main():
    p = argparse.ArgumentParser()
    p.add_argument("build")
    p.add_argument("--sample", type=int, default=0)
    p.add_argument("--seed", default=str(random.SystemRandom().randrange(10**9)))
    p.add_argument("names", nargs="*")
    args = p.parse_args()
    names = args.names or sorted(n[:-6] for n in os.listdir(f"{HERE}/mutants") if n.endswith(".patch"))
    if args.sample and args.sample < len(names):
        names = random.Random(args.seed).sample(names, args.sample)
    print(f"mutants: {len(names)}, seed {args.seed}", flush=True)
    top = tempfile.mkdtemp(prefix="cmk-mutants.", dir=os.environ.get("CMK_TEST_TMP", "/var/tmp"))
    os.chmod(top, 0o755)
    failed = 0
    try:
        tree = f"{top}/tree"
        build = copy(os.path.abspath(args.build), tree)
        for name in names:
            wrong = try_one(name, tree, build)
            failed += wrong is not None
            print(f"{'not ok' if wrong else 'ok'} {name}" + (f": {wrong}" if wrong else ""), flush=True)
        wrong = make(build)
        if wrong:
            failed += 1
            print(f"not ok: the tree without a mutant cannot be built any more:\n{wrong}")
    finally:
        shutil.rmtree(top, ignore_errors=True)
    print(f"mutants: {len(names) - min(failed, len(names))} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
