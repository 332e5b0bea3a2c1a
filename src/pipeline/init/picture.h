#pragma once
// The picture file that a run starts from, and that picture at the run's size.

#include "corepulse/image.h"
#include "corepulse/init_picture.h"

namespace corepulse::pipeline {

/** A picture and the SHA-256 of its file. */
struct StartPicture {
  Image image;  ///< Upright, opaque: what was transparent lies over white.
  std::string sha256;
};

/** @param where begins messages. @throws Error not_found, io, bad_file (also if it is not the picture that sha256
 * says); invalid_request without one. */
StartPicture read_start_picture(const InitPicture& init, const char* where = "init");

/** The picture at this size, as Pillow's ImageOps.fit, pad and Image.resize. */
Image fitted(const Image& image, Fit fit, int width, int height, Resample filter = Resample::lanczos);

/** Pixels of canvas around a picture. */
struct Margins {
  int left = 0, top = 0, right = 0, bottom = 0;
};

/** @throws Error{invalid_request} unless they are none, or four multiples that are not negative. */
Margins margins_of(const InitPicture& init, int multiple);

/** The picture on a larger canvas, its edges repeated outwards. */
Image with_margins(const Image& image, const Margins& margins);

struct PictureSize {
  int width = 0, height = 0;
};

/** What a run's size follows where its recipe leaves it open. */
struct StartSize {
  PictureSize picture;
  Margins around = {};  ///< Of the run's pixels, beside the picture.
};

/**
 * What is left open (0) of the size of a run, in the picture's proportions: both sides have about as many pixels as
 * `native`. Each is rounded to a multiple.
 */
PictureSize size_like(PictureSize picture, PictureSize given, PictureSize native, int multiple);

}  // namespace corepulse::pipeline
