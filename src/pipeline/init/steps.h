#pragma once
// How much of a schedule a run from a picture takes.

#include "corepulse/init_picture.h"
#include "corepulse/sampling.h"

namespace corepulse::pipeline {

/** The last `run` steps of a schedule of `of`. */
struct StepsFromPicture {
  int of = 0, run = 0;
};

/** As the compatible tool counts. @throws Error{invalid_request} if none is left, or the schedule would be too long. */
StepsFromPicture steps_from_picture(const InitPicture& init, int steps, Compat compat);

}  // namespace corepulse::pipeline
