#!/bin/busybox sh
# Process 1 until the host's root is there: read-only over 9p, under an overlay that forgets.
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in virtio_pci 9pnet_virtio 9p overlay; do modprobe $module || echo "no module $module" >/dev/console; done
nine=trans=virtio,version=9p2000.L,msize=524288
mount -t 9p -o ro,$nine,cache=loose root /lower
mount -t tmpfs -o mode=755 upper /upper
mkdir /upper/fs /upper/work
mount -t overlay -o lowerdir=/lower,upperdir=/upper/fs,workdir=/upper/work root /root
mkdir -p /root/vm
mount -t 9p -o $nine,cache=none share /root/vm
for place in proc sys dev; do mount --move /$place /root/$place; done
exec switch_root /root /bin/busybox sh /vm/start
