#include "model/files/markers.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fmt/format.h>

#include "base/fail.h"
#include "io/utf8.h"
#include "nn/stored.h"

namespace corepulse::model {
namespace {

constexpr const char *kMean = "edm_mean", *kDeviation = "edm_std";
constexpr const char *kLeast = "edm_vpred.sigma_min", *kMost = "edm_vpred.sigma_max";

/** An integer stored as a tensor of one element, if its data is there to be read. */
std::optional<int64_t> integer(const io::TensorView& view) {
  if (view.type != io::StoredType::i64 || view.bytes != sizeof(int64_t) || !view.data) return {};
  int64_t value;
  std::memcpy(&value, view.data, sizeof value);
  return value;
}

/** Reads the numbers of markers, and says which one is wrong. */
class Numbers {
 public:
  Numbers(const io::SafetensorsFile& file, const std::filesystem::path& path) : file_(file), path_(path) {}

  bool has(const char* name) const { return file_.tensors.contains(name); }

  /** All numbers of a tensor, 1 to 16. */
  std::vector<float> list(const char* name) const {
    constexpr size_t kMostNumbers = 16;
    const auto& view = file_.tensors.at(name);
    const size_t n = view.elements();
    if (!nn::is_number(view.type) || n < 1 || n > kMostNumbers)
      bad(name, fmt::format("1 to {} floating-point numbers", kMostNumbers));
    io::check_unchanged(file_);
    const auto numbers = nn::to_array(view, {static_cast<int>(n)}, mx::float32);
    return {numbers.data<float>(), numbers.data<float>() + n};
  }

  double positive(const char* name) const {
    const auto numbers = list(name);
    if (numbers.size() != 1 || !std::isfinite(numbers[0]) || !(numbers[0] > 0)) bad(name, "one number above 0");
    return numbers[0];
  }

  [[noreturn]] void bad(const char* name, std::string_view expected) const {
    fail(ErrorCode::bad_file, "model",
         fmt::format("{}: tensor {} is damaged; expected {}", path_.string(), name, expected));
  }

 private:
  const io::SafetensorsFile& file_;
  const std::filesystem::path& path_;
};

/** Stability's CosXL: v prediction over a range that the file names (ComfyUI's V_PREDICTION_EDM). */
EdmMarks cosxl(const Numbers& numbers) {
  EdmMarks marks{.prediction = Prediction::v, .range = {0.002, 120, 1}};
  marks.range.sigma_max = numbers.positive(kMost);
  if (numbers.has(kLeast)) marks.range.sigma_min = numbers.positive(kLeast);
  if (marks.range.sigma_max <= marks.range.sigma_min) numbers.bad(kMost, "more than edm_vpred.sigma_min");
  return marks;
}

/** Playground v2.5, whose latents are brought to the mean and the deviation in the file. */
EdmMarks playground(const Numbers& numbers) {
  EdmMarks marks{.latents_mean = numbers.list(kMean)};
  if (!numbers.has(kDeviation)) numbers.bad(kMean, "edm_std beside it");
  marks.latents_std = numbers.list(kDeviation);
  const auto finite = [](float x) { return std::isfinite(x); };
  if (!std::ranges::all_of(marks.latents_mean, finite)) numbers.bad(kMean, "finite numbers");
  if (marks.latents_std.size() != marks.latents_mean.size() ||
      !std::ranges::all_of(marks.latents_std, [&](float x) { return finite(x) && x > 0; }))
    numbers.bad(kDeviation, "a number above 0 for each of edm_mean");
  return marks;
}

/** https://github.com/Stability-AI/ModelSpec; ComfyUI writes the same under another name. */
void read_spec(const io::SafetensorsFile& file, const std::filesystem::path& path, Markers& result) {
  for (const std::string key : {"modelspec.prediction_type", "modelspec.predict_key"}) {
    const auto spec = file.metadata.find(key);
    if (spec == file.metadata.end() || spec->second.empty()) continue;
    try {
      result.prediction = parse_prediction(spec->second);
      return;
    } catch (const Error&) {
      result.notes.push_back(
          fmt::format("{}: {} \"{}\" is unknown, and ignored", path.string(), key, io::printable(spec->second, 60)));
    }
  }
}

}  // namespace

Markers read_markers(const io::SafetensorsFile& file, const std::filesystem::path& path) {
  Markers result;
  const Numbers numbers(file, path);
  result.zero_snr = file.tensors.contains("ztsnr");
  if (const auto step = file.tensors.find("global_step"); step != file.tensors.end())
    result.global_step = integer(step->second);
  if (numbers.has(kMost)) result.edm = cosxl(numbers);
  if (numbers.has(kMean)) result.edm = playground(numbers);
  if (result.edm)
    result.prediction = result.edm->prediction;
  else if (file.tensors.contains("v_pred"))
    result.prediction = Prediction::v;
  else
    read_spec(file, path, result);
  return result;
}

}  // namespace corepulse::model
