// Keeps timestamps of consecutive programs apart, so that the time of a change tells which program made it.
#pragma once
#include <ctime>
#include <cstdint>

int64_t Clock(clockid_t clock);

class Stamps {
 public:
  // Waits until new changes have a later timestamp than all before; returns the first one that they can have.
  int64_t Separate();
  // Whether times are reliable: the clock was not set.
  bool IsSteady() const { return isSteady_; }
  void Remember();

 private:
  bool isSteady_ = true;
  int64_t real_ = 0, steady_ = 0, late_ = 0;
};
