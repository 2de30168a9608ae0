// Small files and failed calls.
#pragma once
#include <string>
#include <vector>

// A failed call. `image` says whether the image is at fault, or the machine.
struct Failure {
  bool image;
  std::string text;
};

[[noreturn]] void FailWith(const std::string& what, bool image = false);
std::string ReadFile(const std::string& path);
// Throws Failure.
void WriteFile(const std::string& path, const std::string& text);
// In order, without those that begin with a dot.
std::vector<std::string> NamesIn(const std::string& path);
void MakeDirectories(const std::string& path);
