# Process 1 of the virtual machine: makes a Linux system of what the host shares, runs the one command, and ends.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8
nine=trans=virtio,version=9p2000.L,msize=524288
modules=/lib/modules/$(uname -r)
mkdir -p "$modules" /dev/pts /dev/shm
mount -t 9p -o ro,$nine,cache=loose modules "$modules"
mount -t devpts pts /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
mount -t tmpfs -o mode=1777 tmp /tmp
mount -t tmpfs -o mode=755 run /run
mount -t cgroup2 cgroup /sys/fs/cgroup
mkdir -p /var/cache/compiled
mount -t 9p -o $nine,cache=none compiled /var/cache/compiled
ip link set lo up
modprobe -a virtio_blk virtio_console ext4 loop
# The scratch disk is the first: large, fast, and forgotten.
mkfs.ext4 -q -E lazy_itable_init=1,lazy_journal_init=1 /dev/vda && mount -o nobarrier /dev/vda /var/tmp
chmod 1777 /var/tmp
for port in /dev/vport*; do [ "$(cat /sys/class/virtio-ports/${port##*/}/name)" = output ] && output=$port; done
# The checkout, and what else the host shares, may lie below what is mounted by now: it comes last, at its own path.
for file in /vm/directories/*; do
  path=$(cat "$file") place=/run/directories/${file##*/}
  mkdir -p "$place/lower" "$place/upper" "$place/work" "$path"
  mount -t 9p -o ro,$nine,cache=loose "directory${file##*/}" "$place/lower"
  mount -t overlay -o "lowerdir=$place/lower,upperdir=$place/upper,workdir=$place/work" directory "$path"
done
{ cd "$(cat /vm/directories/0)" && /bin/busybox sh /vm/command; } >"$output" 2>&1 </dev/null
echo $? >/vm/exit.new
mv /vm/exit.new /vm/exit
sync -f /vm/exit
poweroff -f
