#include "stamps.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

int64_t Clock(clockid_t clock) {
  timespec now;
  // Directly, because preloaded libraries may fake the time, and the kernel sets timestamps of files.
  syscall(SYS_clock_gettime, clock, &now);
  return static_cast<int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

// The clock of file systems advances in ticks.
int64_t Stamps::Separate() {
  Remember();
  const int64_t before = Clock(CLOCK_REALTIME);
  timespec tick{};
  clock_getres(CLOCK_REALTIME_COARSE, &tick);
  const timespec pause{0, std::max<long>(tick.tv_nsec / 8, 50'000)};
  for (int tries = 0; tries < 1000; tries++) {
    const int64_t stamp = Clock(CLOCK_REALTIME_COARSE);
    if (stamp > before) return stamp;
    nanosleep(&pause, nullptr);
  }
  isSteady_ = false;
  return before;
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
