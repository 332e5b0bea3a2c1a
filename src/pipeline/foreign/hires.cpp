#include "pipeline/foreign/hires.h"

#include <cmath>
#include <string_view>

#include "corepulse/error.h"

#include "pipeline/foreign/reading.h"
#include "pipeline/init/second_pass.h"

namespace corepulse::pipeline {
namespace {

constexpr std::string_view kHires = "Hires ";
constexpr int kMostHiresSide = 8192, kHiresCell = 8;

struct HiresSize {
  int width = 0, height = 0;
};

bool is_hires_side(double pixels) {
  return pixels >= kHiresCell && pixels <= kMostHiresSide;
}

/** What a picture is enlarged by; "None" is Pillow's Lanczos, too. Bilinear and Bicubic stand in our own pictures'
 * text. */
std::optional<Upscale> hires_upscale(std::string_view name) {
  if (name == "Lanczos" || name == "None") return Upscale::lanczos;
  if (name == "Nearest") return Upscale::nearest;
  if (name == "Bilinear") return Upscale::bilinear;
  if (name == "Bicubic") return Upscale::bicubic;
  if (name == "Latent") return Upscale::latent_bilinear;
  if (name == "Latent (bicubic)") return Upscale::latent_bicubic;
  if (name == "Latent (nearest)") return Upscale::latent_nearest;
  if (name == "Latent (nearest-exact)") return Upscale::latent_nearest_exact;
  return std::nullopt;
}

/** "1.5" times the first pass's size. */
std::optional<HiresSize> scaled_size(std::string_view text, const Recipe& first) {
  const auto scale = foreign_number(text);
  if (!scale || !is_hires_side(first.width * *scale) || !is_hires_side(first.height * *scale)) return std::nullopt;
  return HiresSize{static_cast<int>(first.width * *scale), static_cast<int>(first.height * *scale)};
}

/** "1024x1536", a side of 0 in the picture's proportions; other proportions than the first pass's would be cut. */
std::optional<HiresSize> given_size(std::string_view text, const Recipe& first) {
  const auto by = text.find('x');
  if (by == text.npos) return std::nullopt;
  const auto x = foreign_number(text.substr(0, by)), y = foreign_number(text.substr(by + 1));
  if (!x || !y || *x != std::floor(*x) || *y != std::floor(*y) || *x < 0 || *y < 0) return std::nullopt;
  if (*x > kMostHiresSide || *y > kMostHiresSide || (*x == 0 && *y == 0)) return std::nullopt;
  HiresSize size{static_cast<int>(*x), static_cast<int>(*y)};
  if (size.width == 0) size.width = size.height * first.width / first.height;
  if (size.height == 0) size.height = size.width * first.height / first.width;
  if (int64_t{size.width} * first.height != int64_t{size.height} * first.width && *x != 0 && *y != 0)
    return std::nullopt;
  return is_hires_side(size.width) && is_hires_side(size.height) ? std::optional(size) : std::nullopt;
}

/** Latents have whole cells; a picture is encoded as it is, and only sides of whole cells come back as they were. */
bool fit_to_cells(HiresSize& size, Upscale upscale) {
  const bool whole = size.width % kHiresCell == 0 && size.height % kHiresCell == 0;
  size.width -= size.width % kHiresCell, size.height -= size.height % kHiresCell;
  return whole || !picture_filter(upscale);
}

/** The settings one by one; each that is read is no longer among them. */
class HiresReader {
 public:
  explicit HiresReader(ForeignSettings settings) : settings_(std::move(settings)) {}

  std::optional<SecondPass> read(const Recipe& first) {
    SecondPass pass;
    const auto upscale = hires_upscale(take("Hires upscaler"));
    const auto scale = take("Hires upscale"), resize = take("Hires resize");
    if (!upscale || first.width < kHiresCell || first.height < kHiresCell) return std::nullopt;
    auto size = resize.empty() ? scaled_size(scale, first) : given_size(resize, first);
    if (!size || !fit_to_cells(*size, *upscale)) return std::nullopt;
    pass.upscale = *upscale, pass.width = size->width, pass.height = size->height;
    const auto strength = foreign_number(take("Denoising strength"));
    if (!strength || !(*strength > 0 && *strength <= 1)) return std::nullopt;
    pass.strength = *strength;
    if (!read_numbers(pass) || !read_sampler(pass) || !read_prompts(first)) return std::nullopt;
    return all_read() ? std::optional(pass) : std::nullopt;
  }
  ForeignSettings& rest() { return settings_; }

 private:
  std::string take(std::string_view name) {
    const auto found = settings_.find(name);
    if (found == settings_.end()) return "";
    auto value = std::move(found->second);
    settings_.erase(found);
    return value;
  }

  bool read_numbers(SecondPass& pass) {
    if (const auto text = take("Hires steps"); !text.empty()) {
      const auto steps = foreign_number(text);
      if (!steps || *steps < 0 || *steps > 1000 || *steps != std::floor(*steps)) return false;
      pass.steps = static_cast<int>(*steps);
    }
    if (const auto text = take("Hires CFG Scale"); !text.empty()) {
      const auto guidance = foreign_number(text);
      if (!guidance || *guidance < 0 || *guidance > 1000) return false;
      pass.guidance = *guidance;
    }
    return true;
  }

  bool read_sampler(SecondPass& pass) try {
    if (const auto text = take("Hires sampler"); !text.empty()) {
      const auto name = parse_sampler(text);
      pass.sampler = name.sampler;
      if (name.schedule != ScheduleKind::model) pass.schedule = name.schedule;
    }
    if (const auto text = take("Hires schedule type"); !text.empty()) pass.schedule = parse_schedule(text);
    return true;
  } catch (const Error&) {
    return false;
  }

  /** Both passes read the same here. */
  bool read_prompts(const Recipe& first) {
    const auto prompt = take("Hires prompt"), negative = take("Hires negative prompt");
    return (prompt.empty() || prompt == first.prompt) && (negative.empty() || negative == first.negative_prompt);
  }

  bool all_read() {
    for (auto at = settings_.lower_bound(kHires); at != settings_.end() && at->first.starts_with(kHires);) {
      if (!at->second.starts_with("Use same")) return false;
      at = settings_.erase(at);
    }
    return true;
  }

  ForeignSettings settings_;
};

}  // namespace

std::optional<SecondPass> take_hires(ForeignSettings& settings, const Recipe& recipe) {
  const auto any = settings.lower_bound(kHires);
  if (any == settings.end() || !any->first.starts_with(kHires)) return std::nullopt;
  HiresReader reader(settings);
  const auto pass = reader.read(recipe);
  if (pass) settings = std::move(reader.rest());
  return pass;
}

}  // namespace corepulse::pipeline
