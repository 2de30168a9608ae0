"""Asks dnf what groups expand to: {files, words} on each line of stdin, for each word a list or null on stdout."""
import json
import sys
import tempfile

import dnf
import dnf.conf
import dnf.comps
import libdnf.transaction

DEFAULT = ["mandatory", "default", "conditional"]


def expand(base, word):
    title, _, types = word.lstrip("@^").partition("/")
    kinds = dnf.comps.CompsQuery.ENVIRONMENTS
    if not word.startswith("@^"):
        kinds |= dnf.comps.CompsQuery.GROUPS
    available = dnf.comps.CompsQuery.AVAILABLE
    try:
        found = dnf.comps.CompsQuery(base.comps, base.history, kinds, available).get(title)
    except dnf.exceptions.CompsError:
        return None
    wanted = libdnf.transaction.listToCompsPackageType(types.split(",") if types else DEFAULT)
    solver = base._build_comps_solver()
    transaction = dnf.comps.TransactionBunch()
    for group in found.groups:
        transaction += solver._group_install(group, wanted)
    for environment in found.environments:
        transaction += solver._environment_install(environment, wanted)
    # As _add_comps_trans reads them.
    return sorted({f"{one.name}{'.x86_64' if one.basearchonly else ''} {one.requires or ''}" for one in transaction.install})


for line in sys.stdin:
    request = json.loads(line)
    # Of a Base without one dnf opens the host's database of rpm, which need not be.
    with tempfile.TemporaryDirectory() as root, dnf.Base(dnf.conf.Conf()) as base:
        base.conf.installroot = root
        base.conf.persistdir = root + "/persist"
        base.conf.substitutions["releasever"] = "1"
        comps = dnf.comps.Comps()
        for path in request["files"]:
            comps._add_from_xml_filename(path)
        base._comps = comps
        print(json.dumps([expand(base, word) for word in request["words"]]), flush=True)
