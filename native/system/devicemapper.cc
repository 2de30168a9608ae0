// Device-mapper through libdevmapper, each call in the thread pool. No call waits for udev: nodes are the kernel's own
// (/dev/dm-N), and udev's rules are told to ignore Milliner's devices.
#include <libdevmapper.h>

#include <memory>
#include <mutex>
#include <vector>

#include "task.h"

namespace {

struct Target {
  uint64_t start, length;
  std::string type, params;
};
using Table = std::vector<Target>;

struct Info {
  bool exists = false;
  dm_info info{};
  std::string uuid;
};

using Handle = std::unique_ptr<dm_task, void (*)(dm_task*)>;

// The library keeps state between calls, and is not thread-safe.
std::mutex library;

// The library prints messages to stderr in the user's language; errno is enough.
void Silent(int, const char*, int, int, const char*, ...) {}

constexpr uint16_t leaveToUs = DM_UDEV_DISABLE_DM_RULES_FLAG | DM_UDEV_DISABLE_SUBSYSTEM_RULES_FLAG |
                               DM_UDEV_DISABLE_DISK_RULES_FLAG | DM_UDEV_DISABLE_OTHER_RULES_FLAG |
                               DM_UDEV_DISABLE_LIBRARY_FALLBACK;

class Call {
 public:
  Call(int type, const char* name, const std::string& device)
      : lock_(library), name_(name), device_(device), task_(Prepare(type), dm_task_destroy) {
    // The library asked the driver for its version, and there was no driver.
    if (!task_) Throw(errno ? errno : ENODEV);
    if (!device.empty()) Check(dm_task_set_name(get(), device.c_str()));
  }

  dm_task* get() { return task_.get(); }

  void Check(int done) {
    if (!done) Throw(EINVAL);
  }

  void WithoutUdev() {
    uint32_t cookie = 0;
    Check(dm_task_set_cookie(get(), &cookie, leaveToUs));
  }

  void AddTable(const Table& table) {
    for (const auto& [start, length, type, params] : table) {
      Check(dm_task_add_target(get(), start, length, type.c_str(), params.c_str()));
    }
  }

  void Run() {
    errno = 0;
    if (dm_task_run(get())) return;
    // Problems of the library itself, such as a control node that cannot be opened, do not set errno.
    const int fromKernel = dm_task_get_errno(get());
    Throw(fromKernel ? fromKernel : errno ? errno : EIO);
  }

  Table Targets() {
    Table table;
    void* next = nullptr;
    do {
      Target target{};
      char *type = nullptr, *params = nullptr;
      next = dm_get_next_target(get(), next, &target.start, &target.length, &type, &params);
      if (!type) continue;
      target.type = type;
      target.params = params ? params : "";
      table.push_back(target);
    } while (next);
    return table;
  }

 private:
  static dm_task* Prepare(int type) {
    static const bool once = [] {
      dm_log_with_errno_init(Silent);
      dm_udev_set_sync_support(0);
      dm_udev_set_checking(0);
      dm_hold_control_dev(1);
      return true;
    }();
    errno = 0;
    return once ? dm_task_create(type) : nullptr;
  }

  [[noreturn]] void Throw(int number) { throw SystemError{number, name_, device_}; }

  std::lock_guard<std::mutex> lock_;
  const char* name_;
  std::string device_;
  Handle task_;
};

Info ReadInfo(Call& call) {
  Info found;
  call.Check(dm_task_get_info(call.get(), &found.info));
  found.exists = found.info.exists;
  const char* uuid = dm_task_get_uuid(call.get());
  if (uuid) found.uuid = uuid;
  return found;
}

Napi::Value InfoToJs(Napi::Env env, const Info& found) {
  auto object = Napi::Object::New(env);
  object.Set("exists", Napi::Boolean::New(env, found.exists));
  if (!found.exists) return object;
  const auto& info = found.info;
  object.Set("uuid", Napi::String::New(env, found.uuid));
  object.Set("major", Napi::Number::New(env, info.major));
  object.Set("minor", Napi::Number::New(env, info.minor));
  object.Set("openCount", Napi::Number::New(env, info.open_count));
  object.Set("live", Napi::Boolean::New(env, info.live_table));
  object.Set("suspended", Napi::Boolean::New(env, info.suspended));
  object.Set("readOnly", Napi::Boolean::New(env, info.read_only));
  object.Set("deferredRemove", Napi::Boolean::New(env, info.deferred_remove));
  return object;
}

Table TableFrom(const Napi::CallbackInfo& info, size_t index) {
  Table table;
  const auto list = info[index].As<Napi::Array>();
  for (uint32_t at = 0; at < list.Length(); at++) {
    const auto target = list.Get(at).As<Napi::Object>();
    table.push_back({static_cast<uint64_t>(target.Get("start").As<Napi::Number>().Int64Value()),
                     static_cast<uint64_t>(target.Get("length").As<Napi::Number>().Int64Value()),
                     target.Get("type").As<Napi::String>().Utf8Value(),
                     target.Get("params").As<Napi::String>().Utf8Value()});
  }
  return table;
}

Napi::Value TableToJs(Napi::Env env, const Table& table) {
  auto list = Napi::Array::New(env, table.size());
  for (uint32_t at = 0; at < table.size(); at++) {
    auto target = Napi::Object::New(env);
    target.Set("start", Napi::Number::New(env, static_cast<double>(table[at].start)));
    target.Set("length", Napi::Number::New(env, static_cast<double>(table[at].length)));
    target.Set("type", Napi::String::New(env, table[at].type));
    target.Set("params", Napi::String::New(env, table[at].params));
    list.Set(at, target);
  }
  return list;
}

// name, uuid, table, readOnly. Creates, loads and resumes; a failure leaves nothing.
Napi::Value Create(const Napi::CallbackInfo& info) {
  return Task<Info>::Run(
      info.Env(),
      [name = Bytes(info, 0), uuid = Bytes(info, 1), table = TableFrom(info, 2), readOnly = Flag(info, 3)] {
        Call call(DM_DEVICE_CREATE, "dm create", name);
        call.Check(dm_task_set_uuid(call.get(), uuid.c_str()));
        call.AddTable(table);
        if (readOnly) call.Check(dm_task_set_ro(call.get()));
        call.WithoutUdev();
        call.Run();
        return ReadInfo(call);
      },
      InfoToJs);
}

// name, table: loads into the inactive slot, for the next resume.
Napi::Value Reload(const Napi::CallbackInfo& info) {
  return RunVoid(info.Env(), [name = Bytes(info, 0), table = TableFrom(info, 1)] {
    Call call(DM_DEVICE_RELOAD, "dm reload", name);
    call.AddTable(table);
    call.Run();
  });
}

// name, freeze: whether to flush and freeze a mounted file system in the meantime.
Napi::Value Suspend(const Napi::CallbackInfo& info) {
  return RunVoid(info.Env(), [name = Bytes(info, 0), freeze = Flag(info, 1)] {
    Call call(DM_DEVICE_SUSPEND, "dm suspend", name);
    if (!freeze) call.Check(dm_task_skip_lockfs(call.get()));
    call.Run();
  });
}

Napi::Value Resume(const Napi::CallbackInfo& info) {
  return RunVoid(info.Env(), [name = Bytes(info, 0)] {
    Call call(DM_DEVICE_RESUME, "dm resume", name);
    call.WithoutUdev();
    call.Run();
  });
}

// name, deferred: an open device is removed when its last user closes it; otherwise EBUSY.
Napi::Value Remove(const Napi::CallbackInfo& info) {
  return RunVoid(info.Env(), [name = Bytes(info, 0), deferred = Flag(info, 1)] {
    Call call(DM_DEVICE_REMOVE, "dm remove", name);
    if (deferred) call.Check(dm_task_deferred_remove(call.get()));
    call.WithoutUdev();
    call.Run();
  });
}

Napi::Value Message(const Napi::CallbackInfo& info) {
  return RunVoid(info.Env(), [name = Bytes(info, 0), message = Bytes(info, 1)] {
    Call call(DM_DEVICE_TARGET_MSG, "dm message", name);
    call.Check(dm_task_set_sector(call.get(), 0));
    call.Check(dm_task_set_message(call.get(), message.c_str()));
    call.Run();
  });
}

Napi::Value ReadTable(const Napi::CallbackInfo& info, int type, const char* what) {
  return Task<Table>::Run(
      info.Env(),
      [name = Bytes(info, 0), type, what] {
        Call call(type, what, name);
        // Without this flag a pool would commit its metadata for each status, and a suspended pool would not answer.
        call.Check(dm_task_no_flush(call.get()));
        call.Run();
        return call.Targets();
      },
      TableToJs);
}

Napi::Value Status(const Napi::CallbackInfo& info) { return ReadTable(info, DM_DEVICE_STATUS, "dm status"); }
Napi::Value ShowTable(const Napi::CallbackInfo& info) { return ReadTable(info, DM_DEVICE_TABLE, "dm table"); }

Napi::Value GetInfo(const Napi::CallbackInfo& info) {
  return Task<Info>::Run(
      info.Env(),
      [name = Bytes(info, 0)] {
        Call call(DM_DEVICE_INFO, "dm info", name);
        call.Run();
        return ReadInfo(call);
      },
      InfoToJs);
}

// Version of a target: major, minor, patch. Loads its module.
Napi::Value TargetVersion(const Napi::CallbackInfo& info) {
  using Version = std::vector<uint32_t>;
  return Task<Version>::Run(
      info.Env(),
      [target = Bytes(info, 0)] {
        Call call(DM_DEVICE_GET_TARGET_VERSION, "dm target version", target);
        call.Run();
        const dm_versions* found = dm_task_get_versions(call.get());
        if (!found) throw SystemError{ENOENT, "dm target version", target};
        return Version{found->version[0], found->version[1], found->version[2]};
      },
      [](Napi::Env env, const Version& version) -> Napi::Value {
        auto list = Napi::Array::New(env, version.size());
        for (uint32_t at = 0; at < version.size(); at++) list.Set(at, Napi::Number::New(env, version[at]));
        return list;
      });
}

Napi::Value List(const Napi::CallbackInfo& info) {
  using Names = std::vector<std::string>;
  return Task<Names>::Run(
      info.Env(),
      [] {
        Call call(DM_DEVICE_LIST, "dm list", "");
        call.Run();
        Names names;
        const dm_names* at = dm_task_get_names(call.get());
        if (!at || !at->dev) return names;
        for (;;) {
          names.emplace_back(at->name);
          if (!at->next) return names;
          at = reinterpret_cast<const dm_names*>(reinterpret_cast<const char*>(at) + at->next);
        }
      },
      [](Napi::Env env, const Names& names) -> Napi::Value {
        auto list = Napi::Array::New(env, names.size());
        for (uint32_t at = 0; at < names.size(); at++) list.Set(at, Napi::String::New(env, names[at]));
        return list;
      });
}

}  // namespace

void InitDeviceMapper(Napi::Env env, Napi::Object exports) {
  const std::pair<const char*, Napi::Value (*)(const Napi::CallbackInfo&)> functions[] = {
      {"dmCreate", Create},   {"dmReload", Reload},   {"dmSuspend", Suspend}, {"dmResume", Resume},
      {"dmRemove", Remove},   {"dmMessage", Message}, {"dmStatus", Status},   {"dmTable", ShowTable},
      {"dmInfo", GetInfo},    {"dmList", List},       {"dmTargetVersion", TargetVersion},
  };
  for (const auto& [name, function] : functions) exports.Set(name, Napi::Function::New(env, function, name));
}
