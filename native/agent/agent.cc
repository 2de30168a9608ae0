// The first process of a virtual machine: it boots the image's program in namespaces of its own, and serves the host.
#include <fcntl.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <map>
#include <memory>

#include "channel.h"
#include "disks.h"
#include "files.h"
#include "frames.h"
#include "guest.h"
#include "program.h"

namespace {

class Agent {
 public:
  explicit Agent(int port) : port_(port) {
    sigset_t ended;
    sigemptyset(&ended);
    sigaddset(&ended, SIGCHLD);
    sigprocmask(SIG_BLOCK, &ended, nullptr);
    signal(SIGPIPE, SIG_IGN);
    ended_ = signalfd(-1, &ended, SFD_CLOEXEC | SFD_NONBLOCK);
  }

  [[noreturn]] void Serve();

 private:
  void Obey(const Frame& frame);
  void Begin();
  void StartIn(uint32_t channel, const Started& started);
  void OpenNotify();
  void ForwardNotify();
  void Reap();
  void Finish();
  void Signal(uint32_t channel, int number);

  Port port_;
  int ended_ = -1, notify_ = -1;
  pid_t first_ = 0;
  std::string setup_;
  Settings settings_;
  std::map<uint32_t, std::unique_ptr<Channel>> channels_;
};

// Of the image's first process.
constexpr uint32_t kFirst = 0;

void Agent::Serve() {
  utsname kernel{};
  uname(&kernel);
  port_.Send('H', 0, Packed(Nanoseconds()) + kernel.release);
  for (;;) {
    std::vector<pollfd> events{{port_.fd(), POLLIN, 0}, {ended_, POLLIN, 0}, {notify_, POLLIN, 0}};
    std::vector<uint32_t> owners(events.size());
    for (const auto& [number, channel] : channels_) {
      for (const auto& event : channel->Events()) {
        events.push_back(event);
        owners.push_back(number);
      }
    }
    if (poll(events.data(), events.size(), -1) < 0) continue;
    for (size_t at = 3; at < events.size(); ++at) {
      if (events[at].revents != 0) channels_.at(owners[at])->Handle(events[at]);
    }
    if (events[2].revents != 0) ForwardNotify();
    if (events[1].revents != 0) Reap();
    if (events[0].revents != 0) {
      for (const auto& frame : port_.Receive()) Obey(frame);
    }
    for (auto one = channels_.begin(); one != channels_.end();) {
      one = one->second->over() ? channels_.erase(one) : std::next(one);
    }
  }
}

void Agent::Obey(const Frame& frame) {
  const auto found = channels_.find(frame.channel);
  Channel* channel = found == channels_.end() ? nullptr : found->second.get();
  const std::string& payload = frame.payload;
  try {
    switch (frame.type) {
      case 'S': setup_ += payload; break;
      case 'B': Begin(); break;
      case 'X': StartIn(frame.channel, StartBeside(settings_, ParseProgram(payload), first_)); break;
      case 'T':
        channels_[frame.channel] = std::make_unique<Channel>(port_, frame.channel, payload);
        break;
      case 'L': StartIn(frame.channel, StartTables()); break;
      case 'D': if (channel) channel->Input(payload); break;
      case 'E': if (channel) channel->EndInput(); break;
      case 'C': if (channel) channel->Credit(Unpacked(payload)); break;
      case 'Q': channels_.erase(frame.channel); break;
      case 'K': Signal(frame.channel, static_cast<int>(Unpacked(payload))); break;
      case 'P': port_.Send('P', 0, GuestState()); break;
      default: break;
    }
  } catch (const Failure& failure) {
    port_.Send(failure.image || frame.type == 'X' ? 'F' : 'M', frame.channel, failure.text);
  }
}

void Agent::Begin() {
  settings_ = ParseSettings(setup_);
  SetUpImage(settings_);
  OpenNotify();
  const Started started = StartFirst(settings_);
  first_ = started.pid;
  StartIn(kFirst, started);
}

void Agent::StartIn(uint32_t channel, const Started& started) {
  if (started.pid == 0) throw Failure{started.image, started.problem};
  channels_[channel] = std::make_unique<Channel>(port_, channel, started);
  port_.Send('G', channel, Packed(Nanoseconds()));
}

void Agent::OpenNotify() {
  notify_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  snprintf(address.sun_path, sizeof address.sun_path, "%s/notify", kFiles.c_str());
  if (bind(notify_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) FailWith("notify");
  chmod(address.sun_path, 0666);
}

void Agent::ForwardNotify() {
  char bytes[4096];
  const ssize_t got = recv(notify_, bytes, sizeof bytes, 0);
  if (got > 0) port_.Send('N', 0, {bytes, static_cast<size_t>(got)});
}

void Agent::Reap() {
  signalfd_siginfo info;
  while (read(ended_, &info, sizeof info) > 0) continue;
  int status = 0;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
    if (pid == first_) Finish();
    for (const auto& [number, channel] : channels_) {
      if (channel->pid() == pid) channel->Exited(status);
    }
  }
}

// The counters at the end come before it.
void Agent::Finish() {
  FinishVolumes(settings_);
  port_.Send('P', 0, GuestState());
}

void Agent::Signal(uint32_t channel, int number) {
  const auto found = channels_.find(channel);
  if (found != channels_.end() && found->second->runs()) kill(found->second->pid(), number);
}

}  // namespace

int main() {
  try {
    SetUpGuest();
    Agent(OpenPort("agent")).Serve();
  } catch (const Failure& failure) {
    dprintf(2, "milliner agent: %s\n", failure.text.c_str());
    sleep(1);
    PowerOff();
  }
}
