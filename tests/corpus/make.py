# SPDX-License-Identifier: Apache-2.0
"""Archives, layers and images byte by byte, good and bad: what tarfile would not write."""
import base64
import gzip
import hashlib
import json
import os
import struct
import zlib

BLOCK = 512
END = bytes(2 * BLOCK)


def sha(data):
    return hashlib.sha256(data).hexdigest()


def raw(text):
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")


# --- tar ------------------------------------------------------------------------------------------------

# Offset and length of each field of a header block, by POSIX's names.
FIELDS = {
    "name": (0, 100), "mode": (100, 8), "uid": (108, 8), "gid": (116, 8), "size": (124, 12), "mtime": (136, 12),
    "chksum": (148, 8), "typeflag": (156, 1), "linkname": (157, 100), "magic": (257, 6), "version": (263, 2),
    "uname": (265, 32), "gname": (297, 32), "devmajor": (329, 8), "devminor": (337, 8), "prefix": (345, 155),
}


def pad(data):
    return data + bytes(-len(data) % BLOCK)


def octal(value, length):
    return b"%0*o\0" % (length - 1, value)


def base256(value, length):
    """GNU's form of a number, two's complement with the top bit set (of a positive one; a negative one has it)."""
    data = bytearray((value & ((1 << (8 * length)) - 1)).to_bytes(length, "big"))
    data[0] |= 0x80
    return bytes(data)


def checksum(block):
    return sum(block[:148]) + 8 * 32 + sum(block[156:])


def head(name, type=b"0", size=0, mode=0o644, uid=0, gid=0, mtime=0, link=b"", gnu=False, prefix=b"", fields=None, spoil=0):
    """One header block. FIELDS: bytes for fields by name, in place of what belongs there; SPOIL is added to the sum."""
    h = bytearray(BLOCK)

    def put(field, value):
        at, length = FIELDS[field]
        h[at:at + length] = value[:length].ljust(length, b"\0")

    put("name", raw(name))
    put("mode", octal(mode, 8))
    put("uid", octal(uid, 8))
    put("gid", octal(gid, 8))
    put("size", octal(size, 12))
    put("mtime", octal(mtime, 12))
    put("typeflag", type)
    put("linkname", raw(link))
    put("magic", b"ustar " if gnu else b"ustar\0")
    put("version", b" \0" if gnu else b"00")
    put("prefix", raw(prefix))
    for field, value in (fields or {}).items():
        put(field, value)
    if "chksum" not in (fields or {}):
        h[148:156] = b"%06o\0 " % (checksum(h) + spoil)
    return bytes(h)


def file(name, data=b"x", **kw):
    data = raw(data)
    return head(name, size=kw.pop("size", len(data)), **kw) + pad(data)


def dir(name, **kw):
    return head(name, type=b"5", mode=kw.pop("mode", 0o755), **kw)


def link(name, to, **kw):
    return head(name, type=b"2", link=to, mode=0o777, **kw)


def hard(name, to, **kw):
    return head(name, type=b"1", link=to, **kw)


def fifo(name, **kw):
    return head(name, type=b"6", **kw)


def char(name, major=1, minor=3, **kw):
    return head(name, type=b"3", fields={"devmajor": octal(major, 8), "devminor": octal(minor, 8)}, **kw)


def block(name, **kw):
    return head(name, type=b"4", fields={"devmajor": octal(8, 8), "devminor": octal(0, 8)}, **kw)


def record(key, value):
    body = b" " + raw(key) + b"=" + raw(value) + b"\n"
    length = len(body)
    while len(b"%d" % length) + len(body) != length:
        length = len(b"%d" % length) + len(body)
    return b"%d" % length + body


def pax(*records, type=b"x", **kw):
    """A PAX header of (key, value) pairs, or of one piece of bytes as it is."""
    body = b"".join(r if isinstance(r, bytes) else record(*r) for r in records)
    return file("PaxHeaders/x", body, type=type, **kw)


def long_name(name, type=b"L", end=b"\0", **kw):
    return file("././@LongLink", raw(name) + end, type=type, gnu=True, **kw)


def xattr(name, value):
    return pax(("SCHILY.xattr." + name, value))


def xattr64(name, value):
    return pax(("LIBARCHIVE.xattr." + name, base64.b64encode(value).rstrip(b"=")))


def old_sparse(name, pieces, real, stored, claim=None, more=(), extended=None):
    """GNU's old format. MORE: pieces of blocks that follow, as lists; EXTENDED: the flag, where it lies."""
    def flat(list):
        return b"".join((o if isinstance(o, bytes) else octal(o, 12)) + (n if isinstance(n, bytes) else octal(n, 12)) for o, n in list)

    h = bytearray(head(name, type=b"S", size=len(stored) if claim is None else claim, gnu=True))
    h[345:500] = bytes(155)
    h[386:386 + 96] = flat(pieces).ljust(96, b"\0")
    h[482] = bool(more) if extended is None else extended
    h[483:495] = real.ljust(12) if isinstance(real, bytes) else octal(real, 12)
    h[148:156] = b"%06o\0 " % checksum(h)
    out = bytes(h)
    for i, list in enumerate(more):
        out += flat(list).ljust(504, b"\0") + (b"\1" if i + 1 < len(more) else b"\0") + bytes(7)
    return out + pad(stored)


def sparse_1(name, map, real, data, **kw):
    """Format 1.0: MAP is the text in front of the data."""
    return pax(("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.name", name),
               *([("GNU.sparse.realsize", str(real))] if real is not None else [])) + file("GNUSparseFile.0/x", pad(raw(map)) + raw(data), **kw)


# --- compression ------------------------------------------------------------------------------------------

def gz(data):
    return gzip.compress(data, 1, mtime=0)


def gz_zeros(mib):
    """A gzip stream of that many MiB of zeros, in members of 16 MiB."""
    return gzip.compress(bytes(16 << 20), 9, mtime=0) * (mib // 16)


def zstd_frame(*blocks, window=0x58, descriptor=0x00, extra=b""):
    """A frame of blocks (kind, bytes or repeated byte, size); the last one is marked so. A window of 2 MiB."""
    out = struct.pack("<I", 0xfd2fb528) + bytes([descriptor]) + (b"" if descriptor & 0x20 else bytes([window])) + extra
    for i, (kind, data, size) in enumerate(blocks):
        out += struct.pack("<I", size << 3 | kind << 1 | (i + 1 == len(blocks)))[:3] + data
    return out


def zstd(data):
    """Stored, not compressed."""
    step = 128 << 10
    parts = [data[i:i + step] for i in range(0, len(data), step)] or [b""]
    return zstd_frame(*[(0, p, len(p)) for p in parts])


def zstd_zeros(mib):
    return zstd_frame(*[(1, b"\0", 128 << 10)] * (8 * mib))


def gz_member(data, flags=0, method=8, extra=b"", crc=None, size=None):
    c = zlib.compressobj(6, zlib.DEFLATED, -15)
    crc = zlib.crc32(data) if crc is None else crc
    return (bytes([0x1f, 0x8b, method, flags]) + bytes(6) + extra + c.compress(data) + c.flush() +
            struct.pack("<II", crc, len(data) if size is None else size))


# --- images -----------------------------------------------------------------------------------------------

OCI = "application/vnd.oci.image."
DOCKER = "application/vnd.docker."


def text(value):
    return value if isinstance(value, bytes) else raw(value) if isinstance(value, str) else json.dumps(value).encode()


def config(*diff_ids, **more):
    return text({"architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, "amd64"), "os": "linux",
                 "rootfs": {"type": "layers", "diff_ids": ["sha256:" + d for d in diff_ids]}, **more})


def descriptor(data, type, **more):
    return {"mediaType": type, "digest": "sha256:" + sha(data), "size": len(data), **more}


def manifest(cfg, *layers, **more):
    return text({"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json", "config": descriptor(cfg, OCI + "config.v1+json"),
                 "layers": [descriptor(l, OCI + "layer.v1.tar") for l in layers], **more})


def index(*list, **more):
    return text({"schemaVersion": 2, "manifests": list, **more})


LAYOUT = text({"imageLayoutVersion": "1.0.0"})


class Files:
    """What an image in files is made of: names with bytes or, as str, a link's target, in order; or entries of an outer
    archive as they are."""

    def __init__(self):
        self.list = []

    def put(self, name, data):
        self.list.append((name, text(data)))
        return self

    def entry(self, data):
        """As it is, where it is an archive."""
        self.list.append((None, data))
        return self

    def blob(self, data, name=None):
        return self.put(name or "blobs/sha256/" + sha(data), data)

    def link(self, name, target):
        self.list.append((name, target))
        return self

    def without(self, name):
        self.list = [row for row in self.list if row[0] != name]
        return self

    def tar(self):
        return b"".join(data if name is None else link(name, data) if isinstance(data, str) else file(name, data) for name, data in self.list) + END

    def write(self, base):
        for name, data in self.list:
            os.makedirs(os.path.dirname(f"{base}/{name}"), exist_ok=True)
            if isinstance(data, str):
                os.symlink(data, f"{base}/{name}")
                continue
            with open(f"{base}/{name}", "wb") as f:
                f.write(data)


def docker_image(blob, diff_id, name="t/one:1"):
    cfg = config(diff_id)
    return Files().put("l.tar", blob).put("c.json", cfg).put("manifest.json", [{"Config": "c.json", "RepoTags": [name], "Layers": ["l.tar"]}])


def oci_image(blob, diff_id, name="one"):
    cfg = config(diff_id)
    m = manifest(cfg, blob)
    d = descriptor(m, OCI + "manifest.v1+json", annotations={"org.opencontainers.image.ref.name": name})
    return Files().put("oci-layout", LAYOUT).put("index.json", index(d)).blob(m).blob(cfg).blob(blob)


def dir_image(blob, diff_id):
    cfg = config(diff_id)
    return Files().put("version", "Directory Transport Version: 1.1\n").put("manifest.json", manifest(cfg, blob)).put(sha(cfg), cfg).put(sha(blob), blob)
