"""What dnf does with each of many requests, in one process: JSON in on stdin, JSON out on stdout."""
import json
import logging
import os
import sys
import tempfile

import dnf
import dnf.conf
import dnf.exceptions
import dnf.module.module_base
import rpm

rpm.addMacro("_dbpath", "/var/lib/rpm")
for name in ("dnf", "libdnf", "librepo"):
    logging.getLogger(name).disabled = True


def install_base(root, paths):
    """Writes the rpm database of a base that has these packages."""
    ts = rpm.TransactionSet(root)
    ts.setVSFlags(-1)
    ts.setFlags(rpm.RPMTRANS_FLAG_JUSTDB | rpm.RPMTRANS_FLAG_NOSCRIPTS | rpm.RPMTRANS_FLAG_NOTRIGGERS)
    ts.setProbFilter(-1)
    files = {}

    def callback(reason, amount, total, key, data):
        if reason == rpm.RPMCALLBACK_INST_OPEN_FILE:
            files[key] = open(key, "rb")
            return files[key].fileno()
        if reason == rpm.RPMCALLBACK_INST_CLOSE_FILE:
            files.pop(key).close()

    for path in paths:
        with open(path, "rb") as file:
            ts.addInstall(ts.hdrFromFdno(file), path, "i")
    problems = ts.run(callback, "")
    if problems:
        raise RuntimeError(problems)
    ts.closeDB()


def base_of(root, request):
    # Of a Base without one dnf opens the host's database of rpm, which need not be.
    conf = dnf.conf.Conf()
    base = dnf.Base(conf)
    conf.installroot = os.path.join(root, "root")
    conf.cachedir = os.path.join(root, "cache")
    conf.logdir = os.path.join(root, "log")
    conf.persistdir = os.path.join(root, "persist")
    conf.reposdir = []
    conf.substitutions.update({"releasever": "1", "arch": "x86_64", "basearch": "x86_64"})
    conf.install_weak_deps = request["weakDeps"]
    conf.best = request["best"]
    conf.excludepkgs = request["exclude"]
    conf.module_platform_id = request.get("platform", "")
    os.makedirs(conf.logdir)
    os.makedirs(conf.installroot)
    if request["installed"]:
        install_base(conf.installroot, request["installed"])
    for one in request["repositories"]:
        repo = dnf.repo.Repo(one["name"], conf)
        repo.baseurl = ["file://" + os.path.join(request["directory"], one["name"])]
        repo.priority = one["priority"]
        repo.cost = one["cost"]
        repo.excludepkgs = one["exclude"]
        repo.includepkgs = one.get("include", [])
        repo.module_hotfixes = one.get("moduleHotfixes", False)
        repo.gpgcheck = False
        base.repos.add(repo)
    base.fill_sack(load_system_repo=bool(request["installed"]))
    return base


def named(package):
    return "%s-%d:%s-%s.%s" % (package.name, package.epoch, package.version, package.release, package.arch)


def answer(request):
    with tempfile.TemporaryDirectory(prefix="universe-") as root, base_of(root, request) as base:
        try:
            if request.get("modules"):
                dnf.module.module_base.ModuleBase(base).enable(request["modules"])
            base.install_specs(request["install"])
            base.resolve()
        except dnf.exceptions.Error as error:
            return {"solved": False, "why": str(error)}
        transaction = base.transaction
        return {
            "solved": True,
            "packages": sorted("%s %s" % (named(p), p.reponame) for p in transaction.install_set) if transaction else [],
            "removed": sorted(named(p) for p in transaction.remove_set) if transaction else [],
        }


json.dump([answer(request) for request in json.load(sys.stdin)], sys.stdout)
