#pragma once
// Pictures of a run while it goes on, beside those that it will save.

#include "corepulse/request.h"

#include "captures.h"

namespace corepulse::cli {

class Previews {
 public:
  /**
   * @param pictures the names of the run's pictures: cat.png has its preview in cat-preview.png.
   * @throws Error{invalid_request} where a file of that name is there that is no preview, or none can be.
   */
  Previews(const Files& pictures, int every, bool quiet);
  /** Every `every`-th step each file is replaced, at one moment, so that a viewer never reads half of one. One that
   * cannot be written is noted, and is the last: the run goes on. */
  void show(const Progress& at);

 private:
  Files files_;
  int every_;
  bool quiet_, failed_ = false;
};

}  // namespace corepulse::cli
