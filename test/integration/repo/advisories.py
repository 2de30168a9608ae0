"""Asks dnf which advisories concern installed packages: {root, repo, stream} on each line of stdin, a list of "id nevra" on stdout."""
import json
import sys

import dnf
import dnf.conf
import hawkey

for line in sys.stdin:
    request = json.loads(line)
    # Of a Base without one dnf opens the host's database of rpm, which need not be.
    conf = dnf.conf.Conf()
    with dnf.Base(conf) as base:
        conf.installroot = request["root"]
        conf.cachedir = request["root"] + "/cache"
        conf.reposdir = []
        conf.substitutions["arch"] = "x86_64"
        conf.substitutions["basearch"] = "x86_64"
        conf.substitutions["releasever"] = "1"
        conf.module_platform_id = "platform:f1"
        base.repos.add_new_repo("repo", conf, baseurl=["file://" + request["repo"]])
        base.fill_sack(load_system_repo=True, load_available_repos=True)
        query = base.sack.query().installed().latest(1)
        found = {
            f"{one.get_advisory(base.sack).id} {one.name}-{one.evr}.{one.arch}"
            for one in query.get_advisory_pkgs(hawkey.GT)
        }
        print(json.dumps(sorted(found)), flush=True)
