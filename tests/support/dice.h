#pragma once
// What generators of random recipes throw.

#include <initializer_list>
#include <random>

namespace corepulse::test {

class Dice {
 public:
  explicit Dice(unsigned seed) : random_(seed) {}
  /** One of 0 .. n - 1. */
  int below(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }

 protected:
  template <class T>
  T pick(std::initializer_list<T> list) {
    return list.begin()[below(static_cast<int>(list.size()))];
  }
  /** One of 0, 0.1 .. 1. */
  double decimal() { return below(11) / 10.0; }

  std::mt19937 random_;
};

}  // namespace corepulse::test
