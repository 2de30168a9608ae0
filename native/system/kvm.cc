// Whether the kernel makes virtual machines.
#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "task.h"

namespace {

// The device may be there without a processor that can do it.
bool Works() {
  const int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
  if (kvm < 0) return false;
  const int machine = ioctl(kvm, KVM_CREATE_VM, 0);
  if (machine >= 0) close(machine);
  close(kvm);
  return machine >= 0;
}

Napi::Value WorksJs(const Napi::CallbackInfo& info) {
  return Task<bool>::Run(
      info.Env(), [] { return Works(); },
      [](Napi::Env env, const bool& works) -> Napi::Value { return Napi::Boolean::New(env, works); });
}

}  // namespace

void InitKvm(Napi::Env env, Napi::Object exports) {
  exports.Set("kvmWorks", Napi::Function::New(env, WorksJs, "kvmWorks"));
}
