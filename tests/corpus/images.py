# SPDX-License-Identifier: Apache-2.0
"""Hostile images in files: docker's archives, OCI layouts, dir:. Each is refused for a reason, or loaded under its names."""
import json

from make import (DOCKER, END, LAYOUT, OCI, Files, char, config, descriptor, dir_image, docker_image, file, gz, hard, head, index, link, long_name, manifest,
                  oci_image, pad, pax, sha, text, xattr)

A = file("one", b"1" * 1000) + END
B = file("two", b"2" * 1000) + END
SHA_A, SHA_B = sha(A), sha(B)
ARCHIVE = ("load", "load-stdin", "load-gzip", "docker-archive")
LAYOUTS = ("load", "load-stdin", "oci-archive", "oci")
DIRS = ("dir", "load-dir")
BAD_JSON = {"empty": b"", "blank": b"  \n", "text": b"junk", "cut": b'[{"Config": "c.js', "deep": b"[" * 100000, "deep-objects": b'{"a":' * 100000,
            "not-utf-8": b'["\xff\xfe"]', "nul": b'["\\u0000"]', "surrogate": b'["\\ud800"]', "comment": b"[] // x", "two": b"[] []", "bom": b"\xef\xbb\xbf[]",
            "comma": b"[1,]", "single": b"['a']", "nan": b"[NaN]", "trailing": b"[]\0", "many": b"[" + b"1," * (1 << 20) + b"1]"}
JSON = "invalid JSON|not an array|not a JSON object|too many|larger than|more than|no 'Config'"


class Image:
    """FILES by each of WAYS. REFUSE: of the message; or NAMES that it then has. ORPHANS: whole layers may have been unpacked
    before the reason was seen, which the next collection takes."""

    def __init__(self, name, files, ways, refuse=None, names=None, orphans=False):
        self.name, self.files, self.ways, self.refuse, self.names, self.orphans = name, files, ways, refuse, names, orphans


class Cases(list):
    def refuse(self, name, ways, why, files, **kw):
        self.append(Image(name, files, ways, refuse=why, **kw))

    def accept(self, name, ways, names, files, **kw):
        self.append(Image(name, files, ways, names=names, **kw))


def docker(rows=None, cfg=None, layers=None, **row):
    """An archive of the layer A whose manifest.json has ROW in place of what is right, or ROWS as they are."""
    cfg = config(SHA_A) if cfg is None else cfg
    f = Files().put("l.tar", A)
    for name, data in (layers or {}).items():
        f.put(name, data)
    right = {"Config": "c.json", "RepoTags": ["t/one:1"], "Layers": ["l.tar"]}
    return f.put("c.json", cfg).put("manifest.json", [{**right, **row}] if rows is None else rows)


def dockers(c, canary):
    up = "../" * 12
    c.accept("docker/right", ARCHIVE, ["localhost/t/one:1"], docker())
    for kind, data in BAD_JSON.items():
        c.refuse(f"docker/json-{kind}", ARCHIVE, JSON, Files().put("l.tar", A).put("manifest.json", data))
    c.refuse("docker/json-huge", ARCHIVE, "larger than", docker(rows=b"[" + b" " * (5 << 20) + b"]"))
    for i, rows in enumerate([{}, "x", 1, None, [[]], ["x"], [1], [None], [{}], [{"Config": 1}], [{"Config": ""}], [{"Config": None, "Layers": []}]]):
        c.refuse(f"docker/rows-{i}", ARCHIVE, "manifest.json", docker(rows=rows if rows is not None else b"null"))
    c.refuse("docker/rows-none", ("load", "load-stdin", "docker-archive"), "holds no image", docker(rows=[]))
    c.refuse("docker/rows-many", ARCHIVE, "more than", docker(rows=[{"Config": "c.json", "Layers": ["l.tar"]}] * 20000))
    c.refuse("docker/key-twice", ARCHIVE, "same key twice", docker(rows=b'[{"Config": "c.json", "Config": "d.json", "Layers": ["l.tar"]}]'))
    for i, name in enumerate([up + "etc/passwd", "../x", "/etc/passwd", canary + "/file", "a/../../l.tar", "..", ".", "", "/", "missing.tar", "l.tar/x", "%6c.tar", "L.TAR"]):
        c.refuse(f"docker/layer-{i}", ARCHIVE, "in the archive", docker(Layers=[name]))
        c.refuse(f"docker/config-{i}", ARCHIVE, "in the archive|no 'Config'", docker(Config=name))
    for i, name in enumerate(["./l.tar", "/l.tar", "a/../l.tar", ".//l.tar"]):
        c.accept(f"docker/layer-otherwise-{i}", ARCHIVE, ["localhost/t/one:1"], docker(Layers=[name]))
    for i, layers in enumerate(["l.tar", {}, [1], [["l.tar"]], [None], {"0": "l.tar"}, 1]):
        c.refuse(f"docker/layers-{i}", ARCHIVE, "'Layers' is not an array of strings", docker(Layers=layers))
    for i, layers in enumerate([[], ["l.tar", "l.tar"], ["l.tar"] * 100, None]):
        c.refuse(f"docker/count-{i}", ARCHIVE, f"{len(layers or [])} layers, the image config 1 diff ID", docker(Layers=layers))
    c.refuse("docker/count-huge", ARCHIVE, "more than", docker(Layers=["l.tar"] * 5000))
    c.refuse("docker/none-of-one", ARCHIVE, "1 layers, the image config 0 diff ID", docker(cfg=config()))
    for i, tags in enumerate(["t/one:1", {}, [1], [None]]):
        c.refuse(f"docker/tags-{i}", ARCHIVE, "'RepoTags' is not an array of strings", docker(RepoTags=tags))
    for i, tag in enumerate(["Not/A Name", "", "../x", "a/../../x", "x:", "x@sha256:1", "x y", "x\ny", "\x1b[31m", "/x", "x/", "-x", "x" * 5000, "x:" + "t" * 200, "é", "%2e%2e/x"]):
        c.refuse(f"docker/tag-{i}", ARCHIVE, "the name that it gives to an image", docker(RepoTags=[tag]))
    c.refuse("docker/tag-second-bad", ARCHIVE, "the name that it gives to an image", docker(RepoTags=["t/good:1", "Bad Name"]))
    c.refuse("docker/diff-id-wrong", ARCHIVE, "diff ID", docker(cfg=config(SHA_B)))
    c.refuse("docker/diff-ids-swapped", ARCHIVE, "diff ID", docker(cfg=config(SHA_B, SHA_A), layers={"m.tar": B}, Layers=["l.tar", "m.tar"]))
    c.refuse("docker/second-layer-wrong", ARCHIVE, "diff ID", docker(cfg=config(SHA_A, "0" * 64), layers={"m.tar": B}, Layers=["l.tar", "m.tar"]), orphans=True)
    c.refuse("docker/second-layer-bad", ARCHIVE, "leads out of the layer",
             docker(cfg=config(SHA_A, sha(file("../evil") + END)), layers={"m.tar": file("../evil") + END}, Layers=["l.tar", "m.tar"]), orphans=True)
    c.refuse("docker/layer-is-config", ARCHIVE, "not a tar header|ends in the middle|diff ID", docker(Layers=["c.json"]))
    c.refuse("docker/layer-is-the-list", ARCHIVE, "not a tar header|ends in the middle|diff ID", docker(Layers=["manifest.json"]))
    c.refuse("docker/config-is-layer", ARCHIVE, "invalid JSON|larger than", docker(Config="l.tar"))
    configs(c, "docker", ARCHIVE, lambda cfg: docker(cfg=cfg))
    c.refuse("docker/no-list", ARCHIVE, "docker before 1.10", Files().put("repositories", {}).put("l/layer.tar", A))
    c.refuse("docker/nothing", ("load", "load-stdin"), "does not match any of the supported", Files().put("x", "y"))


def configs(c, kind, ways, make):
    """Configs that lie; MAKE gives the files of an image that has one."""
    for name, data in BAD_JSON.items():
        c.refuse(f"{kind}/config-json-{name}", ways, "invalid JSON|not a JSON object|too many|is empty|larger than", make(data))
    c.refuse(f"{kind}/config-huge", ways, "larger than", make(config(SHA_A) + b" " * (9 << 20)))
    c.refuse(f"{kind}/config-key-twice", ways, "same key twice", make(config(SHA_A).replace(b'"os":', b'"os": "a", "os":')))
    for name, data in {"array": [], "string": '"x"', "number": b"1", "null": b"null"}.items():
        c.refuse(f"{kind}/config-is-{name}", ways, "not a JSON object", make(text(data)))
    for i, ids in enumerate(["sha512:" + "0" * 128, "md5:" + "0" * 32, SHA_A, "sha256:" + SHA_A.upper(), "sha256:../../../evil", "sha256:", "", "sha256:" + "0" * 63,
                             "sha256:" + "0" * 65, "SHA256:" + SHA_A, "sha256:" + "g" * 64, "sha256:" + SHA_A + "\n", "sha256/" + SHA_A, "../" + SHA_A]):
        c.refuse(f"{kind}/diff-id-{i}", ways, "digest", make(json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [ids]}}).encode()))
    for i, rootfs in enumerate([{"type": "other", "diff_ids": ["sha256:" + SHA_A]}, {"type": "layers", "diff_ids": "x"}, {"type": "layers", "diff_ids": [1]},
                                {"type": "layers", "diff_ids": {}}]):
        c.refuse(f"{kind}/rootfs-{i}", ways, "rootfs", make(text({"architecture": "amd64", "os": "linux", "rootfs": rootfs})))
    for i, rootfs in enumerate([[], "x", 1, None, {}, {"type": "layers"}, {"type": "layers", "diff_ids": None}]):
        c.refuse(f"{kind}/rootfs-none-{i}", ways, "0 diff ID|rootfs", make(text({"architecture": "amd64", "os": "linux", "rootfs": rootfs})))
    c.refuse(f"{kind}/diff-ids-many", ways, "more than", make(config(*[SHA_A] * 5000)))
    for i, more in enumerate([{"config": []}, {"config": "x"}, {"config": {"Env": "x"}}, {"config": {"Env": [1]}}, {"config": {"Cmd": {}}}, {"config": {"Labels": []}},
                              {"config": {"Labels": {"a": 1}}}, {"config": {"User": 0}}, {"config": {"Volumes": "x"}}, {"config": {"WorkingDir": []}}, {"created": 5},
                              {"config": {"ExposedPorts": [80]}}]):
        c.refuse(f"{kind}/config-member-{i}", ways, "is not an? ", make(config(SHA_A, **more)))


def outer(c, canary):
    """The outer archive itself: its members' names, links, types and sizes."""
    cfg = file("c.json", config(SHA_A))
    layer = file("l.tar", A)
    rows = file("manifest.json", text([{"Config": "c.json", "RepoTags": ["t/one:1"], "Layers": ["l.tar"]}]))
    name = ["localhost/t/one:1"]

    def refuse(kind, why, *entries, **kw):
        c.refuse("outer/" + kind, ARCHIVE, why, Files().entry(b"".join(entries)), **kw)

    def accept(kind, *entries):
        c.accept("outer/" + kind, ARCHIVE, name, Files().entry(b"".join(entries)))

    accept("members-out", file("../evil"), file("/evil"), link("../l", canary), cfg, layer, rows)
    accept("members-over", link("dir", canary), file("dir/evil"), cfg, layer, rows)
    for i, target in enumerate([canary + "/file", "/etc/passwd", "../" * 12 + "etc/passwd", "../x", ".."]):
        refuse(f"layer-link-{i}", "link out of the archive", link("l.tar", target), cfg, rows)
        refuse(f"config-link-{i}", "link out of the archive", layer, link("c.json", target), rows)
        refuse(f"list-link-{i}", "link out of the archive", layer, cfg, link("manifest.json", target))
    for i, target in enumerate(["../x", "../../etc/passwd", ".."]):
        refuse(f"layer-hard-{i}", "link out of the archive", hard("l.tar", target), cfg, rows)
    refuse("layer-hard-absolute", "which is not in the archive", hard("l.tar", canary + "/file"), cfg, rows)
    refuse("loop-of-one", "too many links", link("l.tar", "l.tar"), cfg, rows)
    refuse("loop-of-two", "too many links", link("l.tar", "m"), hard("m", "l.tar"), cfg, rows)
    refuse("loop-of-the-list", "too many links", layer, cfg, link("manifest.json", "manifest.json"))
    refuse("chain", "too many links", *[link(f"m{i}", f"m{i + 1}") for i in range(50)], file("m50", A), link("l.tar", "m0"), cfg, rows)
    accept("link-inside", file("d/real", A), link("l.tar", "d/real"), cfg, rows)
    accept("hard-inside", file("d/real", A), hard("l.tar", "d/real"), cfg, rows)
    accept("link-from-below", file("d/real", A), link("e/l", "../d/real"), link("l.tar", "e/l"), cfg, rows)
    for kind, entry in {"layer": layer, "config": cfg, "list": rows}.items():
        rest = {"layer": layer, "config": cfg, "list": rows}
        refuse(f"twice-{kind}", "two members are called", *rest.values(), entry)
        refuse(f"twice-{kind}-otherwise", "two members are called", *rest.values(), pax(("path", "./" + entry[:100].rstrip(b"\0").decode())), entry)
    for kind, entry in {"directory": head("l.tar", type=b"5"), "fifo": head("l.tar", type=b"6"), "device": char("l.tar")}.items():
        refuse(f"layer-is-{kind}", "in the archive", entry, cfg, rows)
    refuse("sparse", "sparse file", pax(("GNU.sparse.size", str(len(A))), ("GNU.sparse.map", f"0,{len(A)}")), layer, cfg, rows)
    refuse("size-huge", "ends in the middle", cfg, rows, head("l.tar", size=1 << 32), A)
    refuse("size-negative", "impossible size", cfg, rows, head("l.tar", fields={"size": b"\xff" * 12}), A)
    refuse("size-short", "ends in the middle|not a tar header|diff ID|one zero", cfg, rows, head("l.tar", size=600), pad(A))
    refuse("damaged-pax", "damaged PAX", pax(b"junk"), layer, cfg, rows)
    refuse("checksum", "not a tar header", layer, cfg, head("x", spoil=1), rows)
    accept("attributes", xattr("user.overlay.opaque", b"y"), layer, cfg, rows)
    accept("global", pax(("path", "../evil"), type=b"g"), layer, cfg, rows)
    accept("long-names", long_name("l.tar"), file("x", A), cfg, rows)
    accept("set-ids", file("l.tar", A, mode=0o6777, uid=70000), cfg, rows)
    accept("compressed-layer", file("l.tar", gz(A)), cfg, rows)
    whole = layer + cfg + rows
    for n in (1, 100, 511, 512, 600, len(layer), len(layer) + 300, len(layer + cfg), len(whole) - 512 - 20):
        refuse(f"cut-{n}", "ends in the middle|does not match|in the archive|cut short", whole[:n])
    both = Files().put("oci-layout", LAYOUT).put("index.json", index()).entry(whole)
    c.refuse("outer/both-kinds", ("load", "load-stdin"), "holds no image", both)


def layout(descriptors=None, blobs=(), version=LAYOUT, top=None, **more):
    f = Files()
    if version is not None:
        f.put("oci-layout", version)
    f.put("index.json", index(*(descriptors or []), **more) if top is None else top)
    done = set()
    for b in blobs:
        if b not in done:
            f.blob(b)
        done.add(b)
    return f


M = OCI + "manifest.v1+json"


def ocis(c, canary):
    cfg = config(SHA_A)
    m = manifest(cfg, A)
    d = descriptor(m, M, annotations={"org.opencontainers.image.ref.name": "one"})
    host = {"os": "linux", "architecture": json.loads(cfg)["architecture"]}

    def refuse(name, why, files, **kw):
        c.refuse("oci/" + name, LAYOUTS, why, files, **kw)

    def with_manifest(data, blobs=(cfg, A)):
        return layout([descriptor(data, M)], [data, *blobs])

    def altered(**kw):
        return with_manifest(text({**json.loads(m), **kw}))

    c.accept("oci/right", LAYOUTS, ["localhost/one:latest"], layout([d], [m, cfg, A]))
    c.accept("oci/no-version", LAYOUTS, ["localhost/one:latest"], layout([d], [m, cfg, A], version=None))
    for kind, data in BAD_JSON.items():
        refuse(f"index-json-{kind}", "invalid JSON|not a JSON object|larger than|is empty", layout(top=data))
        refuse(f"manifest-json-{kind}", "invalid JSON|not a JSON object|larger than|is empty", with_manifest(data))
        refuse(f"version-json-{kind}", "invalid JSON|not supported|larger than", layout([d], [m, cfg, A], version=data))
    refuse("index-huge", "larger than", layout(top=b"{" + b" " * (5 << 20) + b"}"))
    refuse("manifest-huge", "larger than", with_manifest(m + b" " * (5 << 20)))
    refuse("index-key-twice", "same key twice", layout(top=index(d).replace(b'"manifests":', b'"manifests": [], "manifests":')))
    refuse("manifest-key-twice", "same key twice", with_manifest(m.replace(b'"layers":', b'"layers": [], "layers":')))
    for i, version in enumerate(["7", "", "2.0.0", 1, None, "1", "01.0.0"]):
        refuse(f"version-{i}", "version .* is not supported", layout([d], [m, cfg, A], version=text({"imageLayoutVersion": version})))
    for i, list in enumerate([{}, "x", 1, [1], ["x"], [None], [{}], [{"mediaType": M}], [{"digest": "x"}]]):
        refuse(f"manifests-{i}", "manifests|media type|schemaVersion", layout(top=text({"schemaVersion": 2, "manifests": list})))
    refuse("manifests-none", "holds no image|no '?manifests|none at all", layout([]))
    refuse("manifests-many", "more than|larger than", layout([d] * 20000))
    for i, schema in enumerate([1, 3, "2", None, -2, 2.5, 1e99]):
        refuse(f"schema-{i}", "schemaVersion|schema 1", layout(top=text({"schemaVersion": schema, "manifests": [d]})))
        refuse(f"manifest-schema-{i}", "schemaVersion|schema 1", altered(schemaVersion=schema))
    digests = ["sha512:" + "0" * 128, "md5:" + "0" * 32, "sha256:../../../evil", "sha256:", "", "sha256:" + "0" * 63, "sha256:" + "0" * 65,
               "sha256:" + sha(m).upper(), "SHA256:" + sha(m), sha(m), "sha256:" + sha(m) + "/../x", "sha256:/etc/passwd", "sha256:" + "\x1b" * 64]
    for i, digest in enumerate(digests):
        refuse(f"digest-{i}", "digest", layout([{**d, "digest": digest}], [m, cfg, A]))
        refuse(f"config-digest-{i}", "digest", altered(config={**descriptor(cfg, OCI + "config.v1+json"), "digest": digest}))
        refuse(f"layer-digest-{i}", "digest", altered(layers=[{**descriptor(A, OCI + "layer.v1.tar"), "digest": digest}]))
    for i, size in enumerate([-1, len(m) + 1, 0, 1 << 62, 1 << 63, 1 << 64, "5", 1.5, None]):
        refuse(f"size-{i}", "size|bytes", layout([{**d, "size": size}], [m, cfg, A]))
        refuse(f"config-size-{i}", "size|bytes|wrong digest", altered(config={**descriptor(cfg, OCI + "config.v1+json"), "size": size}))
        refuse(f"layer-size-{i}", "size|bytes|no space|free", altered(layers=[{**descriptor(A, OCI + "layer.v1.tar"), "size": size}]))
    for i, type in enumerate(["", "text/plain", OCI + "index.v1+json", OCI + "layer.v1.tar", M + "; charset=x", DOCKER + "distribution.manifest.v1+json", "\x1b[31m"]):
        refuse(f"own-type-{i}", "type|ambiguous|schema 1", altered(mediaType=type))
    for i, type in enumerate(["", "text/plain", OCI + "layer.nondistributable.v1.tar", DOCKER + "image.rootfs.foreign.diff.tar.gzip", M, OCI + "layer.v1.tar+xz", "\x1b[31m"]):
        refuse(f"layer-type-{i}", "foreign layers|unknown type|media type", altered(layers=[descriptor(A, type)]))
    for i, type in enumerate(["", "application/vnd.oci.empty.v1+json", "application/wasm", "\x1b[31m"]):
        refuse(f"config-type-{i}", "artifact of the type|media type", altered(config=descriptor(cfg, type)))
    c.accept("oci/layer-type-lies", LAYOUTS, [None], altered(layers=[descriptor(A, OCI + "layer.v1.tar+zstd")]))
    refuse("index-and-image", "ambiguous", altered(manifests=[]))
    refuse("image-and-index", "ambiguous", layout(top=text({"schemaVersion": 2, "manifests": [d], "layers": []})))
    refuse("no-config", "config", with_manifest(text({"schemaVersion": 2, "mediaType": M, "layers": []})))
    refuse("no-layers", "layers", with_manifest(text({"schemaVersion": 2, "mediaType": M, "config": descriptor(cfg, OCI + "config.v1+json")})))
    refuse("too-few-layers", "0 layers, the image config 1 diff ID", altered(layers=[]))
    refuse("too-many-layers", "2 layers, the image config 1 diff ID", altered(layers=[descriptor(A, OCI + "layer.v1.tar")] * 2))
    refuse("layers-many", "more than", altered(layers=[descriptor(A, OCI + "layer.v1.tar")] * 5000))
    refuse("layer-of-another", "diff ID|digest", with_manifest(manifest(cfg, B), (cfg, B)))
    refuse("layer-missing", "in the archive|no such file", layout([d], [m, cfg]))
    refuse("config-missing", "in the archive|no such file", layout([d], [m, A]))
    refuse("manifest-missing", "in the archive|no such file", layout([d], [cfg, A]))
    for kind, data in {"manifest": m, "config": cfg, "layer": A}.items():
        spoiled = data[:100] + bytes([data[100] ^ 1]) + data[101:]
        refuse(f"{kind}-spoiled", "digest|invalid JSON", layout([d], [b for b in (m, cfg, A) if b != data]).blob(spoiled, "blobs/sha256/" + sha(data)))
        refuse(f"{kind}-is-short", "digest|bytes", layout([d], [b for b in (m, cfg, A) if b != data]).blob(data[:-1], "blobs/sha256/" + sha(data)))
        refuse(f"{kind}-is-long", "digest|bytes", layout([d], [b for b in (m, cfg, A) if b != data]).blob(data + b"x", "blobs/sha256/" + sha(data)))
        refuse(f"{kind}-is-link", "out of the (archive|directory)", layout([d], [b for b in (m, cfg, A) if b != data])
               .link("blobs/sha256/" + sha(data), canary + "/file"))
        refuse(f"{kind}-is-link-up", "out of the (archive|directory)", layout([d], [b for b in (m, cfg, A) if b != data])
               .link("blobs/sha256/" + sha(data), "../" * 20 + canary + "/file"))
    for kind, member in {"index": "index.json", "version": "oci-layout"}.items():
        refuse(f"{kind}-is-link", "out of the (archive|directory)|does not match|in the archive", Files().link(member, canary + "/file")
               .put(*(("oci-layout", LAYOUT) if kind == "index" else ("index.json", index(d)))).blob(m).blob(cfg).blob(A))
    nested = {**d, "annotations": {}, "platform": host}
    blobs = [m, cfg, A]
    for i in range(6):
        data = index(nested, mediaType=OCI + "index.v1+json")
        blobs.append(data)
        nested = descriptor(data, OCI + "index.v1+json", platform=host)
        if i < 3:
            c.accept(f"oci/nested-{i}", LAYOUTS, [None], layout([nested], [*blobs]))
        else:
            refuse(f"nested-{i}", "index within index", layout([nested], [*blobs]))
    fake = "sha256:" + "5" * 64
    cycle = index({"mediaType": OCI + "index.v1+json", "digest": fake, "size": 100, "platform": host}, mediaType=OCI + "index.v1+json")
    refuse("cycle", "digest|bytes|size", layout([descriptor(cycle, OCI + "index.v1+json", platform=host)], [cycle]).blob(cycle, "blobs/sha256/" + "5" * 64))
    refuse("index-names-itself", "in the archive|no such file|bytes|digest", layout([{"mediaType": OCI + "index.v1+json", "digest": "sha256:" + "0" * 64, "size": 1, "platform": host}]))
    refuse("other-platform", "no image found", layout([descriptor(index({**d, "platform": {"os": "plan9", "architecture": "mips"}}), OCI + "index.v1+json")],
                                                    [index({**d, "platform": {"os": "plan9", "architecture": "mips"}}), m, cfg, A]))
    for i, platform in enumerate([[], "linux", 1]):
        refuse(f"platform-{i}", "platform", layout([{**d, "platform": platform}], [m, cfg, A]))
    for i, name in enumerate(["../x", "Not A Name", "\x1b[31m", "x" * 5000, "x:y:z:", "/x", "a\nb"]):
        refuse(f"name-{i}", "the name that it gives to an image", layout([{**d, "annotations": {"org.opencontainers.image.ref.name": name}}], [m, cfg, A]))
    configs(c, "oci", LAYOUTS, lambda cfg: with_manifest(manifest(cfg, A), (cfg, A)))


def dirs(c, canary):
    cfg = config(SHA_A)
    m = manifest(cfg, A)

    def refuse(name, why, files, **kw):
        c.refuse("dir/" + name, DIRS, why, files, **kw)

    def made(manifest=m, version="Directory Transport Version: 1.1\n", cfg=cfg, layer=A, links=None):
        f = Files()
        if version is not None:
            f.put("version", text(version))
        for name, data in {"manifest.json": manifest, sha(cfg): cfg, SHA_A: layer}.items():
            if links and name in links:
                f.link(name, links[name])
            elif data is not None:
                f.put(name, data)
        return f

    c.accept("dir/right", DIRS, [None], made())
    for kind, data in BAD_JSON.items():
        refuse(f"json-{kind}", "invalid JSON|not a JSON object|larger than|is empty", made(manifest=data))
    for i, version in enumerate(["", "Directory Transport Version: 2.0\n", "1.1\n", "\x1b", "x" * 300]):
        refuse(f"version-{i}", "'version'", made(version=version))
    for name in ("manifest.json", sha(cfg), SHA_A):
        for i, target in enumerate([canary + "/file", "/etc/passwd", "../../../../../../etc/passwd", "../x"]):
            refuse(f"link-{name[:8]}-{i}", "out of the directory", made(links={name: target}))
        refuse(f"loop-{name[:8]}", "too many levels", made(links={name: name}))
    refuse("missing-config", "no such file", made().without(sha(cfg)))
    refuse("missing-layer", "no such file", made(layer=None))
    refuse("layer-spoiled", "digest", made(layer=A[:600] + b"x" + A[601:]))
    refuse("layer-short", "bytes", made(layer=A[:600]))
    refuse("no-manifest", "does not match|no such file", made().without("manifest.json"))
    for i, digest in enumerate(["sha512:" + "0" * 128, "sha256:../evil", "sha256:" + "0" * 64, "sha256:version"]):
        refuse(f"layer-digest-{i}", "digest|no such file", made(manifest=text({**json.loads(m), "layers": [{**descriptor(A, OCI + "layer.v1.tar"), "digest": digest}]})))
    configs(c, "dir", DIRS, lambda cfg: made(manifest=manifest(cfg, A), cfg=cfg))


def cases(canary):
    c = Cases()
    for group in (dockers, outer, ocis, dirs):
        group(c, canary)
    return c
