#include "link.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <net/route.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "files.h"

namespace {

const char kName[] = "eth0";
constexpr int kPrefix4 = 24, kPrefix6 = 64;

// As linux/ipv6.h has it, which cannot be read beside netinet/in.h.
struct AddressRequest6 {
  in6_addr address;
  uint32_t prefix;
  int index;
};

ifreq Named(const std::string& name) {
  ifreq request{};
  name.copy(request.ifr_name, sizeof request.ifr_name - 1);
  return request;
}

class Asking {
 public:
  explicit Asking(int family) : fd_(socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    if (fd_ < 0) FailWith("network");
  }
  Asking(const Asking&) = delete;
  Asking& operator=(const Asking&) = delete;
  ~Asking() { close(fd_); }
  void Ask(unsigned long what, void* request, const std::string& name) const {
    if (ioctl(fd_, what, request) != 0) FailWith(name);
  }

 private:
  int fd_;
};

void PutAddress(sockaddr& place, const std::string& text) {
  auto& address = reinterpret_cast<sockaddr_in&>(place);
  address.sin_family = AF_INET;
  inet_pton(AF_INET, text.c_str(), &address.sin_addr);
}

void AddAddress6(const std::string& text, unsigned index) {
  const std::string place = std::string("/proc/sys/net/ipv6/conf/") + kName;
  // It has no address but the one that it is given, which nobody else has.
  WriteFile(place + "/accept_ra", "0");
  WriteFile(place + "/accept_dad", "0");
  WriteFile(place + "/addr_gen_mode", "1");
  AddressRequest6 request{{}, kPrefix6, static_cast<int>(index)};
  inet_pton(AF_INET6, text.c_str(), &request.address);
  Asking(AF_INET6).Ask(SIOCSIFADDR, &request, text);
}

}  // namespace

void RaiseLink(const std::string& name) {
  ifreq request = Named(name);
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  Asking(AF_INET).Ask(SIOCSIFFLAGS, &request, name);
}

void SetUpLink(const Settings& settings) {
  // The card announces itself a moment after its module is loaded.
  for (int attempt = 0; if_nametoindex(kName) == 0; ++attempt) {
    if (attempt == 1000) FailWith(kName);
    usleep(10000);
  }
  const Asking asking(AF_INET);
  ifreq request = Named(kName);
  PutAddress(request.ifr_addr, settings.ipv4);
  asking.Ask(SIOCSIFADDR, &request, settings.ipv4);
  auto& mask = reinterpret_cast<sockaddr_in&>(request.ifr_netmask);
  mask.sin_addr.s_addr = htonl(0xffffffffU << (32 - kPrefix4));
  asking.Ask(SIOCSIFNETMASK, &request, settings.ipv4);
  if (!settings.ipv6.empty()) AddAddress6(settings.ipv6, if_nametoindex(kName));
  RaiseLink(kName);
  if (settings.gateway.empty()) return;
  rtentry route{};
  PutAddress(route.rt_dst, "0.0.0.0");
  PutAddress(route.rt_genmask, "0.0.0.0");
  PutAddress(route.rt_gateway, settings.gateway);
  route.rt_flags = RTF_UP | RTF_GATEWAY;
  asking.Ask(SIOCADDRT, &route, settings.gateway);
}
