// The times that files bear, kept apart: who changed a file is known by when it was changed.
#pragma once
#include <ctime>
#include <cstdint>

int64_t Clock(clockid_t clock);

class Stamps {
 public:
  // Waits until what happens from now on cannot bear a time that what came before has too; gives the first that it can.
  int64_t Separate();
  // Whether times tell: nobody has set the clock.
  bool IsSteady() const { return isSteady_; }
  void Remember();

 private:
  bool isSteady_ = true;
  int64_t real_ = 0, steady_ = 0, late_ = 0;
};
