#include "stamps.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace {

int64_t Nanoseconds(const timespec& time) {
  return static_cast<int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

int64_t Clock(clockid_t clock) {
  timespec now;
  // Directly, because preloaded libraries may fake the time, and the kernel sets timestamps of files.
  syscall(SYS_clock_gettime, clock, &now);
  return Nanoseconds(now);
}

Stamps::Stamps() : probe_(memfd_create("stamps", MFD_CLOEXEC)) {}

Stamps::~Stamps() {
  if (probe_ >= 0) close(probe_);
}

// The clock of file systems advances in ticks of milliseconds, and rpm would wait for two at each program. From Linux
// 6.13 on it also advances when a file changes whose time was read since its last change: no later change of any file
// gets an earlier time (multigrain timestamps). So a file of ours is read and changed, and where the kernel does not
// advance its clock for that, the next tick does.
int64_t Stamps::Separate() {
  Remember();
  const int64_t before = Clock(CLOCK_REALTIME);
  timespec tick{};
  clock_getres(CLOCK_REALTIME_COARSE, &tick);
  const timespec pause{0, std::max<long>(tick.tv_nsec / 8, 50'000)};
  for (int tries = 0; tries < 1000; tries++) {
    const int64_t stamp = Touch();
    if (stamp > before) return stamp;
    // The first change may get the time of the last tick, which is not later than the file's own.
    if (tries > 1) nanosleep(&pause, nullptr);
  }
  isSteady_ = false;
  return before;
}

// The time that a change of a file gets now.
int64_t Stamps::Touch() const {
  struct stat status;
  if (probe_ < 0 || fchmod(probe_, 0600) != 0 || fstat(probe_, &status) != 0) return Clock(CLOCK_REALTIME_COARSE);
  return Nanoseconds(status.st_ctim);
}

// If the clock is set while rpm runs, times prove nothing; slewing (adjtimex(2)) changes it by one in 2000 at most.
void Stamps::Remember() {
  // Read until the readings are close together: a delay between two of them would look like a jump of the clock.
  int64_t steady, real, late;
  int tries = 0;
  do {
    steady = Clock(CLOCK_MONOTONIC);
    real = Clock(CLOCK_REALTIME);
    late = Clock(CLOCK_MONOTONIC) - steady;
  } while (late > 100'000 && ++tries < 100);
  if (steady_ != 0) {
    const int64_t passed = steady - steady_;
    const int64_t drift = (real - real_) - passed;
    if (std::abs(drift) > 1'000'000 + late + late_ + passed / 1000) isSteady_ = false;
  }
  real_ = real;
  steady_ = steady;
  late_ = late;
}
