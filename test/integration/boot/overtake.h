/* The attempts of overtake.c. */
static const char *own = ADDRESS, *neighbour = NEIGHBOUR, *bridge = BRIDGE;

/* Ports of the chips that QEMU has, or may have. */
ATTEMPT(debug_exit, outl(1, 0x501); outl(1, 0xf4); return 0;)
ATTEMPT(management_mode, outb(1, 0xb3); outb(0xff, 0xb2); return 0;)
ATTEMPT(firmware_log, for (int n = 0; n < 1000; n++) { outb('x', 0x402); outb('x', 0xe9); } return 0;)
ATTEMPT(firmware_write, outw(0x19, 0x510); for (int n = 0; n < 100; n++) outb(0xff, 0x511); return 0;)
ATTEMPT(firmware_transfer, outl(0xffffffff, 0x514); outl(0xffffffff, 0x518); return 0;)
ATTEMPT(clock_chip, for (int n = 0; n < 128; n++) { if (n == 15) continue; outb(n, 0x70); outb(0xff, 0x71); } return 0;)
ATTEMPT(hotplug_eject, for (int n = 0; n < 32; n++) outl(~0U, 0xae08); outl(~0U, 0xcc4); return 0;)
ATTEMPT(hotplug_processor, for (int n = 0; n < 12; n++) outb(0xff, 0xcd8 + n); return 0;)
ATTEMPT(hotplug_memory, for (int n = 0; n < 24; n++) outb(0xff, 0xa00 + n); return 0;)
ATTEMPT(interrupt_chips, for (int n = 0; n < 256; n++) { outb(n, 0x20); outb(n, 0xa0); outb(0xff, 0x21); outb(0, 0x21); } return 0;)
ATTEMPT(transfer_chip, for (int n = 0; n < 16; n++) { outb(0xff, n); outb(0xff, 0xc0 + n); outb(0xff, 0x80 + n); } return 0;)
ATTEMPT(keyboard, outb(0xd1, 0x64); outb(0xff, 0x60); return 0;)
ATTEMPT(floppy, for (int n = 0; n < 1000; n++) outb(0x8e, 0x3f5); return 0;)
ATTEMPT(serial_ports, for (int n = 0; n < 8; n++) { outb(0xff, 0x2f8 + n); outb(0xff, 0x3e8 + n); } return 0;)
ATTEMPT(parallel, for (int n = 0; n < 3; n++) outb(0xff, 0x378 + n); return 0;)
ATTEMPT(graphics, for (int n = 0; n < 32; n++) outb(0xff, 0x3c0 + n); outw(4, 0x1ce); outw(0xffff, 0x1cf); return 0;)
ATTEMPT(disk_chips, for (int n = 0; n < 8; n++) { outb(0xff, 0x1f0 + n); outb(0xff, 0x170 + n); } return 0;)
ATTEMPT(backdoor,
  unsigned magic = 0x564d5868, command = 20, answer = 0, place = 0x5658;
  __asm__ volatile("inl %%dx, %%eax" : "=a"(answer), "+c"(command), "+d"(place) : "0"(magic) : "ebx", "memory");
  return answer == magic ? 0 : -1;)
ATTEMPT(every_port, for (int n = 0x600; n < 0x700; n++) if ((n & ~7) != 0x600) inb(n); return 0;)
/* Each register of each card, and cards that are not there. */
ATTEMPT(card_registers,
  for (unsigned card = 0; card < 256; card++)
    for (unsigned at = 16; at < 40; at += 4) {
      outl(0x80000000U | card << 8 | at, 0xcf8);
      unsigned before = inl(0xcfc);
      outl(0xffffffff, 0xcfc);
      outl(before, 0xcfc);
    }
  return 0;)
ATTEMPT(cards_again, int fd = open("/sys/bus/pci/rescan", O_WRONLY); return write(fd, "1", 1);)
/* Memory of the machine, and where its chips are. */
static long peek(off_t at, int writes) {
  int fd = open("/dev/mem", O_RDWR | O_SYNC);
  if (fd < 0) return -1;
  volatile uint32_t *words = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, at);
  if (words == MAP_FAILED) return -1;
  for (int n = 0; n < 1024; n++) {
    uint32_t found = words[n];
    if (writes) words[n] = found ^ 0xffffffff;
  }
  return 0;
}
ATTEMPT(memory_low, return peek(0, 0);)
ATTEMPT(memory_firmware, return peek(0xfffc0000, 1);)
ATTEMPT(memory_interrupts, return peek(0xfec00000, 0);)
ATTEMPT(memory_cards, return peek(0xb0000000, 0);)
ATTEMPT(memory_chip, return peek(0xfed00000, 1);)
ATTEMPT(memory_beyond, return peek(0x4000000000, 1);)
ATTEMPT(trusted_chip, return peek(0xfed40000, 1);)
ATTEMPT(model_registers,
  int fd = open("/dev/cpu/0/msr", O_RDWR);
  uint64_t value = ~0ULL;
  if (fd < 0) return -1;
  for (int n = 0x40000000; n < 0x40000100; n++) pwrite(fd, &value, 8, n);
  return 0;)
/* Hypercalls. */
ATTEMPT(hypercall, __asm__ volatile("vmcall" ::: "memory"); return 0;)
ATTEMPT(hypercall_other, __asm__ volatile("vmmcall" ::: "memory"); return 0;)
/* Whatever else may lead out of a machine. */
static long attach(unsigned guest, unsigned at) {
  int fd = socket(AF_VSOCK, SOCK_STREAM, 0);
  struct sockaddr_vm there = {.svm_family = AF_VSOCK, .svm_cid = guest, .svm_port = at};
  return fd < 0 ? -1 : connect(fd, (struct sockaddr *)&there, sizeof there);
}
ATTEMPT(vsock_host, return attach(2, 22);)
ATTEMPT(vsock_ports, for (int n = 1; n < 64; n++) if (attach(2, n) == 0) return 0; return -1;)
ATTEMPT(vsock_neighbour, return attach(3, 1);)
static long share(const char *type, const char *tag, const char *options) {
  mkdir("/share", 0700);
  return mount(tag, "/share", type, 0, options);
}
ATTEMPT(share_9p, return share("9p", "root", "trans=virtio");)
ATTEMPT(share_9p_host, return share("9p", "hostshare", "trans=virtio,version=9p2000.L");)
ATTEMPT(share_virtiofs, return share("virtiofs", "root", "");)
ATTEMPT(other_port, return open("/dev/vport0p2", O_RDWR);)
ATTEMPT(other_console, return open("/dev/hvc0", O_RDWR | O_NONBLOCK);)
ATTEMPT(port_twice, return open(port_path(), O_RDWR);)
ATTEMPT(disk_of_host, return open("/dev/sda", O_RDWR);)
ATTEMPT(disk_of_neighbour, return open("/dev/vdb", O_RDWR);)
ATTEMPT(disc, return open("/dev/sr0", O_RDONLY);)
ATTEMPT(usb, return open("/dev/bus/usb/001/001", O_RDWR);)
ATTEMPT(watchdog, return open("/dev/watchdog", O_RDWR);)
ATTEMPT(balloon, return open("/sys/bus/virtio/drivers/virtio_balloon/unbind", O_WRONLY);)
ATTEMPT(disk_beyond, int fd = open("/dev/vda", O_RDWR); return pwrite(fd, "x", 1, 1LL << 40);)
ATTEMPT(disk_command, int fd = open("/dev/vda", O_RDWR); char data[256] = {0}; return ioctl(fd, 0x2285, data);)
ATTEMPT(disk_forget, int fd = open("/dev/vda", O_RDWR); uint64_t all[2] = {0, ~0ULL}; return ioctl(fd, BLKDISCARD, all);)
ATTEMPT(disk_overwrite,
  static char block[1 << 20];
  memset(block, 0xff, sizeof block);
  int fd = open("/dev/vda", O_RDWR);
  for (int n = 0; n < 64; n++) if (write(fd, block, sizeof block) < 0) return -1;
  return 0;)
/* The network: in its own name, and in those of others. */
static int packets(void) {
  struct ifreq request = {.ifr_name = "eth0"};
  int fd = socket(AF_PACKET, SOCK_RAW, htons(0x0003));
  ioctl(fd, SIOCGIFFLAGS, &request);
  request.ifr_flags |= IFF_UP | IFF_PROMISC;
  ioctl(fd, SIOCSIFFLAGS, &request);
  ioctl(fd, SIOCGIFINDEX, &request);
  struct sockaddr_ll here = {.sll_family = AF_PACKET, .sll_protocol = htons(0x0003), .sll_ifindex = request.ifr_ifindex};
  return bind(fd, (struct sockaddr *)&here, sizeof here) < 0 ? -1 : fd;
}
static void from_hex(const char *text, unsigned char *bytes) {
  for (int n = 0; n < 6; n++) sscanf(text + 2 * n, "%2hhx", bytes + n);
}
static long frame(const char *from, int type, const void *payload, size_t size) {
  unsigned char bytes[1600] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  from_hex(from, bytes + 6);
  bytes[12] = type >> 8;
  bytes[13] = type & 0xff;
  memcpy(bytes + 14, payload, size);
  int fd = packets();
  long result = fd < 0 ? -1 : write(fd, bytes, 14 + size < 60 ? 60 : 14 + size);
  close(fd);
  return result;
}
static long datagram_from(const char *card, const char *address) {
  unsigned char packet[] = {0x45, 0, 0, 36, 0, 0, 0, 0, 64, 17, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                            0x12, 0x67, 0x12, 0x67, 0, 16, 0, 0, 's', 'p', 'o', 'o', 'f', 'e', 'd', '!'};
  inet_pton(AF_INET, address, packet + 12);
  inet_pton(AF_INET, neighbour, packet + 16);
  unsigned sum = 0;
  for (int n = 0; n < 20; n += 2) sum += packet[n] << 8 | packet[n + 1];
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  packet[10] = ~sum >> 8;
  packet[11] = ~sum;
  return frame(card, 0x800, packet, sizeof packet);
}
static long announce(const char *card, const char *address) {
  unsigned char packet[28] = {0, 1, 8, 0, 6, 4, 0, 2};
  from_hex(card, packet + 8);
  inet_pton(AF_INET, address, packet + 14);
  inet_pton(AF_INET, neighbour, packet + 24);
  return frame(MAC, 0x806, packet, sizeof packet);
}
ATTEMPT(own_name, return datagram_from(MAC, own);)
ATTEMPT(other_card, return datagram_from("020000000099", own);)
ATTEMPT(card_of_neighbour, return datagram_from(NEIGHBOUR_MAC, own);)
ATTEMPT(address_of_neighbour, return datagram_from(MAC, neighbour);)
ATTEMPT(address_of_name_server, return datagram_from(MAC, bridge);)
ATTEMPT(address_of_stranger, return datagram_from(MAC, "8.8.8.8");)
ATTEMPT(address_of_loopback, return datagram_from(MAC, "127.0.0.1");)
ATTEMPT(announce_name_server, return announce(MAC, bridge);)
ATTEMPT(announce_neighbour, return announce(MAC, neighbour);)
ATTEMPT(announce_other_card, return announce("020000000099", own);)
ATTEMPT(many_cards,
  char card[13];
  for (int n = 0; n < 300; n++) {
    snprintf(card, sizeof card, "0200%08x", n);
    if (datagram_from(card, own) < 0) return -1;
  }
  return 0;)
ATTEMPT(spanning_tree, static char bytes[52]; return frame(MAC, 0x26, bytes, sizeof bytes);)
ATTEMPT(link_layer, static char bytes[100]; return frame(MAC, 0x88cc, bytes, sizeof bytes);)
ATTEMPT(tagged, static char bytes[100] = {0, 1, 8}; return frame(MAC, 0x8100, bytes, sizeof bytes);)
ATTEMPT(tunnel, static char bytes[100]; return frame(MAC, 0x8864, bytes, sizeof bytes);)
ATTEMPT(large_frame, static char bytes[1500]; return frame(MAC, 0x800, bytes, sizeof bytes);)
ATTEMPT(listen_to_all,
  int fd = packets();
  char bytes[2048];
  struct pollfd event = {fd, POLLIN, 0};
  for (int n = 0; n < 200 && poll(&event, 1, 10) >= 0; n++) {
    ssize_t got = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (got > 0 && memmem(bytes, got, "for another", 11)) return 0;
  }
  errno = ENOMSG;
  return -1;)
static long reach(const char *address, int at) {
  struct ifreq request = {.ifr_name = "eth0"};
  struct sockaddr_in *place = (struct sockaddr_in *)&request.ifr_addr;
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  place->sin_family = AF_INET;
  inet_pton(AF_INET, own, &place->sin_addr);
  ioctl(fd, SIOCSIFADDR, &request);
  struct rtentry route = {.rt_flags = RTF_UP | RTF_GATEWAY};
  route.rt_dst.sa_family = route.rt_genmask.sa_family = route.rt_gateway.sa_family = AF_INET;
  inet_pton(AF_INET, bridge, &((struct sockaddr_in *)&route.rt_gateway)->sin_addr);
  ioctl(fd, SIOCADDRT, &route);
  struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(at)};
  inet_pton(AF_INET, address, &there.sin_addr);
  struct timeval patience = {.tv_usec = 500000};
  int stream = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(stream, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  return connect(stream, (struct sockaddr *)&there, sizeof there);
}
ATTEMPT(reach_host, return reach(HOST, HOST_PORT);)
ATTEMPT(reach_host_bridge, return reach(bridge, HOST_PORT);)
ATTEMPT(reach_clouds_data, return reach("169.254.169.254", 80);)
ATTEMPT(reach_world, return reach("8.8.8.8", 53);)
/* Frames of the agent's, which say what is not so. */
static long say_frame(char type, uint32_t channel, const void *bytes, uint32_t size) {
  char whole[70000];
  memcpy(whole, &size, 4);
  whole[4] = type;
  memcpy(whole + 5, &channel, 4);
  memcpy(whole + 9, bytes, size);
  if (port < 0) port = open(port_path(), O_RDWR);
  return write(port, whole, 9 + size);
}
static char most[65536];
ATTEMPT(greet_twice, memset(most, 0xff, 8); say_frame('H', 0, most, 8 + 64); return say_frame('H', 0, most, 8);)
ATTEMPT(forged_ready, for (int n = 0; n < 1000; n++) if (say_frame('N', 0, "READY=1\nSTATUS=forged", 22) < 0) return -1; return 0;)
ATTEMPT(forged_start, memset(most, 0xff, 8); return say_frame('G', 0, most, 8);)
ATTEMPT(forged_counters, memset(most, 0xff, 80); return say_frame('P', 0, most, 80);)
ATTEMPT(unknown_channels, for (uint32_t n = 1; n; n <<= 1) if (say_frame('O', n, most, 1000) < 0) return -1; return 0;)
ATTEMPT(forged_credit, memset(most, 0xff, 4); return say_frame('C', 0, most, 4);)
ATTEMPT(forged_connection, return say_frame('T', 7, "\0\0\0\0", 4);)
ATTEMPT(forged_program, return say_frame('X', 7, "\0\0\0\0", 4);)
ATTEMPT(log_terminal, return say_frame('O', 0, "\033]0;owned\007\033[2J\n", 15);)
ATTEMPT(log_one_line, for (int n = 0; n < 3; n++) if (say_frame('O', 0, most, 65536) < 0) return -1; return 0;)

/* No frame has so many bytes: for that the host ends the machine. */
static void frames_of_no_kind(void) {
  static const char bytes[] = "\xff\xff\xff\xffO\0\0\0\0and so on";
  if (port < 0) port = open(port_path(), O_RDWR);
  write(port, bytes, sizeof bytes);
}
