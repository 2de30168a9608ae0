"""Unpacks images of an OCI layout, knowing nothing but the image specification (layer.md, "Applying Changesets").

Whatever the specification does not let a layer hold ends it: a path twice, a path whose directory the image has not as
a directory of its own, a whiteout of nothing, a hard link to nothing.
usage: apply.py LAYOUT DIRECTORY TAG..., each image becomes DIRECTORY/TAG, but for those that are wrong
"""

import gzip
import io
import json
import os
import shutil
import stat
import subprocess
import sys
import tarfile

XATTR = "SCHILY.xattr."


class Fault(Exception):
    pass


def fail(layer, name, what):
    raise Fault(f"layer {layer}: {name}: {what}")


def blob(layout, digest):
    return os.path.join(layout, "blobs", *digest.split(":"))


def entries(layout, descriptor):
    path = blob(layout, descriptor["digest"])
    if descriptor["mediaType"].endswith("+zstd"):
        data = subprocess.run(["zstd", "-dcq", path], stdout=subprocess.PIPE, check=True).stdout
    else:
        with gzip.open(path) as file:
            data = file.read()
    tar = tarfile.open(fileobj=io.BytesIO(data), mode="r:", encoding="utf-8", errors="surrogateescape")
    return tar, tar.getmembers()


def remove(path):
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)


def is_directory(path):
    return stat.S_ISDIR(os.lstat(path).st_mode) if os.path.lexists(path) else False


def delete(root, layer, members):
    """What lower layers have; a file of the same layer is never meant."""
    for member in members:
        directory, name = os.path.split(member.name)
        place = os.path.join(root, directory)
        if name == ".wh..wh..opq":
            if is_directory(place):
                for inner in os.listdir(place):
                    remove(os.path.join(place, inner))
        elif name.startswith(".wh."):
            gone = os.path.join(place, name[4:])
            if not os.path.lexists(gone):
                fail(layer, member.name, "nothing is there that it could remove")
            remove(gone)


def add(root, layer, tar, members):
    seen = set()
    for member in members:
        name = member.name.strip("/")
        name = "" if name == "." else name.removeprefix("./")
        if os.path.basename(name).startswith(".wh."):
            continue
        if name in seen:
            fail(layer, name, "stands there twice")
        seen.add(name)
        parts = name.split("/")
        for depth in range(1, len(parts)):
            if not is_directory(os.path.join(root, *parts[:depth])):
                fail(layer, name, f"{'/'.join(parts[:depth])} is no directory")
        path = os.path.join(root, name) if name else root
        if os.path.lexists(path) and not (member.isdir() and is_directory(path)):
            remove(path)
        make(root, layer, tar, member, path)


def make(root, layer, tar, member, path):
    if member.islnk():
        target = os.path.join(root, member.linkname.removeprefix("./").lstrip("/"))
        if not os.path.lexists(target):
            fail(layer, member.name, f"is a hard link to {member.linkname}, which is not there")
        os.link(target, path, follow_symlinks=False)
        return
    if member.isdir():
        if not os.path.lexists(path):
            os.mkdir(path)
        for name in os.listxattr(path):
            os.removexattr(path, name)
    elif member.issym():
        os.symlink(member.linkname, path)
    elif member.isfile():
        with open(path, "xb") as file:
            shutil.copyfileobj(tar.extractfile(member), file)
    elif member.isfifo():
        os.mkfifo(path)
    elif member.ischr() or member.isblk():
        kind = stat.S_IFCHR if member.ischr() else stat.S_IFBLK
        os.mknod(path, kind, os.makedev(member.devmajor, member.devminor))
    else:
        fail(layer, member.name, f"has the type {member.type}")
    os.chown(path, member.uid, member.gid, follow_symlinks=False)
    if not member.issym():
        os.chmod(path, member.mode)
    for key, value in member.pax_headers.items():
        if key.startswith(XATTR):
            bytes_of = value.encode("utf-8", "surrogateescape")
            os.setxattr(path, key[len(XATTR) :], bytes_of, follow_symlinks=False)
    if not member.isdir():
        os.utime(path, (int(member.mtime), int(member.mtime)), follow_symlinks=False)


def apply(layout, root, descriptor):
    with open(blob(layout, descriptor["digest"])) as file:
        manifest = json.load(file)
    os.mkdir(root)
    for number, layer in enumerate(manifest["layers"]):
        tar, members = entries(layout, layer)
        delete(root, number, members)
        add(root, number, tar, members)


def main(layout, directory, *tags):
    with open(os.path.join(layout, "index.json")) as file:
        index = json.load(file)["manifests"]
    faults = []
    for tag in tags:
        root = os.path.join(directory, tag)
        found = [one for one in index if one["annotations"]["org.opencontainers.image.ref.name"] == tag]
        try:
            apply(layout, root, found[0])
        except Fault as fault:
            faults.append(f"{tag}: {fault}")
            shutil.rmtree(root)
    print(json.dumps(faults))


os.umask(0)
main(*sys.argv[1:])
