// A failed system call.
#pragma once
#include <cerrno>
#include <string>

// The work of a task throws it, and the promise is rejected with the fields code, errno, syscall and path.
struct SystemError {
  int number;
  const char* call;
  std::string path;
};

[[noreturn]] inline void Fail(const char* call, const std::string& path) {
  throw SystemError{errno, call, path};
}

