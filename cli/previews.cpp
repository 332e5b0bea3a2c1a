#include "previews.h"

#include <filesystem>
#include <fmt/format.h>

#include "corepulse/error.h"
#include "corepulse/image.h"

#include "target.h"
#include "terminal/progress.h"

namespace corepulse::cli {
namespace {

namespace fs = std::filesystem;

const char* const kMark = "corepulse-preview";

bool is_preview(const fs::path& file) {
  try {
    return load_image_text(file).contains(kMark);
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

Previews::Previews(const Files& pictures, int every, bool quiet) : every_(every), quiet_(quiet) {
  for (const auto& picture : pictures) {
    auto file = picture;
    file.replace_filename(picture.stem().string() + "-preview.png");
    std::error_code error;  // such as a name that is too long for a file
    if (fs::exists(file, error) ? !is_preview(file) : bool(error))
      throw Error(ErrorCode::invalid_request,
                  fmt::format("[--preview] {} {}; expected another name behind -o", file.string(),
                              error ? "cannot be written: " + error.message() : "exists and is no preview"));
    files_.push_back(std::move(file));
  }
}

void Previews::show(const Progress& at) {
  if (failed_ || at.step % every_ != 0) return;
  for (size_t i = 0; i < files_.size() && !failed_; ++i) {
    const auto picture = at.preview(static_cast<int>(i));
    try {
      make_folder(files_[i], /*quiet=*/true);
      save_image(picture, files_[i], {{kMark, fmt::format("step {} of {}", at.step, at.steps)}});
    } catch (const Error& error) {
      failed_ = true;
      note(fmt::format("note: no previews from here on: {}", error.what()), quiet_);
    }
  }
}

}  // namespace corepulse::cli
