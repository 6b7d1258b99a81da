# SPDX-License-Identifier: Apache-2.0
"""
The machine of tests/vm/drive: Debian's cloud kernel, a root by mmdebstrap, and the command line of qemu. Whatever changes
the machine stands in here or in "agent", since their hash names the cache. `python3 machine.py DIRECTORY`, as root, makes
vmlinuz, initrd and root.img. With "selinux" behind it the root has the policy of SELinux and is labelled, which takes longer.
"""
import hashlib
import lzma
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
KERNEL = "linux-image-6.12-cloud-amd64"
PACKAGES = """systemd systemd-sysv udev kmod dbus dbus-user-session libpam-systemd uidmap bats strace procps iproute2 jq tar
    busybox-static libseccomp2 libcap2 libyajl2 libcurl4 libzstd1 libslirp0 libsubid4 libnettle8 libpcre2-8-0 libyaml-0-2
    libsodium23 libssl3 libisal2 liblzma5 libbz2-1.0 zlib1g ca-certificates curl"""
SELINUX_PACKAGES = ",selinux-policy-default,policycoreutils,fuse-overlayfs"
MODULES = ["virtio_blk", "overlay", "tun", "veth", "loop"]
MEMORY = 1024  # MiB
DISK = 3 << 30
PAYLOAD = 256 << 20  # the same for the template and all that start from it
MASKED = """getty@tty1.service serial-getty@ttyS0.service getty-static.service console-getty.service systemd-networkd.service
    systemd-networkd-wait-online.service systemd-update-utmp.service systemd-pcrphase.service
    systemd-pcrphase-sysinit.service systemd-journal-flush.service apt-daily.timer apt-daily-upgrade.timer
    dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer systemd-tmpfiles-clean.timer""".split()
FILES = {
    "etc/fstab": "",
    "etc/hostname": "vm\n",
    "etc/hosts": "127.0.0.1 localhost vm\n::1 localhost\n",
    "etc/subuid": "cmk:100000:65536\nguest:200000:65536\n",
    "etc/subgid": "cmk:100000:65536\nguest:200000:65536\n",
    "etc/modules-load.d/cmk.conf": "overlay\ntun\n",
    # Debian delegates cpu, memory and pids; these are what its users add.
    "etc/systemd/system/user@.service.d/delegate.conf": "[Service]\nDelegate=cpu cpuset io memory pids\n",
    "etc/systemd/journald.conf.d/vm.conf": "[Journal]\nStorage=volatile\nForwardToConsole=no\n",
    "etc/systemd/logind.conf.d/vm.conf": "[Login]\nUserStopDelaySec=1\n",
    "var/lib/systemd/linger/cmk": "",
    "etc/systemd/system/vm-agent.service": """[Unit]
After=multi-user.target systemd-logind.service
[Service]
ExecStart=/bin/bash /usr/lib/vm-agent
Type=exec
IgnoreSIGPIPE=no
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
Delegate=yes
[Install]
WantedBy=default.target
""",
}
INIT = """#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox insmod /virtio_blk.ko
n=0
until [ -b /dev/vda ] || [ $n = 100 ]; do n=$((n + 1)); /bin/busybox sleep 0.1; done
/bin/busybox mount -t ext4 -o rw /dev/vda /root && /bin/busybox mount --move /dev /root/dev
exec /bin/busybox switch_root /root /lib/systemd/systemd
"""


class Failure(Exception):
    pass


def say(text):
    print(text, flush=True)


def run(*command, timeout=600, **options):
    """Runs a step of making something; its output is shown only when it fails."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=timeout, check=False, **options)
    if done.returncode:
        raise Failure("%s: exit code %d\n%s" % (" ".join(map(str, command)), done.returncode, done.stdout[-3000:]))
    return done.stdout


# --- the image: as root ----------------------------------------------------------------------------------------


def recipe(selinux):
    """What the image depends on; not the version of the kernel, which the archive changes when it likes."""
    digest = hashlib.sha256()
    for path in [HERE / "machine.py", HERE / "agent"] + ([HERE / "container.cil"] if selinux else []):
        digest.update(path.read_bytes())
    digest.update(run("qemu-system-x86_64", "--version").encode())
    return digest.hexdigest()[:16] + ("-selinux" if selinux else "")


def download_kernel(work):
    names = re.findall(r"Depends: (linux-image-\S+)", run("apt-cache", "depends", "--important", KERNEL))
    if not names:
        raise Failure("apt knows no %s: its lists have to include the security archive" % KERNEL)
    run("apt-get", "download", "-q", names[0], cwd=work)


def fetch_kernel(work):
    try:
        download_kernel(work)
    except Failure:
        # There may be no lists yet, or old ones.
        run("apt-get", "update", "-q")
        download_kernel(work)
    [package] = work.glob("linux-image-*.deb")
    tree = work / "kernel"
    run("dpkg-deb", "-x", package, tree)
    [image] = (tree / "boot").glob("vmlinuz-*")
    return image, image.name[len("vmlinuz-"):], tree / "lib/modules"


def install_modules(root, version, modules):
    """The wanted ones and what they need, unpacked: unpacking is slow in there. Returns virtio_blk."""
    files = {p.name[:-len(".ko.xz")].replace("-", "_"): p for p in modules.glob("**/*.ko.xz")}
    wanted, done = list(MODULES), {}
    while wanted:
        name = wanted.pop().replace("-", "_")
        if name in done:
            continue
        done[name] = lzma.decompress(files[name].read_bytes())
        needs = re.search(rb"\0depends=([^\0]*)\0", done[name])
        wanted += [n for n in needs.group(1).decode().split(",") if n] if needs else []
        to = root / "lib/modules" / files[name].relative_to(modules).with_suffix("")
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(done[name])
    for name in ("modules.builtin", "modules.order", "modules.builtin.modinfo"):
        shutil.copy(modules / version / name, root / "lib/modules" / version / name)
    run("chroot", root, "depmod", version)
    return done["virtio_blk"]


def cpio(entries):
    """An archive in the "newc" form of the kernel's documentation (driver-api/early-userspace/buffer-format)."""
    out = b""
    for number, (name, mode, data) in enumerate(entries + [("TRAILER!!!", 0, b"")]):
        path = name.encode() + b"\0"
        head = "070701" + "".join("%08X" % n for n in (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path), 0))
        out += head.encode() + path
        out += b"\0" * (-len(out) % 4) + data
        out += b"\0" * (-len(out) % 4)
    return out


def label(root):
    """The machine's files have the labels of its policy, which only tells what it would have forbidden."""
    (root / "etc/selinux/config").write_text("SELINUX=permissive\nSELINUXTYPE=default\n")
    shutil.copy(HERE / "container.cil", root / "root/cmk_container.cil")
    run("chroot", root, "semodule", "--noreload", "--install", "/root/cmk_container.cil")
    # It goes through /proc/self/fd.
    run("unshare", "--mount", "--propagation", "private", "sh", "-c", 'mount --bind /proc "$1/proc" && exec chroot "$1" '
        "setfiles -F -e /proc /etc/selinux/default/contexts/files/file_contexts /", "sh", root)


def make_image(directory, selinux):
    """DIRECTORY/vmlinuz, initrd and root.img."""
    os.umask(0o022)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="cmk-vm.") as name:
        work = pathlib.Path(name)
        os.chmod(work, 0o755)
        root = work / "root"
        image, version, modules = fetch_kernel(work)
        run("unshare", "--mount", "--propagation", "private", "mmdebstrap", "--quiet", "--mode=root", "--variant=minbase",
            "--include=" + ",".join(PACKAGES.split()) + (SELINUX_PACKAGES if selinux else ""), "--aptopt=APT::Install-Recommends \"false\"",
            "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*",
            "--dpkgopt=path-exclude=/usr/share/locale/*", "bookworm", root, timeout=1500)
        block = install_modules(root, version, modules)
        for user, uid in (("cmk", 1000), ("guest", 1001)):
            run("chroot", root, "useradd", "-m", "-u", str(uid), "-s", "/bin/bash", user)
        for path, text in FILES.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        (root / "etc/machine-id").write_text(hashlib.md5(b"cmk").hexdigest() + "\n")
        shutil.copy(HERE / "agent", root / "usr/lib/vm-agent")
        # A traced program has no more rights than its tracer has over it, and cmk needs newuidmap: CAP_SYS_PTRACE, effective.
        os.setxattr(root / "usr/bin/strace", "security.capability", struct.pack("<5I", 0x02000001, 1 << 19, 0, 0, 0))
        run("chroot", root, "systemctl", "-q", "enable", "vm-agent.service")
        run("chroot", root, "systemctl", "-q", "set-default", "multi-user.target")
        run("chroot", root, "systemctl", "-q", "mask", *MASKED)
        shutil.rmtree(root / "var/lib/apt/lists", ignore_errors=True)
        for path in ("etc/.updated", "var/.updated"):
            (root / path).touch()
        if selinux:
            label(root)
        busybox = (root / "bin/busybox").read_bytes()
        (directory / "initrd").write_bytes(cpio([(d, 0o40755, b"") for d in ("bin", "dev", "root")] + [
            ("bin/busybox", 0o100755, busybox), ("virtio_blk.ko", 0o100644, block), ("init", 0o100755, INIT.encode())]))
        shutil.copy(image, directory / "vmlinuz")
        make_disk(root, directory / "root.img", DISK)
    say("vm: kernel %s and root made in %.0f s" % (version, time.monotonic() - started))


def make_disk(tree, path, size):
    with open(path, "wb") as file:
        file.truncate(size)
    run("mke2fs", "-q", "-F", "-t", "ext4", "-O", "^has_journal", "-m", "0", "-E", "lazy_itable_init=1,root_owner=0:0", "-d",
        tree, path, env=dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin:/sbin"))


# --- the machine itself ---------------------------------------------------------------------------------------------

CONSOLE = "console"
SELINUX = "security=selinux selinux=1"  # of the kernel; without it AppArmor is what it has


def qemu_command(directory, work, payload, template, boot=""):
    """DIRECTORY has the image; WORK is for sockets and the console. A template keeps what it writes; what starts from one
    does not, and waits for its memory. One that is booted for itself, with BOOT for the kernel, keeps nothing either."""
    share, snapshot = ("on", "off") if template else ("off", "on")
    backing = "memory-backend-ram,id=ram,size=%dM" % MEMORY
    if not boot:
        backing = "memory-backend-file,id=ram,size=%dM,mem-path=%s,share=%s" % (MEMORY, directory / "ram", share)
    # One CPU is much faster than two: both are of one thread of ours, and the second sleeps until a test wants it.
    append = ("console=ttyS0 quiet loglevel=4 systemd.show_status=0 mitigations=off random.trust_cpu=on tsc=reliable "
              "net.ifnames=0 transparent_hugepage=always maxcpus=1 " + boot)
    command = [
        "setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", "-accel", "tcg,thread=single", "-cpu", "max", "-smp", "2",
        "-m", MEMORY, "-machine", "pc,memory-backend=ram",
        "-object", backing,
        "-nodefaults", "-no-user-config", "-display", "none",
        "-kernel", directory / "vmlinuz", "-initrd", directory / "initrd", "-append", append,
        "-serial", "file:%s" % (work / CONSOLE), "-qmp", "unix:%s,server=on,wait=off" % (work / "qmp"),
        "-device", "vmgenid,guid=auto", "-device", "virtio-rng-pci",
        "-drive", "file=%s,format=raw,if=none,id=root,snapshot=%s" % (directory / "root.img", snapshot),
        "-device", "virtio-blk-pci,drive=root",
        "-drive", "file=%s,format=raw,if=none,id=payload,readonly=on" % payload,
        "-device", "virtio-blk-pci,drive=payload", "-device", "virtio-serial-pci"]
    for name in ("control", "output"):
        command += ["-chardev", "socket,id=%s,path=%s,server=on,wait=off" % (name, work / name),
                    "-device", "virtserialport,chardev=%s,name=%s" % (name, name)]
    return list(map(str, command if template or boot else command + ["-incoming", "defer"]))


if __name__ == "__main__":
    try:
        make_image(pathlib.Path(sys.argv[1]), sys.argv[2:] == ["selinux"])
    except Failure as failure:
        sys.exit(str(failure))
