// The "parameters" that A1111, Forge and stable-diffusion.cpp write: a prompt, a negative prompt and a line of
// settings.
#include <fmt/format.h>

#include "base/ascii.h"
#include "io/utf8.h"
#include "pipeline/foreign/hires.h"
#include "pipeline/foreign/reading.h"
#include "text/prompt/lora_tags.h"

namespace corepulse::pipeline {
namespace {

constexpr size_t kFewestSettings = 3, kMostSettings = 1000;

bool in_name(char c) {
  return is_word_char(c) || c == ' ' || c == '-' || c == '/';
}

/** `"a \"b\""` at `at`, closed and followed by a comma or the end: the byte behind it, or 0. */
size_t end_of_quoted(std::string_view line, size_t at) {
  for (size_t i = at + 1; i < line.size(); ++i) {
    if (line[i] == '\\') {
      ++i;
    } else if (line[i] == '"') {
      const bool ends = i + 1 == line.size() || line[i + 1] == ',';
      return ends && i > at + 1 ? i + 1 : 0;
    }
  }
  return 0;
}

std::string unquoted(std::string_view value) {
  if (value.size() < 2 || value.front() != '"' || value.back() != '"') return std::string(value);
  try {
    return io::parse_json(value, "picture").get<std::string>();
  } catch (const Error&) {
    return std::string(value);
  }
}

/**
 * "Steps: 20, Sampler: Euler a, Lora hashes: \"a: 1, b: 2\"", as A1111's own pattern reads it: a name is two characters
 * or more in front of a colon, a value goes to the next comma or stands in JSON's quotes. Of a name that stands twice
 * the last counts.
 */
ForeignSettings settings_of(std::string_view line) {
  ForeignSettings settings;
  size_t count = 0;
  for (size_t at = 0; at < line.size();) {
    if (!is_word_char(line[at])) {
      ++at;
      continue;
    }
    size_t colon = at;
    while (colon < line.size() && in_name(line[colon])) ++colon;
    if (colon == line.size() || line[colon] != ':' || colon < at + 2) {
      at = colon + 1;
      continue;
    }
    size_t begin = colon + 1, end = 0;
    while (begin < line.size() && is_space(line[begin])) ++begin;
    if (begin < line.size() && line[begin] == '"') end = end_of_quoted(line, begin);
    if (end == 0) end = std::min(line.find(',', begin), line.size());
    settings[std::string(line.substr(at, colon - at))] = unquoted(line.substr(begin, end - begin));
    if (++count > kMostSettings) refuse_foreign(ErrorCode::bad_file, "its parameters hold more than 1000 settings");
    at = end + 1;
  }
  return settings;
}

struct Infotext {
  std::string prompt, negative;
  ForeignSettings settings;

  /** The value, which is no longer among the settings; "": there is none. */
  std::string take(std::string_view name) {
    const auto found = settings.find(name);
    if (found == settings.end()) return "";
    auto value = std::move(found->second);
    settings.erase(found);
    return value;
  }
};

Infotext parts_of(std::string_view text) {
  text = trim(text);
  const auto last = text.rfind('\n');
  auto line = last == text.npos ? text : text.substr(last + 1);
  line = line.substr(0, line.find("SDCPP: {"));  // stable-diffusion.cpp says the same in JSON once more
  Infotext parts{"", "", settings_of(line)};
  if (parts.settings.size() < kFewestSettings)
    refuse_foreign(ErrorCode::invalid_request,
                   text.starts_with('{')
                       ? "its parameters are JSON, as SwarmUI and Fooocus write it; those of A1111, Forge and "
                         "stable-diffusion.cpp can be read"
                       : "its parameters do not end in a line such as \"Steps: 20, Sampler: Euler a, Seed: 1\"");
  std::string* out = &parts.prompt;
  std::string_view rest = last == text.npos ? std::string_view() : text.substr(0, last);
  while (!rest.empty()) {
    auto part = trim(rest.substr(0, rest.find('\n')));
    rest.remove_prefix(std::min(rest.find('\n'), rest.size() - 1) + 1);
    constexpr std::string_view kNegative = "Negative prompt:";
    if (part.starts_with(kNegative)) out = &parts.negative, part = trim(part.substr(kNegative.size()));
    if (!out->empty()) *out += '\n';
    *out += part;
  }
  return parts;
}

/** A tag's LoRA, if it is one and its numbers are some: "<lora:name:0.8>". */
std::optional<text::LoraTag> lora_of(std::string_view tag) {
  auto text = std::string(tag);
  try {
    const auto tags = text::take_lora_tags(text);
    return tags.empty() ? std::nullopt : std::optional(tags[0]);
  } catch (const Error&) {
    return std::nullopt;
  }
}

/** The prompt without `<lora:name:0.8>` and its like, which A1111 takes out of it, too. @param heeded by A1111. */
std::string without_networks(std::string_view prompt, bool heeded, ForeignReading& reading) {
  std::string made;
  while (true) {
    const auto open = prompt.find('<');
    if (open == prompt.npos) return made.append(prompt);
    size_t colon = open + 1;
    while (colon < prompt.size() && is_word_char(prompt[colon])) ++colon;
    const bool named = colon < prompt.size() && prompt[colon] == ':' && colon > open + 1;
    auto close = named ? prompt.find_first_of("<>", colon) : prompt.npos;
    if (close != prompt.npos && prompt[close] == '<') close = prompt.npos;
    if (close == prompt.npos || close == colon + 1) {
      made.append(prompt.substr(0, colon));
      prompt.remove_prefix(colon);
      continue;
    }
    const auto inside = prompt.substr(colon + 1, close - colon - 1);
    const auto weight = inside.find(':');
    const auto tag = heeded ? lora_of(prompt.substr(open, close + 1 - open)) : std::nullopt;
    if (!tag || !reading.take_lora({tag->name, tag->strength, tag->text_strength, DoraReading::blended, tag->blocks}))
      reading.name_network(inside.substr(0, weight), weight == inside.npos ? "1" : inside.substr(weight + 1));
    made.append(prompt.substr(0, open));
    prompt.remove_prefix(close + 1);
  }
}

/** "v1.9.4" is 1.09. 0: unknown. */
double version_number(std::string_view version) {
  if (version.starts_with('v')) version.remove_prefix(1);
  const auto dot = version.find('.');
  const auto major = foreign_number(version.substr(0, dot));
  if (!major || dot == version.npos) return 0;
  const auto minor = foreign_number(version.substr(dot + 1, version.find('.', dot + 1) - dot - 1));
  return minor ? *major + *minor / 100 : 0;
}

/** Before 1.9 a name without a schedule meant A1111's even timesteps; "Automatic" means each sampler's own. */
void take_old_schedule(ForeignReading& reading, double version) {
  auto& recipe = reading.recipe();
  if (version < 1.09 && recipe.schedule == ScheduleKind::model && recipe.sampler != SamplerKind::ddim &&
      recipe.sampler != SamplerKind::unipc && recipe.sampler != SamplerKind::pndm)
    recipe.schedule = ScheduleKind::linspace;
}

void take_sampler_of_a1111(Infotext& parts, ForeignReading& reading, double version) {
  const auto schedule = parts.take("Schedule type");
  reading.take_sampler(parts.take("Sampler"), schedule);
  if (schedule.empty()) take_old_schedule(reading, version);
  const bool ddim = reading.recipe().sampler == SamplerKind::ddim;
  if (const auto eta = parts.take(ddim ? "Eta DDIM" : "Eta"); !eta.empty()) {
    const auto number = foreign_number(eta);
    if (number && *number >= 0 && *number <= 1)
      reading.recipe().eta = *number;
    else
      reading.leave_out("eta", eta);
  }
}

/** "dpm++2m karras", "euler_a", "euler discrete": k-diffusion's even timesteps unless it says another schedule. */
void take_sampler_of_sd_cpp(Infotext& parts, ForeignReading& reading) {
  const auto both = parts.take("Sampler");
  const auto space = both.find(' ');
  auto schedule = space == both.npos ? "discrete" : both.substr(space + 1);
  if (schedule == "discrete" || schedule == "default") schedule = "linspace";
  reading.take_sampler(both.substr(0, space), both.find("trailing") == both.npos ? schedule : "");
  auto& recipe = reading.recipe();
  const auto eta = foreign_number(parts.take("Eta"));
  if (eta && *eta > 0 && *eta <= 1 && recipe.sampler == SamplerKind::ddim) recipe.eta = *eta;
  if (recipe.sampler == SamplerKind::tcd)  // on the timesteps of its training, whatever the schedule
    recipe.schedule = ScheduleKind::model, recipe.eta = eta && *eta > 0 && *eta <= 1 ? *eta : 0;
  if (recipe.sampler == SamplerKind::dpm_2)
    reading.note("stable-diffusion.cpp asks for no level more with dpm_2: the picture will differ");
  parts.take("Guidance");  // of other families of models
}

void take_noise(Infotext& parts, ForeignReading& reading) {
  const auto rng = parts.take("RNG");
  if (rng.empty()) return;
  try {
    reading.recipe().rng = parse_noise(rng);
  } catch (const Error&) {
    reading.leave_out("RNG", rng);
  }
}

void take_clip_skip_from_one(Infotext& parts, ForeignReading& reading) {
  const auto text = parts.take("Clip skip");
  const auto number = foreign_number(text);
  if (text.empty() || text == "-1" || number == 0.0) return;
  reading.take_clip_skip(number ? std::optional(*number - 1) : number, text);
  if (number == 2.0)
    reading.note("\"Clip skip: 2\" is --clip-skip 1 here; with SDXL models A1111 does not heed it: there it is 0");
}

/** A strength belongs to the second pass where there is one. */
void take_strength_of_a1111(Infotext& parts, ForeignReading& reading) {
  const auto strength = parts.take("Denoising strength");
  if (strength.empty()) return;
  const auto hires = parts.settings.lower_bound("Hires ");
  if (hires != parts.settings.end() && hires->first.starts_with("Hires "))
    reading.leave_out("Denoising strength", strength);
  else
    reading.take_strength(foreign_number(strength), strength);
}

void take_second_pass(Infotext& parts, ForeignReading& reading) {
  reading.recipe().second_pass = take_hires(parts.settings, reading.recipe());
  if (reading.recipe().second_pass)
    reading.note("its Hires. fix is the recipe's second_pass; --no-second-pass draws the first pass alone");
}

/** What ended the run; A1111 since 1.8 counts noise levels as our compat does, others steps. */
void take_refiner_of_a1111(Infotext& parts, ForeignReading& reading, bool counts_steps) {
  const auto switch_at = parts.settings.find("Refiner switch at");
  const auto at = switch_at == parts.settings.end() ? std::nullopt : foreign_number(switch_at->second);
  if (!at || !(*at >= 0 && *at <= 1)) return;  // named among the rest
  const auto name = parts.take("Refiner");
  parts.take("Refiner switch at");
  counts_steps |= !parts.take("Refiner switch by sampling steps").empty();
  reading.recipe().refiner = Refiner{"", *at};
  reading.note(fmt::format("its refiner {} begins at {} of the run: give it (--refiner FILE), or --no-refiner",
                           name.empty() ? "(not said)" : io::printable(name), *at));
  if (counts_steps) reading.note("there the refiner counts steps, here noise levels: it may begin some steps off");
}

void take_models(Infotext& parts, ForeignReading& reading) {
  const auto hash = parts.take("Model hash");
  auto model = parts.take("Model");
  if (!hash.empty()) model += model.empty() ? "of hash " + hash : ", hash " + hash;
  if (!model.empty()) reading.take_model("the model", model);
  for (const char* part : {"Unet", "TE", "VAE"})
    if (const auto name = parts.take(part); !name.empty()) reading.take_model(part, name);
}

std::string program_of(std::string_view version) {
  if (version.starts_with("stable-diffusion.cpp")) return "stable-diffusion.cpp";
  return version.starts_with('f') ? "Forge" : "A1111";
}

}  // namespace

PictureRecipe read_infotext(std::string_view text, const std::string& loras) {
  auto parts = parts_of(text);
  const auto version = parts.take("Version");
  const auto program = program_of(version);
  const auto numbered = version_number(version);
  ForeignReading reading({program.c_str(), PromptSyntax::a1111, Compat::a1111, NoiseKind::cuda}, loras);
  const auto prompt = without_networks(parts.prompt, true, reading);
  const auto negative = without_networks(parts.negative, false, reading);
  reading.take_prompts(prompt, negative);
  const auto steps = parts.take("Steps"), guidance = parts.take("CFG scale"), seed = parts.take("Seed"),
             size = parts.take("Size");
  reading.take_steps(foreign_number(steps), foreign_shown(steps));
  reading.take_guidance(foreign_number(guidance), foreign_shown(guidance));
  reading.take_seed(foreign_seed(seed), foreign_shown(seed));
  const auto by = std::min(size.find('x'), size.size() - 1);
  reading.take_size(foreign_number(std::string_view(size).substr(0, by)),
                    foreign_number(std::string_view(size).substr(by + 1)), foreign_shown(size));
  if (program == "stable-diffusion.cpp")
    take_sampler_of_sd_cpp(parts, reading);
  else
    take_sampler_of_a1111(parts, reading, program == "A1111" ? numbered : 2);
  take_noise(parts, reading);
  take_clip_skip_from_one(parts, reading);
  if (program != "stable-diffusion.cpp") {
    take_second_pass(parts, reading);
    take_refiner_of_a1111(parts, reading, program == "Forge" || (numbered > 0 && numbered < 1.08));
  }
  take_strength_of_a1111(parts, reading);
  take_models(parts, reading);
  for (const char* harmless : {"Batch size", "Batch pos", "VAE hash", "Lora hashes", "User"}) parts.take(harmless);
  for (const auto& [name, value] : parts.settings) reading.leave_out(name, value);
  return std::move(reading).finish();
}

}  // namespace corepulse::pipeline
