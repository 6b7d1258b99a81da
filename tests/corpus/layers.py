# SPDX-License-Identifier: Apache-2.0
"""Hostile layers, each with what has to become of it: refused for a reason, or just these files below its own root."""
import bz2
import lzma
import struct
import zlib

from make import (BLOCK, END, FIELDS, base256, block, char, dir, fifo, file, gz, gz_member, gz_zeros, hard, head, link, long_name, octal, old_sparse,
                  pad, pax, raw, sparse_1, xattr, xattr64, zstd, zstd_frame, zstd_zeros)

DIR, WHITE, FIFO = "directory", "whiteout", "fifo"
OUT = "leads out of the layer"
CUT = "ends in the middle"
MAP = "map of a sparse file|PAX record 'GNU.sparse"


def to(target):
    return "-> " + target


class Layer:
    """DATA: the bytes as shipped, of the tar stream STREAM. REFUSE: of the message; or what then lies in the layer: TREE
    {path: bytes or kind}, MODES {path: mode} and XATTRS {path: {name: value}} where they are not the usual ones."""

    def __init__(self, name, data, refuse=None, tree=None, modes=None, xattrs=None, stream=None, blob=False, disk=None):
        self.name, self.data, self.refuse, self.tree = name, data, refuse, tree
        self.modes, self.xattrs = modes or {}, xattrs or {}
        self.stream, self.blob, self.disk = data if stream is None else stream, blob, disk


class Cases(list):
    def refuse(self, name, why, *entries, end=END, **kw):
        self.append(Layer(name, b"".join(entries) + end, refuse=why, **kw))

    def accept(self, name, tree, *entries, end=END, **kw):
        self.append(Layer(name, b"".join(entries) + end, tree=tree, **kw))


# --- names ------------------------------------------------------------------------------------------------

# How a name may be said. A name in a header block ends at its first NUL.
def by_header(name, type, **kw):
    return head(name, type=type, **kw)


def by_prefix(name, type, **kw):
    prefix, _, rest = raw(name).partition(b"/")
    return head(rest, type=type, prefix=prefix, **kw) if prefix and rest else head(name, type=type, **kw)


def by_pax(name, type, **kw):
    return pax(("path", name)) + head("harmless", type=type, **kw)


def by_gnu(name, type, **kw):
    return long_name(name) + head("harmless", type=type, **kw)


WAYS = {"header": by_header, "prefix": by_prefix, "pax": by_pax, "gnu": by_gnu}
TYPES = {"file": b"0", "old-file": b"\0", "contiguous": b"7", "dir": b"5", "link": b"2", "hard": b"1", "fifo": b"6", "char": b"3", "block": b"4"}


def names(c, canary):
    outside = ["..", "../", "../evil", "./../evil", "a/../../evil", "a/b/../../../evil", "/../evil", "//..//evil", "././.././evil",
               "../../../../../../../.." + canary + "/evil", "d/../../" + canary.split("/")[-1] + "/evil"]
    for i, name in enumerate(outside):
        for way, make in WAYS.items():
            c.refuse(f"name/out-{i}-{way}", OUT, make(name, b"0"))
    for kind, type in TYPES.items():
        to_what = "x" if kind in ("link", "hard") else b""
        c.refuse(f"name/out-{kind}", OUT, file("x"), by_pax("../evil", type, link=to_what))
    for i, name in enumerate(["..\\evil", "...", ".../evil", "%2e%2e/evil", "..;/evil", "‥/evil", "．．/evil", "..\u200b/evil", " ../evil",
                              "~/evil", "$HOME/evil", "C:\\evil", "-rf", "*"]):
        parts = name.split("/")
        tree = {name: b"x", **({parts[0]: DIR} if len(parts) > 1 else {})}
        for way in ("pax", "gnu"):
            c.accept(f"name/like-out-{i}-{way}", tree, WAYS[way](name, b"0", size=1), pad(b"x"))
    absolute = canary.strip("/").split("/")
    c.accept("name/absolute", {"/".join(absolute[:i + 1]): DIR for i in range(len(absolute))} | {canary[1:] + "/evil": b"x"}, file(canary + "/evil"))
    c.accept("name/many-slashes", {"a": DIR, "a/b": b"x"}, file("///a///./b"))
    c.accept("name/inner-dots", {"b": b"x"}, file("a/../b"))
    for i, name in enumerate([".", "./", "/", "//", "./.", "a/.."]):
        c.accept(f"name/root-{i}-dir", {}, dir(name))
        for kind in ("file", "link", "hard", "fifo", "char"):
            c.refuse(f"name/root-{i}-{kind}", "root of a layer must be a directory", head(name, type=TYPES[kind], link=canary if kind in ("link", "hard") else b""))
    c.refuse("name/empty", "without a name", head(""))
    c.refuse("name/empty-gnu", "without a name", long_name(""), head("harmless"))
    c.accept("name/empty-pax", {"harmless": b"x"}, pax(("path", "")), file("harmless"))
    c.refuse("name/empty-dir", "without a name", dir(""))
    c.refuse("name/nul-pax", "NUL in its value", pax(("path", b"a\0/../evil")), file("harmless"))
    c.refuse("name/nul-link-pax", "NUL in its value", pax(("linkpath", b"a\0b")), link("harmless", "x"))
    c.accept("name/nul-header", {"a": b"x"}, file(b"a\0/../../evil"))
    c.accept("name/nul-gnu", {"a": b"x"}, long_name(b"a\0/../../evil"), file("harmless"))
    c.refuse("name/too-long-pax", "4096 bytes|extended header", pax(("path", "d/" * 2000 + "n" * 96)), file("harmless"))
    c.refuse("name/too-long-gnu", "a name of 5000 bytes", long_name("n" * 5000), file("harmless"))
    c.refuse("name/too-long-link", "a name of 5000 bytes", long_name("n" * 5000, type=b"K"), link("harmless", "x"))
    c.refuse("name/too-long-part", "file name too long", pax(("path", "n" * 256)), file("harmless"))
    deep = "/".join(["d"] * 300)
    c.accept("name/deep", {"/".join(["d"] * i): DIR for i in range(1, 300)} | {deep: b"x"}, pax(("path", deep)), file("harmless"))
    # Deeper than a path to it can be: what is in it is not looked at.
    c.accept("name/deepest", None, pax(("path", "/".join(["d"] * 2048))), file("harmless"))
    control = {"escape": "\x1b]0;title\x07", "newline": "a\nError: b", "return": "a\rb", "delete": "a\x7fb", "csi": "a\x9b31mb", "tab": "a\tb",
               "bell": "\x07", "high": "a\udcff\udcfeb", "bidi": "a\u202eb", "backspace": "a\x08\x08b"}
    for kind, name in control.items():
        c.accept(f"name/control-{kind}", {name: b"x"}, pax(("path", name)), file("harmless"))
        c.refuse(f"name/control-{kind}-out", OUT, pax(("path", "../" + name)), file("harmless"))
        c.refuse(f"name/control-{kind}-link", "no such file", pax(("linkpath", name)), hard("h", "x"))
    c.accept("name/case", {"Dir": to(canary), "dir": DIR, "dir/evil": b"x"}, link("Dir", canary), file("dir/evil"))
    c.accept("name/case-twice", {"ETC": to(".."), "etc": DIR, "etc/f": b"x"}, link("ETC", ".."), dir("etc"), file("etc/f"))


# --- links ------------------------------------------------------------------------------------------------

def through(entry_type):
    return head("l/evil", type=TYPES[entry_type], link="t" if entry_type in ("link", "hard") else b"")


def links(c, canary):
    result = {"file": b"", "dir": DIR, "link": to("t"), "hard": b"t", "fifo": FIFO}
    nowhere = [canary, canary + "/", "/proc/self/root", "/proc/self/cwd", "/proc/1/root", "/dev/fd/3", "/proc/self/fd/3", "missing", "../../missing", "/tmp"]
    for i, target in enumerate(nowhere):
        c.refuse(f"link/nowhere-{i}", "leads nowhere", link("l", target), through("file"))
    for kind in ("dir", "link", "hard", "fifo"):
        c.refuse(f"link/nowhere-{kind}", "leads nowhere", file("t", "t"), link("l", canary), through(kind))
    for kind in ("char", "block"):
        c.accept(f"link/nowhere-{kind}", {"l": to(canary)}, link("l", canary), through(kind))
    for i, target in enumerate(["..", ".", "/", "//", "../..", "../" * 30, "/..", "./../."]):
        for kind, made in result.items():
            c.accept(f"link/up-{i}-{kind}", {"t": b"t", "l": to(target), "evil": made}, file("t", "t"), link("l", target), through(kind))
    for kind, made in result.items():
        c.accept(f"link/inside-{kind}", {"t": b"t", "d": DIR, "l": to("d"), "d/evil": made}, file("t", "t"), dir("d"), link("l", "d"), through(kind))
    inside = canary.strip("/").split("/")
    c.accept("link/absolute-inside", {"/".join(inside[:i + 1]): DIR for i in range(len(inside))} | {"l": to(canary), canary[1:] + "/evil": b""},
             link("l", canary), dir(canary), through("file"))
    c.refuse("link/loop", "too many levels of symbolic links", link("l", "l"), through("file"))
    c.refuse("link/loop-of-two", "too many levels of symbolic links", link("l", "m"), link("m", "l"), through("file"))
    chain = [link(f"l{i}", f"l{i + 1}") for i in range(60)]
    c.refuse("link/long-chain", "too many levels of symbolic links", *chain, dir("l60"), file("l0/evil"))
    c.refuse("link/through-file", "not a directory", file("l"), through("file"))
    c.refuse("link/through-fifo", "not a directory", fifo("l"), through("file"))
    c.refuse("link/to-nothing", "a link to nothing", link("l", ""))
    c.refuse("link/hard-to-nothing", "a link to nothing", hard("l", ""))
    c.accept("link/then-file", {"l": b"overwritten"}, link("l", canary + "/file"), file("l", "overwritten"))
    c.accept("link/then-dir", {"l": DIR, "l/evil": b"x"}, link("l", canary), dir("l"), file("l/evil"))
    c.accept("link/then-hard-then-file", {"l": to(canary + "/file"), "h": b"x"}, link("l", canary + "/file"), hard("h", "l"), file("h"))
    c.accept("link/long-target", {"l": to("n" * 4000)}, pax(("linkpath", "n" * 4000)), link("l", "x"))
    c.accept("link/parent-swapped", {"a": to("b"), "b": DIR, "b/2": b"x"}, dir("a"), file("a/1"), dir("b"), link("a", "b"), file("a/2"))
    c.refuse("link/parent-swapped-out", "leads nowhere", dir("a"), file("a/1"), link("a", canary), file("a/2"))
    c.refuse("link/cached-parent-swapped-out", "leads nowhere", dir("a"), dir("a/b"), file("a/b/1"), link("a", canary), file("a/b/2"))
    for i, target in enumerate(["../canary", "../../../../../../.." + canary + "/file", "a/../../x", ".."]):
        c.refuse(f"hard/out-{i}", "outside of the layer", hard("h", target))
        c.refuse(f"hard/out-{i}-pax", "outside of the layer", pax(("linkpath", target)), hard("h", "x"))
        c.refuse(f"hard/out-{i}-gnu", "outside of the layer", long_name(target, type=b"K"), hard("h", "x"))
    c.refuse("hard/absolute", "no such file", hard("h", canary + "/file"))
    c.refuse("hard/through-link", "no such file", link("d", canary), hard("h", "d/file"))
    c.refuse("hard/root", "outside of the layer", hard("h", "/"))
    c.refuse("hard/itself", "hard link to itself", hard("h", "h"))
    c.refuse("hard/itself-otherwise", "hard link to itself", hard("./h", "/a/../h"))
    c.refuse("hard/missing", "no such file", hard("h", "later"), file("later"))
    c.refuse("hard/directory", "not permitted", dir("d"), hard("h", "d"))
    c.refuse("hard/proc", "no such file", hard("h", "/proc/self/exe"))
    c.accept("hard/to-whiteout", {"x": WHITE, "h": WHITE}, file(".wh.x", ""), hard("h", "x"))
    c.refuse("hard/to-skipped-device", "no such file", char("null"), hard("h", "null"))
    c.accept("hard/with-size", {"t": b"t", "h": b"t"}, file("t", "t"), head("h", type=b"1", link="t", size=512))
    c.refuse("hard/with-data", "not a tar header", file("t", "t"), head("h", type=b"1", link="t", size=5), pad(b"hello"))
    c.accept("hard/chain", {"a": b"x", "b": b"x", "c": b"x"}, file("a"), hard("b", "a"), hard("c", "b"))
    c.accept("hard/then-file", {"a": b"1", "b": b"2"}, file("a", "1"), hard("b", "a"), file("b", "2"))
    c.accept("hard/source-replaced", {"a": b"2", "b": b"1"}, file("a", "1"), hard("b", "a"), file("a", "2"))


# --- the same name again ----------------------------------------------------------------------------------

def again(c, canary):
    kinds = {"file": (file("n", "1"), b"1"), "dir": (dir("n"), DIR), "link": (link("n", canary), to(canary)), "fifo": (fifo("n"), FIFO),
             "hard": (hard("n", "t"), b"t")}
    for a, (first, _) in kinds.items():
        for b, (second, made) in kinds.items():
            c.accept(f"again/{a}-{b}", {"t": b"t", "n": made}, file("t", "t"), first, second)
            c.accept(f"again/{a}-{b}-{a}", {"t": b"t", "n": kinds[a][1]}, file("t", "t"), first, second, first)
    c.accept("again/full-dir-file", {"n": b"1"}, dir("n"), file("n/f"), dir("n/d"), file("n/d/f"), file("n", "1"))
    c.accept("again/full-dir-link-dir", {"n": DIR, "n/2": b"x"}, dir("n"), file("n/1"), link("n", canary), dir("n"), file("n/2"))
    c.accept("again/dir-twice", {"n": DIR, "n/1": b"x"}, dir("n", mode=0o700), file("n/1"), dir("n", mode=0o711), modes={"n": 0o711})
    c.accept("again/many", {"n": b"999"}, *[file("n", str(i)) for i in range(1000)])
    c.accept("again/otherwise-said", {"n": b"2"}, file("n", "1"), file("./a/..//n", "2"))
    c.accept("again/dir-as-file", {"n": b"1"}, dir("n/"), file("n", "1"))
    c.refuse("again/file-then-below", "not a directory", file("n"), file("n/f"))
    c.accept("again/root", {"f": b"x"}, dir("./"), file("f"), dir("/"))


# --- whiteouts --------------------------------------------------------------------------------------------

OPAQUE = {"user.overlay.opaque": b"y"}


def whiteouts(c, canary):
    c.accept("whiteout/file", {"x": WHITE}, file(".wh.x", ""))
    c.accept("whiteout/in-dir", {"d": DIR, "d/x": WHITE}, file("d/.wh.x", ""))
    for kind in ("dir", "link", "fifo"):
        c.accept(f"whiteout/as-{kind}", {"x": WHITE}, head(".wh.x", type=TYPES[kind], link=canary if kind == "link" else b""))
    c.accept("whiteout/with-data", {"x": WHITE, "after": b"x"}, file(".wh.x", "data" * 500), file("after"))
    c.accept("whiteout/twice", {"x": WHITE}, file(".wh.x", ""), file(".wh.x", ""))
    for i, name in enumerate([".wh.", ".wh..", ".wh...", "d/.wh.", "d/.wh..", "d/.wh..."]):
        c.refuse(f"whiteout/of-dots-{i}", "a whiteout of", file(name, ""))
    c.accept("whiteout/slash", {".wh.": DIR, ".wh./x": b"x"}, file(".wh./x"))
    c.refuse("whiteout/up", OUT, file("../.wh.canary", ""))
    c.refuse("whiteout/through-link", "leads nowhere", link("d", canary), file("d/.wh.file", ""))
    c.refuse("whiteout/opaque-through-link", "leads nowhere", link("d", canary), file("d/.wh..wh..opq", ""))
    c.accept("whiteout/through-link-inside", {"d": to("e"), "e": DIR, "e/x": WHITE}, link("d", "e"), dir("e"), file("d/.wh.x", ""))
    kinds = {"file": (file("x"), b"x"), "link": (link("x", canary), to(canary)), "fifo": (fifo("x"), FIFO)}
    for kind, (entry, made) in kinds.items():
        c.accept(f"whiteout/before-{kind}", {"x": made}, file(".wh.x", ""), entry)
        c.accept(f"whiteout/after-{kind}", {"x": made}, entry, file(".wh.x", ""))
    c.accept("whiteout/before-dir", {"x": DIR}, file(".wh.x", ""), dir("x"), xattrs={"x": OPAQUE})
    c.accept("whiteout/after-dir", {"x": DIR}, dir("x"), file(".wh.x", ""), xattrs={"x": OPAQUE})
    c.accept("whiteout/of-parent-after", {"d": DIR, "d/f": b"x"}, dir("d"), file("d/f"), file(".wh.d", ""), xattrs={"d": OPAQUE})
    c.accept("whiteout/of-parent-before", {"d": DIR, "d/f": b"x"}, file(".wh.d", ""), dir("d"), file("d/f"), xattrs={"d": OPAQUE})
    c.accept("whiteout/of-implied-parent", {"d": DIR, "d/f": b"x"}, file(".wh.d", ""), file("d/f"), xattrs={"d": OPAQUE})
    c.accept("whiteout/of-implied-parents", {"d": DIR, "d/e": DIR, "d/e/f": b"x"}, file(".wh.d", ""), file("d/e/f"), xattrs={"d": OPAQUE})
    c.accept("whiteout/opaque-first", {"d": DIR, "d/f": b"x"}, file("d/.wh..wh..opq", ""), file("d/f"), xattrs={"d": OPAQUE})
    c.accept("whiteout/opaque-last", {"d": DIR, "d/f": b"x"}, dir("d"), file("d/f"), file("d/.wh..wh..opq", ""), xattrs={"d": OPAQUE})
    c.accept("whiteout/opaque-root", {"f": b"x"}, file(".wh..wh..opq", ""), file("f"), xattrs={"": OPAQUE})
    c.accept("whiteout/opaque-then-file", {"d": b"x"}, file("d/.wh..wh..opq", ""), file("d"))
    c.accept("whiteout/aufs", {"d": DIR}, dir(".wh..wh.plnk"), file(".wh..wh.aufs", ""), file("d/.wh..wh.orph", ""))
    c.accept("whiteout/of-a-whiteout", {"x": WHITE}, file(".wh..wh.x/../.wh..wh.", ""), file(".wh.x", ""), file("d/../.wh..wh.x", ""))
    c.accept("whiteout/hard", {"t": b"x", "x": WHITE}, file("t"), hard(".wh.x", "t"))
    c.accept("whiteout/device-is-none", {"f": b"x"}, char("white", 0, 0), char("d/white", 0, 0), file("f"))
    c.accept("whiteout/fifo-over", {"x": FIFO}, file(".wh.x", ""), fifo("x"))


# --- numbers and other fields of a header -----------------------------------------------------------------

def fields(c, canary):
    for field in ("mode", "uid", "gid", "mtime"):
        length = FIELDS[field][1]
        for i, value in enumerate([b"zzz", b"-1", b"0x10", b"8", b"1.5", b"\x01"]):
            c.refuse(f"field/{field}-{i}", "header field is not a number", file("f", fields={field: value.ljust(length, b" ")}))
        c.refuse(f"field/{field}-huge", "not a number", file("f", fields={field: b"\xbf" + b"\xff" * (length - 1)})) if length == 12 else None
    for i, value in enumerate([b"zzz", b"-1", b"0x10", b"8", b"1e3"]):
        c.refuse(f"field/size-{i}", "impossible size", file("f", fields={"size": value.ljust(12, b" ")}))
    for i, value in enumerate([-1, -512, -(1 << 62), -(1 << 94)]):
        c.refuse(f"field/size-negative-{i}", "impossible size", file("f", fields={"size": base256(value, 12)}))
    for i, value in enumerate([1 << 63, 1 << 64, (1 << 64) + 1, 1 << 90]):
        c.refuse(f"field/size-beyond-{i}", "impossible size", file("f", fields={"size": base256(value, 12)}))
    for i, value in enumerate([1 << 33, 1 << 40, 1 << 62, (1 << 63) - 1, (1 << 63) - 512]):
        c.refuse(f"field/size-huge-{i}", CUT + "|impossible size|belongs to no file", file("f", fields={"size": base256(value, 12)}))
        c.refuse(f"field/size-huge-{i}-whiteout", CUT + "|impossible size|belongs to no file", file(".wh.f", fields={"size": base256(value, 12)}))
        c.refuse(f"field/size-huge-{i}-pax", "extended header of", pax(("path", "x"), fields={"size": base256(value, 12)}), file("f"))
    for n in (11, 12):
        c.refuse(f"field/size-largest-octal-{n}", CUT, file("f", fields={"size": b"7" * n}))
    for i, value in enumerate([b"", b" " * 12, b"\0" * 12, b"0" * 12]):
        c.accept(f"field/size-none-{i}", {"f": b""}, head("f", fields={"size": value}))
    c.accept("field/size-base256", {"f": b"x"}, file("f", fields={"size": base256(1, 12)}))
    c.accept("field/size-unended", {"f": b"x"}, file("f", fields={"size": b"0" * 11 + b"1"}))
    for field in ("uid", "gid"):
        c.refuse(f"field/{field}-negative", "impossible owner", file("f", fields={field: base256(-1, 8)}))
        c.refuse(f"field/{field}-2-32", "impossible owner", file("f", fields={field: base256(1 << 32, 8)}))
        c.refuse(f"field/{field}-nobody", "beyond your subordinate ids", file("f", fields={field: base256((1 << 32) - 1, 8)}))
        c.refuse(f"field/{field}-many", "beyond your subordinate ids", file("f", **{field: 70000}))
        c.refuse(f"field/{field}-many-dir", "beyond your subordinate ids", dir("f", **{field: 70000}))
        c.refuse(f"field/{field}-many-link", "beyond your subordinate ids", head("f", type=b"2", link="x", **{field: 70000}))
        c.refuse(f"field/{field}-many-root", "beyond your subordinate ids", dir("/", **{field: 70000}))
    c.accept("field/mode-negative", {"f": b"x"}, file("f", fields={"mode": base256(-1, 8)}), modes={"f": 0o7777})
    c.accept("field/mode-of-a-type", {"f": b"x"}, file("f", mode=0o120777), modes={"f": 0o777})
    for i, value in enumerate([-1, -(1 << 40), 1 << 40, 1 << 62, -(1 << 62)]):
        c.accept(f"field/mtime-value-{i}", {"f": b"x", "d": DIR}, file("f", fields={"mtime": base256(value, 12)}), dir("d", fields={"mtime": base256(value, 12)}))
    for field in ("uname", "gname", "devmajor", "devminor", "version"):
        for i, value in enumerate([b"\xff" * 40, b"../../evil", b"\x1b[31m"]):
            c.accept(f"field/{field}-{i}", {"f": b"x"}, file("f", fields={field: value}))
    for i, value in enumerate([b"", b"USTAR\0", b"ustar ", b"\xff" * 6]):
        c.accept(f"field/magic-{i}", {"f": b"x"}, file("f", prefix="../..", fields={"magic": value}))
    for type in b"8AZDMNVz\x7f\x80\xff\x01":
        c.refuse(f"field/type-{type:02x}", "entry of unknown type", head("f", type=bytes([type])))
    c.accept("field/old-dir", {"d": DIR}, head("d/", type=b"\0", mode=0o755))
    for spoil in (1, -1, 256, 0o100000):
        c.refuse(f"field/checksum-{spoil}", "not a tar header", head("f", spoil=spoil))
        c.refuse(f"field/checksum-{spoil}-second", "not a tar header", file("f"), head("g", spoil=spoil))
        c.refuse(f"field/checksum-{spoil}-pax", "not a tar header", head("x", type=b"x", spoil=spoil))
    for i, value in enumerate([b"", b"zzzzzz", b"\xff" * 8, b"-00001"]):
        c.refuse(f"field/checksum-text-{i}", "not a tar header", file("f", fields={"chksum": value}))
    for field, (at, length) in FIELDS.items():
        if field == "chksum":
            continue
        bad = bytearray(file("f", mode=0o644))
        bad[at] ^= 0x15
        c.refuse(f"field/flipped-{field}", "not a tar header", bytes(bad))
    c.accept("special/set-ids", {"u": b"x", "g": b"x", "d": DIR}, file("u", mode=0o4755), file("g", mode=0o2755), dir("d", mode=0o3777),
             modes={"u": 0o4755, "g": 0o2755, "d": 0o3777})
    c.accept("special/devices", {"after": b"x"}, char("null"), block("disk"), char("mem", 1, 1), char("white", 0, 0), file("after"))
    c.accept("special/fifo", {"p": FIFO}, fifo("p", mode=0o4755), modes={"p": 0o4755})
    c.accept("special/no-rights", {"d": DIR, "d/f": b"x"}, dir("d", mode=0), file("d/f", mode=0), dir("d", mode=0o755), modes={"d/f": 0})


# --- cut short --------------------------------------------------------------------------------------------

def truncated(c, canary):
    """An archive with all sorts of headers, cut at each of their fields, in bodies, padding and the end. A whole entry is
    the archive's end, as for those who write layers."""
    stored = b"s" * 700
    entries = [("pax", pax(("path", "p"), ("mtime", "1.5"))), ("file", file("x", "p" * 600)), ("dir", dir("d")), ("gnu", long_name("d/" + "n" * 120)),
               ("file", file("x", "long")), ("gnu-link", long_name("d/" + "n" * 120, type=b"K")), ("hard", hard("h", "x")),
               ("sparse", old_sparse("s", [(0, 100), (1024, 100), (2048, 100), (4096, 100)], 8192, stored, more=[[(5000, 100), (6000, 200)]])),
               ("link", link("l", "x"))]
    bodies = {"file": None, "pax": None, "gnu": None, "gnu-link": None}
    tree = {}
    made = [None, {"p": b"p" * 600}, {"d": DIR}, None, {"d/" + "n" * 120: b"long"}, None, {"h": b"long"}, None, {"l": to("x")}]
    sparse = bytearray(8192)
    at = 0
    for o, n in [(0, 100), (1024, 100), (2048, 100), (4096, 100), (5000, 100), (6000, 200)]:
        sparse[o:o + n] = stored[at:at + n]
        at += n
    made[7] = {"s": bytes(sparse)}
    before = b""
    meta = False
    for i, (kind, data) in enumerate(entries):
        label = f"cut/{i}-{kind}"
        if meta:
            c.refuse(f"{label}-before", CUT, before, end=b"")
        elif before:
            c.accept(f"{label}-before", dict(tree), before, end=b"")
        for field, (start, length) in FIELDS.items():
            for n in {max(start, 1), start + length - 1}:
                c.refuse(f"{label}-{field}-{n}", CUT, before, data[:n], end=b"")
        c.refuse(f"{label}-header", CUT, before, data[:511], end=b"")
        body = len(data) - BLOCK
        is_meta = kind in ("pax", "gnu", "gnu-link")
        if body:
            size = 600 if kind == "file" and i == 1 else len(data.rstrip(b"\0")) - BLOCK
            if kind == "sparse":
                size = BLOCK + len(stored)
                c.refuse(f"{label}-map", CUT, before, data[:BLOCK + 100], end=b"")
            for n in {0, 1, size // 2, size - 1}:
                c.refuse(f"{label}-body-{n}", CUT, before, data[:BLOCK + n], end=b"")
            # The padding of the last file may be missing.
            for n in {size + 1, body - 1} if body > size + 1 else set():
                if is_meta:
                    c.refuse(f"{label}-padding-{n}", CUT, before, data[:BLOCK + n], end=b"")
                else:
                    c.accept(f"{label}-padding-{n}", {**tree, **made[i]}, before, data[:BLOCK + n], end=b"")
        before += data
        meta = is_meta
        tree.update(made[i] or {})
    for n in (1, 100, 511, 513, 1000, 1023):
        c.refuse(f"cut/end-{n}", CUT, before, end=END[:n])
    for n in (0, 512, 1024):
        c.accept(f"cut/end-{n}", dict(tree), before, end=END[:n])
    c.refuse("cut/one-zero-block", "one zero block, then data", file("f"), bytes(BLOCK), file("g"))
    c.accept("cut/after-the-end", {"f": b"x"}, file("f"), END, b"junk" * 1000)
    c.accept("cut/second-archive", {"f": b"x"}, file("f"), END, file("../evil"), END)
    c.accept("cut/nothing", {}, end=b"")
    c.accept("cut/nothing-but-the-end", {})
    c.refuse("cut/text", CUT, b"this is not a tar file", end=b"")
    c.refuse("cut/noise", "not a tar header", bytes((i * 7919 >> 3) & 0xff for i in range(4096)), end=b"")
    for kind, data in {"header-only-pax": pax(("path", "x")), "header-only-gnu": long_name("x"), "three-headers": pax(("path", "x")) * 3}.items():
        c.refuse(f"cut/{kind}", CUT, data)


# --- PAX and GNU headers ----------------------------------------------------------------------------------

def extended(c, canary):
    damaged = [b"0 path=x\n", b"7 path=x\n", b"999 path=x\n", b"-9 path=x\n", b"+9 path=x\n", b"9 path=x ", b"9path=x\n", b" 9 path=x\n", b"path=x\n",
               b"99999999999999999999 path=x\n", b"18446744073709551626 path=x\n", b"9 path=xx\n", b"11 path=x\n", b"\n", b"4 =\n", b"x", b"9\tpath=x\n",
               b"9 path=x\n9 path=", b"3 \n", b"\0" * 20]
    for i, body in enumerate(damaged):
        c.refuse(f"pax/damaged-{i}", "damaged PAX header|without a key", pax(body), file("f"))
    for i, body in enumerate([b"6 abc\n", b"6 =bc\n", b"5 ab\n"]):
        c.refuse(f"pax/no-key-{i}", "without a key|damaged", pax(body), file("f"))
    c.accept("pax/leading-zero", {"x": b"x"}, pax(b"011 path=x\n"), file("f"))
    c.accept("pax/empty", {"f": b"x"}, pax(), file("f"))
    c.accept("pax/twice-in-one", {"b": b"x"}, pax(("path", "a"), ("path", "b")), file("f"))
    c.accept("pax/twice", {"b": b"x"}, pax(("path", "a")), pax(("path", "b")), file("f"))
    c.refuse("pax/out-then-in-then-out", OUT, pax(("path", "../evil")), pax(("path", "a")), pax(("path", "../evil")), file("f"))
    c.accept("pax/many-in-a-row", {"a": b"x"}, pax(("path", "a")) * 2000, file("f"))
    c.refuse("pax/giant", "extended header of", pax(("comment", "c" * (1 << 20))), file("f"))
    c.refuse("pax/giant-name", "a name of", pax(("path", "n" * 100000)), file("f"))
    c.accept("pax/comment", {"f": b"x"}, pax(("comment", "\x1b[31m" * 1000)), file("f"))
    for i, value in enumerate(["-1", "1e3", "0x10", "9223372036854775808", "18446744073709551616", " 1", "1 ", "１", "1\0"]):
        c.refuse(f"pax/size-{i}", "impossible value", pax(("size", value)), file("f"))
        c.refuse(f"pax/uid-{i}", "impossible (value|owner)", pax(("uid", value)), file("f"))
    c.refuse("pax/size-largest", CUT + "|impossible size", pax(("size", "9223372036854775807")), file("f"))
    c.refuse("pax/size-smaller", "not a tar header", pax(("size", "1")), file("f", "x" * 2000))
    c.refuse("pax/size-larger", CUT, pax(("size", "5000")), file("f", "x" * 100))
    c.accept("pax/size-hides", {"f": pad(b"a") + file("../evil")}, pax(("size", str(BLOCK + len(file("../evil"))))), file("f", "a", size=0), file("../evil"))
    for i, value in enumerate(["", "1", "1.5", "-1", "-0.5", "-1.999999999", "1.9999999999999999999", "4611686018427387903", "0.", "-0"]):
        c.accept(f"pax/mtime-{i}", {"f": b"x"}, pax(("mtime", value)), file("f"))
    for i, value in enumerate(["x", "1.x", ".", "-", "--1", "1.-5", "99999999999999999999", "1,5", "nan", "1e9", "-.5x"]):
        c.refuse(f"pax/mtime-bad-{i}", "impossible value", pax(("mtime", value)), file("f"))
    for i, value in enumerate(["BINARY", "ISO-IR 10646 2000 UTF-8", "", "x" * 1000]):
        c.accept(f"pax/charset-{i}", {"f": b"x"}, pax(("hdrcharset", value)), file("f"))
    c.accept("pax/charset-raw", {"\udcff": b"x"}, pax(("hdrcharset", "BINARY"), ("path", b"\xff")), file("f"))
    c.accept("pax/global-path", {"f": b"x"}, pax(("path", "../evil"), type=b"g"), file("f"))
    c.accept("pax/global-link", {"l": to("x")}, pax(("linkpath", "../evil"), type=b"g"), link("l", "x"))
    c.accept("pax/global-xattr", {"d": DIR}, pax(("SCHILY.xattr.user.overlay.opaque", "y"), type=b"g"), dir("d"))
    c.accept("pax/global-size", {"f": b"x"}, pax(("size", "100000"), type=b"g"), file("f"))
    c.accept("pax/global-damaged", {"f": b"x"}, pax(b"junk", type=b"g"), file("f"))
    c.accept("pax/global-alone", {}, pax(("comment", "c"), type=b"g"))
    c.refuse("pax/global-giant", "extended header of", head("g", type=b"g", size=1 << 30), file("f"))
    c.accept("pax/sun", {"a": b"x"}, pax(("path", "a"), type=b"X"), file("f"))
    c.accept("gnu/chain", {"b": b"x"}, *[long_name(n) for n in ("../evil", "a", "b")], file("f"))
    c.accept("gnu/long-chain", {"n2999": b"x"}, *[long_name(f"n{i}") for i in range(3000)], file("f"))
    c.refuse("gnu/chain-out", OUT, long_name("a"), long_name("../evil"), file("f"))
    c.accept("gnu/links", {"l": to("b")}, long_name("a", type=b"K"), long_name("b", type=b"K"), link("l", "x"))
    c.accept("gnu/unended", {"abc": b"x"}, long_name("abc", end=b""), file("f"))
    c.refuse("gnu/giant", "extended header of", head("././@LongLink", type=b"L", size=1 << 30, gnu=True), file("f"))
    c.refuse("gnu/negative", "impossible size", head("././@LongLink", type=b"L", gnu=True, fields={"size": base256(-1, 12)}), file("f"))
    c.refuse("gnu/pax-then-long", OUT, pax(("path", "a")), long_name("../evil"), file("f"))
    c.refuse("gnu/long-then-pax", OUT, long_name("a"), pax(("path", "../evil")), file("f"))
    c.refuse("gnu/prefix-is-none", "out of the layer", head("../evil", gnu=True, prefix="a/b"))


# --- attributes -------------------------------------------------------------------------------------------

def attributes(c, canary):
    for name, value in {"opaque": b"y", "opaque-x": b"x", "redirect": b"/etc/shadow", "metacopy": b"", "origin": b"\0\xfb!\0", "impure": b"y", "nlink": b"U+1",
                        "protattr": b"aidt", "upper": b"x", "whiteout": b"y", "whiteouts": b"y", "xwhiteout": b"y", "uuid": b"x" * 16, "": b"x"}.items():
        overlay = "user.overlay." + name.removesuffix("-x")
        escaped = "user.overlay.overlay." + name.removesuffix("-x")
        keep = {escaped: value}
        c.accept(f"xattr/overlay-{name or 'none'}-dir", {"d": DIR}, xattr(overlay, value), dir("d"), xattrs={"d": keep} if name else {"d": keep})
        c.accept(f"xattr/overlay-{name or 'none'}-file", {"f": b""}, xattr(overlay, value), file("f", ""), xattrs={"f": keep})
        c.accept(f"xattr/overlay-{name or 'none'}-root", {}, xattr(overlay, value), dir("/"), xattrs={"": keep})
        c.accept(f"xattr/overlay-{name or 'none'}-coded", {"f": b""}, xattr64("user%2eoverlay%2E" + name.removesuffix("-x"), value), file("f", ""), xattrs={"f": keep})
        c.accept(f"xattr/trusted-{name or 'none'}", {"d": DIR}, xattr("trusted.overlay." + name.removesuffix("-x"), value), dir("d"),
                 xattrs={"d": {"user.overlay.cmk.trusted.overlay." + name.removesuffix("-x"): value}})
    c.accept("xattr/escaped-already", {"d": DIR}, xattr("user.overlay.overlay.opaque", b"y"), dir("d"), xattrs={"d": {"user.overlay.overlay.overlay.opaque": b"y"}})
    c.accept("xattr/kept-already", {"d": DIR}, xattr("user.overlay.cmk.trusted.x", b"y"), dir("d"), xattrs={"d": {"user.overlay.overlay.cmk.trusted.x": b"y"}})
    for name in ("opaque", "redirect", "origin", "metacopy"):
        c.accept(f"xattr/fuse-overlayfs-{name}", {"d": DIR}, xattr("user.fuseoverlayfs." + name, b"y"), dir("d"),
                 xattrs={"d": {"user.overlay.cmk.user.fuseoverlayfs." + name: b"y"}})
    c.accept("xattr/override-stat", {"f": b""}, xattr("user.containers.override_stat", b"0:0:4755"), file("f", ""),
             xattrs={"f": {"user.containers.override_stat": b"0:0:4755"}})
    c.accept("xattr/own", {"f": b""}, xattr("user.mine", b"\0\xff"), file("f", ""), xattrs={"f": {"user.mine": b"\0\xff"}})
    for name in ("security.ima", "security.evm", "security.apparmor", "security.smack64", "trusted.x"):
        c.accept(f"xattr/{name}", {"f": b""}, xattr(name, b"x"), file("f", ""), xattrs={"f": {"user.overlay.cmk." + name: b"x"}})
    c.accept("xattr/security.selinux", {"f": b""}, xattr("security.selinux", b"system_u:object_r:shadow_t:s0"), file("f", ""))
    for i, name in enumerate(["USER.overlay.opaque", "overlay.opaque", "user", "", "system.nfs4_acl", "x.y", "user.overlay." + "n" * 300, "n" * 5000, "btrfs.compression"]):
        c.accept(f"xattr/impossible-{i}", {"f": b""}, xattr(name, b"x"), file("f", ""))
    c.accept("xattr/on-link", {"l": to("x")}, xattr("user.overlay.redirect", b"/etc"), link("l", "x"))
    c.accept("xattr/on-fifo", {"p": FIFO}, xattr("user.overlay.opaque", b"y"), fifo("p"))
    c.accept("xattr/on-whiteout", {"x": WHITE}, xattr("user.overlay.opaque", b"y"), file(".wh.x", ""))
    c.accept("xattr/twice", {"f": b""}, xattr("user.a", b"1"), xattr("user.a", b"2"), file("f", ""), xattrs={"f": {"user.a": b"2"}})
    c.accept("xattr/both-forms", {"f": b""}, xattr("user.a", b"1"), xattr64("user.a", b"2"), file("f", ""), xattrs={"f": {"user.a": b"2"}})
    c.refuse("xattr/bad-base64", "impossible value", pax(("LIBARCHIVE.xattr.user.a", "!!!!")), file("f"))
    c.refuse("xattr/large", "too many or too large|set attribute", pax(("SCHILY.xattr.user.a", b"v" * 70000)), file("f"))
    c.refuse("xattr/many", "too many or too large", pax(*[(f"SCHILY.xattr.user.a{i}", b"") for i in range(1025)]), file("f"))
    c.refuse("xattr/much", "too many or too large", *[pax(*[(f"SCHILY.xattr.user.a{i}.{j}", b"v" * 60000) for j in range(16)]) for i in range(40)], file("f"))
    c.refuse("xattr/capability", "set attribute 'security.capability'", xattr("security.capability", b"junk"), file("f"))
    # To the kernel, a form that the file system does not know.
    c.accept("xattr/acl", {"f": b"x"}, xattr("system.posix_acl_access", b"junk"), file("f"))
    c.refuse("xattr/acl-empty", "set attribute 'system.posix_acl_access'", xattr("system.posix_acl_access", b"\2\0\0\0\1\0\6\0"), file("f"))


# --- sparse files -----------------------------------------------------------------------------------------

def sparse(c, canary):
    d = b"0123456789"
    c.accept("sparse/old", {"s": b"0123456789" + bytes(90)}, old_sparse("s", [(0, 10)], 100, d))
    lies = {"overlap": [(0, 6), (5, 4)], "backwards": [(50, 5), (0, 5)], "same": [(0, 5), (0, 5)], "beyond": [(95, 10)], "far": [(1 << 32, 10)],
            "too-much": [(0, 11)], "too-little": [(0, 9)], "none": [], "huge": [(0, 1 << 32)]}
    for kind, pieces in lies.items():
        c.refuse(f"sparse/old-{kind}", MAP, old_sparse("s", pieces, 100, d))
        c.refuse(f"sparse/0.0-{kind}", MAP, pax(("GNU.sparse.size", "100"), ("GNU.sparse.numblocks", str(len(pieces))), *[
            r for o, n in pieces for r in (("GNU.sparse.offset", str(o)), ("GNU.sparse.numbytes", str(n)))]), file("s", d))
        c.refuse(f"sparse/0.1-{kind}", MAP, pax(("GNU.sparse.size", "100"), ("GNU.sparse.map", ",".join(f"{o},{n}" for o, n in pieces))), file("s", d))
        c.refuse(f"sparse/1.0-{kind}", MAP, sparse_1("s", f"{len(pieces)}\n" + "".join(f"{o}\n{n}\n" for o, n in pieces), 100, d))
    for i, (o, n) in enumerate([(-1, 10), (0, -1), (-(1 << 62), 10), ((1 << 63) - 1, 10), ((1 << 63) - 5, 10)]):
        c.refuse(f"sparse/old-number-{i}", MAP, old_sparse("s", [(base256(o, 12), base256(n, 12))], 100, d))
        for j, text in enumerate([f"{o},{n}"]):
            c.refuse(f"sparse/0.1-number-{i}", MAP, pax(("GNU.sparse.size", "100"), ("GNU.sparse.map", text)), file("s", d))
        c.refuse(f"sparse/1.0-number-{i}", MAP, sparse_1("s", f"1\n{o}\n{n}\n", 100, d))
    c.refuse("sparse/old-size-negative", "impossible size", old_sparse("s", [(0, 10)], base256(-1, 12), d))
    c.refuse("sparse/old-size-junk", "impossible size", old_sparse("s", [(0, 10)], b"junk", d))
    c.refuse("sparse/old-size-huge", "more than the whole file system", old_sparse("s", [(0, 10)], base256(1 << 62, 12), d))
    c.refuse("sparse/old-number-junk", MAP, old_sparse("s", [(b"junk".ljust(12), b"1".ljust(12))], 100, d))
    c.accept("sparse/old-extended", {"s": b"0123456789" + bytes(90)}, old_sparse("s", [(0, 5)], 100, d, more=[[(5, 3)], [(8, 2)]]))
    c.refuse("sparse/old-extended-missing", MAP + "|" + CUT + "|not a tar header", old_sparse("s", [(0, 10)], 100, d, extended=1))
    c.refuse("sparse/old-extended-forever", MAP + "|too many pieces|" + CUT,
             old_sparse("s", [(0, 10)], 100, b"", claim=10, more=[[(10 + i, 0) for i in range(21)]] * 3000)[:-512])
    c.refuse("sparse/old-cut", CUT, old_sparse("s", [(0, 10)], 100, d, claim=10)[:515], end=b"")
    c.refuse("sparse/0.0-numbytes-first", "impossible value", pax(("GNU.sparse.size", "100"), ("GNU.sparse.numbytes", "10"), ("GNU.sparse.offset", "0")), file("s", d))
    c.refuse("sparse/0.0-offset-alone", MAP, pax(("GNU.sparse.size", "100"), ("GNU.sparse.offset", "0")), file("s", d))
    c.accept("sparse/0.0-count-lies", {"s": d + bytes(90)}, pax(("GNU.sparse.size", "100"), ("GNU.sparse.numblocks", "1000000000"), ("GNU.sparse.offset", "0"),
                                                               ("GNU.sparse.numbytes", "10")), file("s", d))
    c.refuse("sparse/0.0-size-negative", "impossible value", pax(("GNU.sparse.size", "-1"), ("GNU.sparse.offset", "0"), ("GNU.sparse.numbytes", "10")), file("s", d))
    c.refuse("sparse/0.0-size-huge", "more than the whole file system", pax(("GNU.sparse.size", str(1 << 62)), ("GNU.sparse.map", "")), file("s", ""))
    for i, map in enumerate(["0", "0,10,5", ",", "0,,10", "a,b", "0,10,x", "0 10", "0,10\n", "-0,10", "0;10", "0,1" * 200]):
        c.refuse(f"sparse/0.1-map-{i}", MAP, pax(("GNU.sparse.size", "100"), ("GNU.sparse.map", map)), file("s", d))
    c.accept("sparse/0.1-comma", {"s": d + bytes(90)}, pax(("GNU.sparse.size", "100"), ("GNU.sparse.map", "0,10,")), file("s", d))
    for i, map in enumerate(["", "x\n", "-1\n", "1\n0\n", "1\n0\n10", "2\n0\n10\n", "1000000000\n0\n10\n", "99999999999999999999\n", "1048577\n", "9" * 600, "1 \n0\n10\n",
                             "1\n\n10\n", "1\r\n0\r\n10\r\n", "\0" * 512]):
        c.refuse(f"sparse/1.0-map-{i}", "sparse file", sparse_1("s", map, 100, d))
    c.accept("sparse/1.0", {"s": d + bytes(90)}, sparse_1("s", "1\n0\n10\n", 100, d))
    c.refuse("sparse/1.0-no-size", "without a size", sparse_1("s", "1\n0\n10\n", None, d))
    c.refuse("sparse/1.0-no-data", "map of a sparse file", sparse_1("s", "", 100, b"", size=0))
    c.refuse("sparse/1.0-map-beyond-data", "map of a sparse file is cut short|" + CUT, sparse_1("s", "300\n" + "0\n0\n" * 300, 100, b"", size=512))
    c.refuse("sparse/1.0-name-out", OUT, sparse_1("../evil", "1\n0\n10\n", 100, d))
    c.refuse("sparse/version", "unknown sparse format", pax(("GNU.sparse.major", "2"), ("GNU.sparse.minor", "0"), ("GNU.sparse.realsize", "1")), file("s", d))
    c.refuse("sparse/version-huge", "impossible value", pax(("GNU.sparse.major", "99999999999999999999")), file("s", d))
    c.refuse("sparse/name-then-path", OUT, pax(("GNU.sparse.name", "../evil"), ("path", "a"), ("GNU.sparse.size", "10"), ("GNU.sparse.map", "0,10")), file("s", d))
    c.accept("sparse/many-pieces", {"s": b"x" * 20000 + bytes(5)}, pax(("GNU.sparse.size", "20005"), ("GNU.sparse.map", ",".join(f"{i},1" for i in range(20000)))),
             file("s", b"x" * 20000))
    c.accept("sparse/of-a-directory", {"d": DIR}, pax(("GNU.sparse.size", "100"), ("GNU.sparse.map", "0,10")), dir("d"))
    c.accept("sparse/over-a-link", {"s": d + bytes(90)}, link("s", canary + "/file"), pax(("GNU.sparse.size", "100"), ("GNU.sparse.map", "0,10")), file("s", d))


# --- compression ------------------------------------------------------------------------------------------

def compressed(c, canary):
    plain = file("f", bytes(range(256)) * 40) + END
    tree = {"f": bytes(range(256)) * 40}

    def accept(name, data, stream=plain, tree=tree, **kw):
        c.append(Layer("compressed/" + name, data, tree=tree, stream=stream, blob=True, **kw))

    def refuse(name, why, data, **kw):
        c.append(Layer("compressed/" + name, data, refuse=why, blob=True, **kw))

    g, z = gz_member(plain), zstd(plain)
    accept("gzip", g)
    accept("zstd", z)
    accept("gzip-members", gz(plain[:700]) + gz(plain[700:]))
    accept("gzip-empty-members", gz(b"") + gz(plain) + gz(b"") * 100)
    accept("gzip-byte-members", b"".join(gz(plain[i:i + 64]) for i in range(0, len(plain), 64)))
    accept("zstd-frames", zstd(plain[:700]) + zstd(plain[700:]))
    accept("zstd-skippable", struct.pack("<II", 0x184d2a50, 5) + b"hello" + zstd(plain) + struct.pack("<II", 0x184d2a5f, 0))
    accept("gzip-of-nothing", gz(b""), stream=b"", tree={})
    accept("zstd-of-nothing", zstd(b""), stream=b"", tree={})
    gzip_bad = "gzip data"
    for n in (1, 2, 9, 10, 20, len(g) // 2, len(g) - 9, len(g) - 8, len(g) - 4, len(g) - 1):
        refuse(f"gzip-cut-{n}", f"{gzip_bad}|{CUT}", g[:n])
    refuse("gzip-cut-members", f"{gzip_bad}|{CUT}", gz(plain[:700]) + gz(plain[700:])[:-3])
    for kind, tail in {"text": b"junk", "zeros": bytes(512), "zstd": z, "half": g[:5], "magic": b"\x1f\x8b"}.items():
        refuse(f"gzip-then-{kind}", gzip_bad, g + tail)
    refuse("gzip-crc", gzip_bad, gz_member(plain, crc=1))
    refuse("gzip-size", gzip_bad, gz_member(plain, size=1))
    refuse("gzip-method", gzip_bad, gz_member(plain, method=7))
    refuse("gzip-extra-beyond", f"{gzip_bad}|{CUT}", gz_member(plain, flags=4, extra=b"\xff\xff"))
    refuse("gzip-name-unended", f"{gzip_bad}|{CUT}", g[:3] + b"\x08" + g[4:10] + b"n" * 100000)
    accept("gzip-name", gz_member(plain, flags=8, extra=b"../../evil\0"))
    refuse("gzip-header-crc", gzip_bad, gz_member(plain, flags=2, extra=b"\xff\xff"))
    refuse("gzip-block-type", gzip_bad, g[:10] + b"\x07" + g[11:])
    refuse("gzip-far-back", gzip_bad, g[:10] + b"\x03\x02\x00\x00" + g[11:])
    refuse("gzip-in-gzip", "not a tar header|" + CUT, gz(gz(plain)))
    refuse("gzip-in-zstd", "not a tar header|" + CUT, zstd(gz(plain)))
    zstd_bad = "zstd data"
    for n in (1, 3):
        refuse(f"zstd-cut-{n}", CUT, z[:n])
    for n in (4, 5, 6, 8, 9, 100, len(z) // 2, len(z) - 1):
        refuse(f"zstd-cut-{n}", f"{zstd_bad}|{CUT}", z[:n])
    for kind, tail in {"text": b"junk", "gzip": g, "magic": z[:4], "zeros": bytes(512)}.items():
        refuse(f"zstd-then-{kind}", zstd_bad, z + tail)
    refuse("zstd-window", zstd_bad, zstd_frame((0, plain, len(plain)), window=0xf8))
    refuse("zstd-reserved", zstd_bad, zstd_frame((0, plain, len(plain)), descriptor=0x08))
    refuse("zstd-block-type", zstd_bad, zstd_frame((3, plain, len(plain))))
    refuse("zstd-block-large", zstd_bad, zstd_frame((0, bytes(200000), 200000)))
    refuse("zstd-dictionary", zstd_bad, zstd_frame((0, plain, len(plain)), descriptor=0x01, extra=b"\x05"))
    refuse("zstd-checksum", zstd_bad, zstd_frame((0, plain, len(plain)), descriptor=0x04) + b"\0\0\0\0")
    refuse("zstd-size-lies", zstd_bad, zstd_frame((0, plain, len(plain)), descriptor=0x80, extra=struct.pack("<I", 5)))
    refuse("zstd-size-huge", zstd_bad, zstd_frame((0, plain, len(plain)), descriptor=0xe0, extra=struct.pack("<Q", 1 << 62)))
    refuse("zstd-skip-beyond", zstd_bad + "|" + CUT, struct.pack("<II", 0x184d2a50, 0xffffffff) + bytes(1000))
    x, b = lzma.compress(plain), bz2.compress(plain)
    accept("xz", x)
    accept("bzip2", b)
    accept("xz-streams", lzma.compress(plain[:700]) + bytes(12) + lzma.compress(plain[700:]))
    accept("bzip2-streams", bz2.compress(plain[:700]) + bz2.compress(b"") + bz2.compress(plain[700:]))
    accept("xz-then-zeros", x + bytes(512))
    accept("xz-of-nothing", lzma.compress(b""), stream=b"", tree={})
    accept("bzip2-of-nothing", bz2.compress(b""), stream=b"", tree={})
    for name, data, least in ("xz", x, 6), ("bzip2", b, 10):
        bad = f"{name} data|{CUT}"
        for n in (1, least - 1, least, least + 1, 20, len(data) // 2, len(data) - 5, len(data) - 1):
            refuse(f"{name}-cut-{n}", bad, data[:n])
        for kind, tail in {"text": b"junk", "gzip": g, "half": data[:20], "odd": bytes(3)}.items():
            refuse(f"{name}-then-{kind}", f"{name} data", data + tail)
        for n in (least + 5, len(data) // 2, len(data) - 9):
            refuse(f"{name}-byte-{n}", bad, data[:n] + bytes([data[n] ^ 0x55]) + data[n + 1:])
        refuse(f"{name}-of-zeros", bad, data[:least] + bytes(100))
    refuse("bzip2-then-zeros", "bzip2 data", b + bytes(512))
    # A dictionary of 4 GiB, by a header whose check sum is right.
    size = (x[12] + 1) * 4
    huge = x[12:16] + b"\x28" + x[17:8 + size]
    refuse("xz-dictionary", "MiB of memory", x[:12] + huge + struct.pack("<I", zlib.crc32(huge)) + x[12 + size:])
    refuse("lz4", "not a tar header|" + CUT, struct.pack("<I", 0x184d2204) + bytes(1000))
    refuse("compress", "not a tar header|" + CUT, b"\x1f\x9d\x90" + bytes(1000))
    # Bombs: into a file, where no file gets it, and behind the end; on a small disk where they would fill one.
    size = 256 << 20
    refuse("bomb-gzip-file", "is full", gz(head("f", size=size)) + gz_zeros(256), disk="64m")
    refuse("bomb-zstd-file", "is full", zstd(head("f", size=size)) + zstd_zeros(256), disk="64m")
    for name, how in ("xz", lzma), ("bzip2", bz2):
        refuse(f"bomb-{name}-file", "is full", how.compress(head("f", size=size)) + how.compress(bytes(16 << 20)) * 16, disk="64m")
    large = 2 << 30
    refuse("bomb-zstd-whiteout", "belongs to no file", zstd(head(".wh.f", fields={"size": base256(large, 12)})) + zstd_zeros(2048))
    refuse("bomb-zstd-tail", "follows the archive", zstd(plain) + zstd_zeros(2048))
    refuse("bomb-gzip-device", "not a tar header|one zero block|follows", gz(char("f", size=size)[:512] + b"x" * 512) + gz_zeros(256))
    pax_row = head("x", type=b"x", size=1 << 20)
    refuse("bomb-pax", "damaged PAX", zstd(pax_row) + zstd_zeros(1))
    refuse("bomb-sparse", "more than the whole file system", gz(old_sparse("s", [], base256(1 << 60, 12), b"") + END))


def cases(canary):
    c = Cases()
    for group in (names, links, again, whiteouts, fields, truncated, extended, attributes, sparse, compressed):
        group(c, canary)
    seen = set()
    for case in c:
        assert case.name not in seen, case.name
        seen.add(case.name)
    return c
