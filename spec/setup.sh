#!/usr/bin/env bash
# Makes a checkout ready to build, demo and test: system packages, npm packages (the pinned Node among them),
# the native addon, the compiled CLI. Says what it installs; a second run finds everything there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 8; }

[ "$(id -u)" = 0 ] || die 'Milliner mounts, unpacks owners and runs containers: run this as root (sudo).'

# What to install, and why: one line for each purpose.
debian_packages=(
  g++ make pkg-config libsolv-dev libsolvext-dev libdevmapper-dev liblzma-dev libbz2-dev libseccomp-dev  # the native addon
  rpm runc crun systemd-container bubblewrap iproute2 nftables slirp4netns gzip zstd xz-utils bzip2 gpg redis-server  # milliner itself
  e2fsprogs xfsprogs thin-provisioning-tools              # its dm-thin pools
  createrepo-c dpkg-dev debian-archive-keyring gpg-agent  # the offline repository
  skopeo buildah umoci dnf acl attr python3-rpm faketime libsolv-tools  # other implementations, as oracles in the tests
  busybox-static                                          # the userland of the tests' smallest images
  man-db zsh fish                                         # readers of the manual pages and completions
  libxml2-utils python3-prometheus-client                 # readers of reports and metrics
  chromium fonts-dejavu-core                              # the browser that reads the site in the tests
  docker-registry podman openssl                          # where the tests publish to, and pull
  qemu-system-x86 kmod lvm2 dmsetup fdisk strace          # the virtual machine that tests run pools in, and what they do there
)
# Written from the packages' names on Fedora; not yet run there.
fedora_packages=(
  gcc-c++ make pkgconf-pkg-config libsolv-devel device-mapper-devel xz-devel bzip2-devel libseccomp-devel glibc-static libstdc++-static
  e2fsprogs xfsprogs device-mapper-persistent-data
  rpm rpm-sign rpm-build runc crun systemd-container bubblewrap iproute iproute-tc nftables slirp4netns gzip zstd xz bzip2 gnupg2 redis
  createrepo_c dnf-plugins-core
  skopeo buildah umoci acl attr libsolv-tools busybox
  docker-distribution podman openssl
  qemu-system-x86-core kmod lvm2 util-linux strace
  man-db zsh fish
  libxml2 python3-prometheus_client
)

install_debian() {
  local missing
  mapfile -t missing < <(comm -23 <(printf '%s\n' "${debian_packages[@]}" | sort) \
    <(dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' "${debian_packages[@]}" 2>/dev/null | sed -n 's/^ii //p' | sort -u))
  [ "${#missing[@]}" -gt 0 ] || return 0
  say "installing with apt-get: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  { apt-get -qq update && apt-get -qq install -y --no-install-recommends "${missing[@]}"; } >&2
  # Milliner and its tests start their own servers, so the packages' services on fixed ports are turned off.
  for name in docker-registry redis-server; do
    [[ " ${missing[*]} " == *" $name "* ]] || continue
    service "$name" stop >&2 || true
    update-rc.d "$name" disable >&2 || true
  done
}

install_fedora() {
  local missing
  mapfile -t missing < <(comm -23 <(printf '%s\n' "${fedora_packages[@]}" | sort) \
    <(rpm -q --qf '%{name}\n' "${fedora_packages[@]}" 2>/dev/null | grep -v ' ' | sort -u))
  [ "${#missing[@]}" -gt 0 ] || return 0
  say "installing with dnf: ${missing[*]}"
  dnf -y --setopt=install_weak_deps=False install "${missing[@]}" >&2
}

if command -v apt-get >/dev/null; then install_debian
elif command -v dnf >/dev/null; then install_fedora
else die 'neither apt-get nor dnf is here: install the packages listed in spec/setup.sh by hand.'
fi

# The lock file pins Node too: the bytes of a layer depend on its zstd, so every checkout runs the same one.
stamp=node_modules/.package-lock.sha256
if ! sha256sum --status -c "$stamp" 2>/dev/null; then
  say 'installing npm packages from package-lock.json, Node among them (npm ci --ignore-scripts)'
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2
  # Two packages bring a node, one for each architecture; some versions of npm then link neither.
  for runtime in node_modules/node-linux-*; do ln -sf "../${runtime##*/}/bin/node" node_modules/.bin/node; done
  sha256sum package-lock.json >"$stamp"
fi
export PATH="$PWD/node_modules/.bin:$PATH"

# The checkout may be another user's, whose repositories git does not read unless told to.
files=$(git -c safe.directory="$PWD" ls-files -co --exclude-standard src scripts native | LC_ALL=C sort)
sources=$(cat package-lock.json tsconfig*.json $files | sha256sum)
if [ "$(cat dist/.sources 2>/dev/null)" != "$sources" ]; then
  say 'building the native addon and the CLI (npm run build)'
  npm run -s build >&2
  printf '%s\n' "$sources" >dist/.sources
fi
