#include "inject.h"

#include <elf.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstdint>

#include "tracee.h"

namespace {

using Registers = user_regs_struct;
using Arguments = std::array<unsigned long, 3>;

#if defined(__x86_64__)
// syscall
constexpr unsigned long kInstruction = 0x050f, kMask = 0xffff, kSize = 2;
auto& Place(Registers& registers) { return registers.rip; }
long Answer(const Registers& registers) { return static_cast<long>(registers.rax); }
void Load(Registers& registers, long number, const Arguments& arguments) {
  registers.rax = static_cast<unsigned long>(number);
  registers.rdi = arguments[0];
  registers.rsi = arguments[1];
  registers.rdx = arguments[2];
}
// No system call is in progress that the kernel could restart.
void Settle(Registers& registers) { registers.orig_rax = ~0UL; }
#elif defined(__aarch64__)
// svc #0
constexpr unsigned long kInstruction = 0xd4000001, kMask = 0xffffffff, kSize = 4;
auto& Place(Registers& registers) { return registers.pc; }
long Answer(const Registers& registers) { return static_cast<long>(registers.regs[0]); }
void Load(Registers& registers, long number, const Arguments& arguments) {
  registers.regs[8] = static_cast<unsigned long>(number);
  for (size_t index = 0; index < arguments.size(); index++) registers.regs[index] = arguments[index];
}
void Settle(Registers&) {}
#else
#error "which registers hold a system call's number and arguments is not known for this processor"
#endif

bool Get(pid_t tracee, Registers& registers) {
  iovec vector{&registers, sizeof registers};
  return ptrace(PTRACE_GETREGSET, tracee, NT_PRSTATUS, &vector) == 0;
}

bool Set(pid_t tracee, Registers registers) {
  iovec vector{&registers, sizeof registers};
  return ptrace(PTRACE_SETREGSET, tracee, NT_PRSTATUS, &vector) == 0;
}

// Continues to the next begin or end of a system call; false if the tracee has ended, which must still be waited for.
// SIGSTOP, which cannot be masked, may stop it first.
bool Step(pid_t tracee, bool& isStopped) {
  for (;;) {
    if (ptrace(PTRACE_SYSCALL, tracee, 0, 0) != 0) return false;
    siginfo_t info{};
    while (waitid(P_PID, static_cast<id_t>(tracee), &info, WEXITED | WSTOPPED | WNOWAIT | __WALL) != 0) {
      if (errno != EINTR) return false;
    }
    const auto stop = TakeStop(tracee);
    if (!stop) return false;
    if (stop->signal == (SIGTRAP | 0x80)) return true;
    if (stop->event == 0 && stop->signal == SIGSTOP) isStopped = true;
  }
}

}  // namespace

std::optional<long> CallInside(pid_t tracee, long number, Arguments arguments) {
  Registers saved{};
  if (!Get(tracee, saved)) return std::nullopt;
  Registers changed = saved;
  Place(changed) -= kSize;
  errno = 0;
  const long instruction = ptrace(PTRACE_PEEKTEXT, tracee, Place(changed), 0);
  if (errno != 0 || (static_cast<unsigned long>(instruction) & kMask) != kInstruction) return -ENOEXEC;
  Load(changed, number, arguments);
  Settle(changed);
  Settle(saved);
  // A signal handler would run in the middle of the call.
  uint64_t mask = 0;
  const uint64_t all = ~static_cast<uint64_t>(0);
  if (ptrace(PTRACE_GETSIGMASK, tracee, sizeof mask, &mask) != 0) return std::nullopt;
  if (ptrace(PTRACE_SETSIGMASK, tracee, sizeof all, &all) != 0 || !Set(tracee, changed)) return std::nullopt;
  bool isStopped = false;
  if (!Step(tracee, isStopped) || !Step(tracee, isStopped) || !Get(tracee, changed)) return std::nullopt;
  if (!Set(tracee, saved) || ptrace(PTRACE_SETSIGMASK, tracee, sizeof mask, &mask) != 0) return std::nullopt;
  if (isStopped) kill(tracee, SIGSTOP);
  return Answer(changed);
}

bool ToFirstCall(pid_t tracee) {
  bool isStopped = false;
  // The end of execve(2) itself, then begin and end of the next call.
  for (int stop = 0; stop < 3; stop++) {
    if (!Step(tracee, isStopped)) return false;
  }
  return true;
}
