// Keeps timestamps of consecutive programs apart, so that the time of a change tells which program made it.
#pragma once
#include <ctime>
#include <cstdint>

int64_t Clock(clockid_t clock);

class Stamps {
 public:
  Stamps();
  ~Stamps();
  Stamps(const Stamps&) = delete;
  Stamps& operator=(const Stamps&) = delete;
  // Waits until new changes have a later timestamp than all before; returns the first one that they can have.
  int64_t Separate();
  // Whether times are reliable: the clock was not set.
  bool IsSteady() const { return isSteady_; }
  void Remember();

 private:
  int64_t Touch() const;

  // A file of this process alone; -1 where the kernel gives none.
  const int probe_;
  bool isSteady_ = true;
  int64_t real_ = 0, steady_ = 0, late_ = 0;
};
