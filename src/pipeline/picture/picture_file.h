#pragma once
// Pictures that a recipe names, or holds.

#include <string>

#include "corepulse/image.h"

namespace corepulse::pipeline {

struct PictureFile {
  Image image;
  std::string name;    ///< For messages.
  std::string sha256;  ///< Of the file.
};

/**
 * @param bytes of the picture's file. @param file its path; "": the recipe holds it. @param sha256 that of the file
 * that the recipe was made with; "": unknown. @param where begins messages.
 * @throws Error{bad_file} if it is no picture, or another one.
 */
PictureFile checked_picture(const std::string& bytes, const std::string& file, const std::string& sha256,
                            const char* where);

}  // namespace corepulse::pipeline
