#include "pipeline/foreign/reading.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/ascii.h"
#include "base/fail.h"
#include "base/number.h"
#include "io/utf8.h"
#include "sampler/noise/brownian_tree.h"

namespace corepulse::pipeline {
namespace {

constexpr size_t kMostListed = 40, kMostNotes = 100;
constexpr size_t kMostName = 255;
constexpr double kMostStrength = 100, kMostSide = 8192, kMostGuidance = 1000,
                 kMostClipSkip = 10;  // as resolve() takes them

template <class Parse>
auto known(Parse parse, std::string_view name) -> std::optional<decltype(parse(name))> {
  try {
    return parse(name);
  } catch (const Error&) {
    return std::nullopt;
  }
}

bool is_whole(const std::optional<double>& number, double least, double most) {
  return number && *number >= least && *number <= most && *number == std::floor(*number);
}

/** A backslash before each brace that would begin a choice. */
std::string without_choices(std::string_view prompt) {
  std::string made;
  const bool any = prompt.find('|') != prompt.npos;
  for (size_t i = 0; i < prompt.size(); ++i) {
    if (any && prompt[i] == '{' && (i == 0 || prompt[i - 1] != '\\')) made += '\\';
    made += prompt[i];
  }
  return made;
}

/** A stranger's path that leads nowhere but below a folder. */
bool stays_below(std::string_view name) {
  if (name.empty() || name.size() > kMostName || name.front() == '/' || name.find(':') != name.npos) return false;
  if (std::any_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; })) return false;
  for (size_t begin = 0; begin <= name.size();) {
    const auto end = std::min(name.find('/', begin), name.size());
    const auto part = name.substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..") return false;
    begin = end + 1;
  }
  return true;
}

/** Whose fresh noise ComfyUI draws on the GPU; the others draw on a tree, on the CPU unless their name says "gpu". */
bool draws_on_the_gpu(SamplerKind sampler, std::string_view name) {
  using enum SamplerKind;
  constexpr SamplerKind kinds[] = {euler_a, lcm, dpmpp_2s_a, dpm_2_a, ddpm};
  return name.ends_with("_gpu") || std::ranges::find(kinds, sampler) != std::end(kinds);
}

}  // namespace

void refuse_foreign(ErrorCode code, std::string_view message) {
  fail(code, "picture", message);
}

std::optional<double> foreign_number(std::string_view text) {
  text = trim(text);
  const auto number = leading_number(text);
  if (!number || number->length != text.size() || !std::isfinite(number->value)) return std::nullopt;
  return number->value;
}

std::optional<double> foreign_number(const io::Json* value) {
  if (!value || !value->is_number()) return std::nullopt;
  return value->get<double>();
}

std::optional<uint64_t> foreign_seed(std::string_view text) {
  text = trim(text);
  uint64_t seed = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return seed;
}

std::optional<uint64_t> foreign_seed(const io::Json* value) {
  if (!value || !value->is_number_integer()) return std::nullopt;
  if (!value->is_number_unsigned() && value->get<int64_t>() < 0) return std::nullopt;
  return value->get<uint64_t>();
}

std::string foreign_shown(const io::Json* value) {
  if (!value) return "(not said)";
  return io::printable(value->is_string() ? value->get_ref<const std::string&>() : value->dump());
}

std::string foreign_shown(std::string_view text) {
  return text.empty() ? "(not said)" : std::string(text);
}

ForeignReading::ForeignReading(const ForeignTool& tool, std::string loras) : folder_of_loras_(std::move(loras)) {
  made_.program = tool.program;
  made_.recipe.syntax = tool.syntax;
  made_.recipe.compat = tool.compat;
  made_.recipe.rng = tool.rng;
}

void ForeignReading::note(std::string text) {
  if (made_.notes.size() < kMostNotes) made_.notes.push_back(std::move(text));
}

void ForeignReading::list(std::vector<std::string>& items, std::string text) {
  if (items.size() == kMostListed) text = "and more";
  if (items.size() <= kMostListed && std::find(items.begin(), items.end(), text) == items.end())
    items.push_back(std::move(text));
}

void ForeignReading::leave_out(std::string_view name, std::string_view value) {
  auto text = io::printable(name);
  if (!value.empty()) text += " " + io::printable(value);
  list(left_out_, std::move(text));
}

void ForeignReading::take_prompts(std::string_view prompt, std::string_view negative) {
  recipe().prompt = without_choices(prompt);
  recipe().negative_prompt = without_choices(negative);
}

void ForeignReading::take_second_prompts(std::string_view prompt, std::string_view negative) {
  recipe().prompt_2 = without_choices(prompt);
  recipe().negative_prompt_2 = without_choices(negative);
}

void ForeignReading::take_steps(std::optional<double> steps, std::string_view shown) {
  if (!is_whole(steps, 1, 1000)) return leave_out("steps", shown);
  recipe().steps = static_cast<int>(*steps);
}

void ForeignReading::take_guidance(std::optional<double> guidance, std::string_view shown) {
  if (!guidance || !(*guidance >= 0 && *guidance <= kMostGuidance)) return leave_out("guidance", shown);
  recipe().guidance = *guidance;
}

void ForeignReading::take_seed(std::optional<uint64_t> seed, std::string_view shown) {
  if (!seed) return leave_out("seed", shown);
  recipe().seeds = {*seed};
}

void ForeignReading::take_size(std::optional<double> width, std::optional<double> height, std::string_view shown) {
  if (!is_whole(width, 8, kMostSide) || !is_whole(height, 8, kMostSide)) return leave_out("size", shown);
  recipe().width = static_cast<int>(*width), recipe().height = static_cast<int>(*height);
}

void ForeignReading::take_clip_skip(std::optional<double> layers, std::string_view shown) {
  if (!is_whole(layers, 0, kMostClipSkip)) return leave_out("clip skip", shown);
  recipe().clip_skip = static_cast<int>(*layers);
}

void ForeignReading::take_strength(std::optional<double> strength, std::string_view shown) {
  const bool good = strength && *strength > 0 && *strength <= 1;
  if (!good) leave_out("strength", shown);
  recipe().init = InitPicture{};
  if (good) recipe().init->strength = *strength;
  note("it was drawn from another picture, which is not inside: give that one (--init FILE)");
}

void ForeignReading::take_sampler(std::string_view sampler, std::string_view schedule) {
  if (sampler.empty()) {
    leave_out("sampler", foreign_shown(sampler));
  } else if (const auto name = known(parse_sampler, sampler)) {
    recipe().sampler = name->sampler, recipe().schedule = name->schedule;
  } else {
    note(fmt::format("the sampler \"{}\" is not here, the model's own draws instead; --sampler chooses: {}",
                     io::printable(sampler), fmt::join(sampler_names(), ", ")));
  }
  if (!schedule.empty()) {
    if (const auto kind = known(parse_schedule, schedule))
      recipe().schedule = *kind;
    else
      note(fmt::format("the schedule \"{}\" is not here, {} is used instead; --schedule chooses: {}",
                       io::printable(schedule),
                       recipe().schedule == ScheduleKind::model ? "the sampler's own" : name(recipe().schedule),
                       fmt::join(schedule_names(), ", ")));
  }
  note_sampler(sampler);
}

/** Where the numbers are of another generator, or another formula, than the program's own. */
void ForeignReading::note_sampler(std::string_view name_there) {
  const auto& made = recipe();
  const bool on_gpu = made.compat == Compat::comfy && draws_on_the_gpu(made.sampler, name_there);
  // Diffusers' tree has a seed of its own, and stable-diffusion.cpp has none.
  const bool other_tree = made.compat == Compat::diffusers ? made.sampler == SamplerKind::dpmpp_sde
                                                           : made_.program == "stable-diffusion.cpp" &&
                                                                 sampler::draws_on_a_tree(made.sampler, made.compat);
  if (on_gpu || other_tree)
    note(fmt::format("{} takes the fresh noise of {} from another generator: the same seed gives another picture",
                     made_.program, name(made.sampler)));
  if (made.sampler == SamplerKind::unipc && made.compat != Compat::diffusers)
    note(fmt::format("unipc of {} is of another order: the picture will differ a little", made_.program));
}

void ForeignReading::take_model(std::string_view what, std::string_view name) {
  list(models_, fmt::format("{} {}", what, io::printable(name)));
}

bool ForeignReading::take_lora(const ForeignLora& found) {
  auto& made = recipe();
  auto name = found.name;
  std::replace(name.begin(), name.end(), '\\', '/');  // as Windows has it
  const bool numbers = std::abs(found.strength) <= kMostStrength && std::abs(found.text_strength) <= kMostStrength;
  if (folder_of_loras_.empty() || !numbers || !stays_below(name) || made.controls.size() >= kMostListed) return false;
  made.loras = folder_of_loras_;
  const bool in_a_room = name.find('/') != name.npos;
  auto control = lora(in_a_room ? folder_of_loras_ + "/" + name : name, found.strength);
  auto& effect = std::get<Lora>(control.effect);
  if (found.text_strength != found.strength) effect.text_strength = found.text_strength;
  effect.dora = found.dora;
  effect.blocks = found.blocks;
  note(fmt::format("its LoRA {} is control {}", io::printable(found.name, 80), made.controls.size()));
  made.controls.push_back(std::move(control));
  return true;
}

void ForeignReading::name_network(std::string_view name, std::string_view weight) {
  list(loras_, fmt::format("{} ({})", io::printable(name), io::printable(weight)));
}

void ForeignReading::note_list(const char* before, const std::vector<std::string>& items, const char* behind) {
  if (!items.empty()) note(fmt::format("{}{}{}", before, fmt::join(items, ", "), behind));
}

PictureRecipe ForeignReading::finish() && {
  note_list("it was drawn with another model: ", models_, "; give it (-m FILE)");
  note_list("networks that are not in the recipe: ", loras_, "");
  note_list("not carried over: ", left_out_, "");
  return std::move(made_);
}

}  // namespace corepulse::pipeline
