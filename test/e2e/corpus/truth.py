"""What the real rpm says, in the forms that the corpus runner reads: the truth of its own test.

truth.py headers FILE...        one line of JSON for each package
truth.py versions A B ...       pairs, and how they compare
truth.py matching JSON          [[provide, require], ...] as words, and whether they match
truth.py tree DIRECTORY         one line for each path
"""
import hashlib
import json
import os
import stat
import sys

import rpm

FILES = ("name mode user group size mtime digest linkto fflags vflags caps nlink inode rdev color").split()
DEPENDENCIES = "provides requires conflicts obsoletes recommends suggests supplements enhances".split()
IMMUTABLE = 63


def in_file_list(tag):
    """What `files` has already; the rest of the list's tags only serves rpm's own file classes and dependencies."""
    return tag in (5008, 5011, 5090, 5091) or 1027 <= tag <= 1045 and tag != 1044 or 1095 <= tag <= 1097 \
        or 1116 <= tag <= 1118 or 1140 <= tag <= 1145


def value(data):
    if isinstance(data, (bytes, bytearray)):
        return {"hex": data.hex()}
    return list(data) if isinstance(data, tuple) else data


def header(path):
    try:
        return facts_of(path)
    # The latter for file lists that do not fit together.
    except (rpm.error, ValueError) as error:
        return {"path": path, "error": str(error)}


def facts_of(path):
    transaction = rpm.TransactionSet()
    transaction.setVSFlags(rpm._RPMVSF_NOSIGNATURES)
    with open(path) as file:
        read = transaction.hdrFromFdno(file.fileno())
    facts = {"path": path, "nevra": read["NEVRA"]}
    tags = [tag for tag in read.keys() if tag != IMMUTABLE and not in_file_list(tag)]
    facts["tags"] = {f"{tag}:{rpm.tagnames.get(tag, '?')}": value(read[tag]) for tag in tags}
    facts["files"] = [
        [oct(fact) if name == "mode" else fact for name in FILES for fact in [getattr(file, name)]]
        for file in rpm.files(read)
    ]
    for kind in DEPENDENCIES:
        facts[kind] = [[one.N(), one.EVR(), one.Flags()] for one in rpm.ds(read, kind[:-1] + "name")]
    return facts


def dependency(words, kind):
    signs = {"<": rpm.RPMSENSE_LESS, ">": rpm.RPMSENSE_GREATER, "=": rpm.RPMSENSE_EQUAL}
    name, sign, version = [*words, "", ""][:3]
    return rpm.ds((name, sum(signs[character] for character in sign), version), kind)


def matches(provided, required):
    return int(dependency(required, "requires").Search(dependency(provided, "provides")) >= 0)


def row(root, path, names):
    status = os.lstat(path)
    kind = {stat.S_IFDIR: "d", stat.S_IFREG: "f", stat.S_IFLNK: "l"}[stat.S_IFMT(status.st_mode)]
    shown = "/" + os.path.relpath(path, root)
    facts = [shown, kind, oct(stat.S_IMODE(status.st_mode)), status.st_uid, status.st_gid]
    if kind == "f":
        with open(path, "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        first = names.setdefault(status.st_ino, shown) if status.st_nlink > 1 else ""
        try:
            capability = os.getxattr(path, "security.capability").hex()
        except OSError:
            capability = ""
        return [*facts, status.st_size, int(status.st_mtime), digest, first, capability]
    return [*facts, "", "", "", os.readlink(path) if kind == "l" else "", ""]


def tree(root):
    names = {}
    for directory, directories, files in os.walk(root):
        for name in sorted(directories + files):
            yield row(root, os.path.join(directory, name), names)


def main(what, *arguments):
    if what == "headers":
        for path in arguments:
            print(json.dumps(header(path)))
    elif what == "versions":
        for a, b in zip(arguments[::2], arguments[1::2]):
            print(a, b, rpm.labelCompare(("0", a, ""), ("0", b, "")), sep="\t")
    elif what == "matching":
        print(json.dumps({"pairs": [[a, b, matches(a, b)] for a, b in json.loads(arguments[0])]}))
    elif what == "tree":
        for facts in tree(arguments[0]):
            print(*facts, sep="\t")


main(*sys.argv[1:])
