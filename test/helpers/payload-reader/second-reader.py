"""What a package's payload and a layer hold, as rpm2cpio and Python's own tarfile read them: one JSON object for each
line of stdin (PACKAGE, a tab, LAYER), with the contents of both by path."""
import hashlib, io, json, stat, subprocess, sys, tarfile


def latin(raw):
    return raw.decode("latin-1")


def cpio(raw):
    """newc (cpio(5)); of hard links the last has the content."""
    found, at, by_inode = {}, 0, {}
    while True:
        fields = [int(raw[at + 6 + 8 * i : at + 14 + 8 * i], 16) for i in range(13)]
        inode, mode, links, size, major, minor, name_size = fields[0], fields[1], fields[4], fields[6], fields[7], fields[8], fields[11]
        name = latin(raw[at + 110 : at + 110 + name_size - 1])
        at += (110 + name_size + 3) & ~3
        body = raw[at : at + size]
        at += (size + 3) & ~3
        if name == "TRAILER!!!":
            return found
        path = name.removeprefix("./").removeprefix("/")
        if stat.S_ISREG(mode):
            names = by_inode.setdefault((major, minor, inode), []) if links > 1 else []
            names.append(path)
            # Without content all names are of an empty file, until one has some.
            if size or links == 1 or path not in found:
                for each in names:
                    found[each] = hashlib.sha256(body).hexdigest()
        elif stat.S_ISLNK(mode):
            found[path] = "-> " + latin(body)


def raw(text):
    """tarfile reads records as UTF-8."""
    return latin(text.encode("utf-8")) if any(ord(c) > 127 for c in text) else text


def tar(path):
    packed = subprocess.run(["zstd", "-dcq", path], stdout=subprocess.PIPE, check=True)
    found = {}
    with tarfile.open(fileobj=io.BytesIO(packed.stdout), mode="r:", encoding="latin-1", errors="strict") as archive:
        for member in archive:
            if member.isfile():
                found[raw(member.name)] = hashlib.sha256(archive.extractfile(member).read()).hexdigest()
            elif member.islnk():
                found[raw(member.name)] = found[raw(member.linkname)]
            elif member.issym():
                found[raw(member.name)] = "-> " + raw(member.linkname)
    return found


for line in sys.stdin:
    package, layer = line.rstrip("\n").split("\t")
    payload = subprocess.run(["rpm2cpio", package], stdout=subprocess.PIPE, check=True).stdout
    print(json.dumps({"package": cpio(payload), "layer": tar(layer)}), flush=True)
