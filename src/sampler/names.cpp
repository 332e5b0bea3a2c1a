// The names of samplers, schedules and noises, with the spellings of Diffusers, A1111, ComfyUI and sd.cpp.
#include "base/names.h"

#include <algorithm>
#include <fmt/format.h>
#include <optional>

#include "corepulse/sampling.h"

#include "base/fail.h"

namespace corepulse {
namespace {

/** A value, its canonical name, and other spellings, squeezed. */
template <class Kind>
struct Row {
  Kind kind;
  const char* name;
  std::vector<std::string> aliases;
};
template <class Kind>
using Table = std::vector<Row<Kind>>;

using enum SamplerKind;

// "++" is left out or written "pp": both spellings of each.
const Table<SamplerKind>& samplers() {
  static const Table<SamplerKind> rows = {
      {model, "model", {"automatic", "auto", "default"}},
      {euler, "euler", {"eulerdiscrete"}},
      {euler_a, "euler_a", {"eulerancestral", "eulerancestraldiscrete"}},
      {heun, "heun", {"heundiscrete"}},
      {ddim, "ddim", {}},
      {dpmpp_2m, "dpmpp_2m", {"dpm2m", "dpmsolvermultistep", "dpmsolver", "dpmsolverpp"}},
      {dpmpp_2m_sde, "dpmpp_2m_sde", {"dpm2msde", "dpm2msdegpu", "dpmpp2msdegpu", "sdedpmsolver", "sdedpmsolverpp"}},
      {dpmpp_sde, "dpmpp_sde", {"dpmsde", "dpmppsdegpu", "dpmsdegpu", "dpmsolversde"}},
      {unipc, "unipc", {"unipcbh1", "unipcbh2", "unipcmultistep"}},
      {lcm, "lcm", {}},
      {dpmpp_2s_a, "dpmpp_2s_a", {"dpm2sa", "dpmpp2sancestral", "dpm2sancestral"}},
      {dpmpp_3m_sde, "dpmpp_3m_sde", {"dpm3msde", "dpm3msdegpu", "dpmpp3msdegpu"}},
      {dpm_2, "dpm_2", {"dpm2discrete"}},
      {dpm_2_a, "dpm_2_a", {"dpm2ancestral", "dpm2ancestraldiscrete"}},
      {lms, "lms", {"lmsdiscrete", "linearmultistep"}},
      {ddpm, "ddpm", {}},
      {pndm, "pndm", {"plms"}},
      {tcd, "tcd", {}},
      {deis, "deis", {"deismultistep"}},
      {ipndm, "ipndm", {}},
      {euler_cfg_pp, "euler_cfg_pp", {"eulercfg"}},
      {dpmpp_2m_cfg_pp, "dpmpp_2m_cfg_pp", {"dpm2mcfgpp", "dpm2mcfg", "dpmpp2mcfg"}},
      {restart, "restart", {}},
  };
  return rows;
}

const Table<ScheduleKind>& schedules() {
  static const Table<ScheduleKind> rows = {
      {ScheduleKind::model, "model", {"automatic", "auto", "default"}},
      {ScheduleKind::linspace, "linspace", {"normal", "uniform"}},
      {ScheduleKind::leading, "leading", {"ddimuniform", "ddim"}},
      {ScheduleKind::trailing, "trailing", {}},
      {ScheduleKind::karras, "karras", {"usekarrassigmas"}},
      {ScheduleKind::exponential, "exponential", {"polyexponential", "useexponentialsigmas"}},
      {ScheduleKind::sgm_uniform, "sgm_uniform", {}},
      {ScheduleKind::simple, "simple", {}},
      {ScheduleKind::beta, "beta", {"usebetasigmas"}},
      {ScheduleKind::ays, "ays", {"alignyoursteps"}},
  };
  return rows;
}

const Table<NoiseKind>& noises() {
  static const Table<NoiseKind> rows = {
      {NoiseKind::cpu, "cpu", {"torch", "torchcpu"}},
      {NoiseKind::cuda, "cuda", {"nv", "gpu", "philox", "torchcuda"}},
      {NoiseKind::mlx, "mlx", {"threefry"}},
  };
  return rows;
}

const Table<Compat>& compats() {
  static const Table<Compat> rows = {
      {Compat::diffusers, "diffusers", {}},
      {Compat::comfy, "comfy", {"comfyui"}},
      {Compat::a1111, "a1111", {"automatic1111", "webui", "forge"}},
  };
  return rows;
}

const Table<Prediction>& predictions() {
  static const Table<Prediction> rows = {
      {Prediction::epsilon, "epsilon", {"eps", "noise"}},
      {Prediction::v, "v", {"vprediction", "vpred", "velocity"}},
      {Prediction::sample, "sample", {"x0", "originalsample"}},
  };
  return rows;
}

// In lower case and without " _-+"; a name longer than any we know matches none.
std::string squeezed(std::string_view text) {
  std::string result;
  for (const char c : text.substr(0, 128)) {
    if (std::string_view(" _-+").find(c) != std::string_view::npos) continue;
    result += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return text.size() > 128 ? "" : result;
}

template <class Kind>
std::optional<Kind> find(const Table<Kind>& rows, std::string_view key) {
  for (const auto& row : rows)
    if (squeezed(row.name) == key || std::ranges::count(row.aliases, key)) return row.kind;
  return std::nullopt;
}

template <class Kind>
std::vector<std::string> names(const Table<Kind>& rows) {
  std::vector<std::string> result;
  for (const auto& row : rows) result.emplace_back(row.name);
  return result;
}

template <class Kind>
const char* name_of(const Table<Kind>& rows, Kind kind) noexcept {
  for (const auto& row : rows)
    if (row.kind == kind) return row.name;
  return "?";
}

// The start of hostile text, safe to print and to put into JSON.
std::string quoted(std::string_view text) {
  std::string result(text.substr(0, 64));
  for (auto& c : result)
    if (c < ' ' || c > '~') c = '?';
  return result;
}

template <class Kind>
[[noreturn]] void unknown(const Table<Kind>& rows, std::string_view given, const char* what) {
  fail(ErrorCode::invalid_request, "sampler",
       fmt::format("{} \"{}\" is unknown; {}", what, quoted(given), choices(given, names(rows))));
}

template <class Kind>
Kind parse(const Table<Kind>& rows, std::string_view given, const char* what) {
  if (const auto kind = find(rows, squeezed(given))) return *kind;
  unknown(rows, given, what);
}

std::string_view without_prefix(std::string_view text, std::string_view prefix) {
  return text.starts_with(prefix) ? text.substr(prefix.size()) : text;
}

std::string_view without_suffix(std::string_view text, std::string_view suffix) {
  return text.ends_with(suffix) ? text.substr(0, text.size() - suffix.size()) : text;
}

// "dpm2mkarras" is dpm2m with karras: the schedule that the rest of the name leaves over.
std::optional<SamplerName> find_with_schedule(std::string_view key) {
  for (const auto& row : schedules()) {
    auto spellings = row.aliases;
    spellings.push_back(squeezed(row.name));
    for (const auto& spelling : spellings) {
      if (!key.ends_with(spelling)) continue;
      if (const auto sampler = find(samplers(), without_suffix(key, spelling))) return SamplerName{*sampler, row.kind};
    }
  }
  return std::nullopt;
}

}  // namespace

SamplerName parse_sampler(std::string_view given) {
  const auto whole = squeezed(given);
  // "EulerDiscreteScheduler", "k_euler", "sample_euler".
  const auto key = without_suffix(without_prefix(without_prefix(whole, "sample"), "k"), "scheduler");
  if (const auto kind = find(samplers(), key)) return {*kind, ScheduleKind::model};
  if (const auto both = find_with_schedule(key)) return *both;
  unknown(samplers(), given, "sampler");
}

ScheduleKind parse_schedule(std::string_view given) {
  return parse(schedules(), given, "schedule");
}
NoiseKind parse_noise(std::string_view given) {
  return parse(noises(), given, "rng");
}
Compat parse_compat(std::string_view given) {
  return parse(compats(), given, "compat");
}
Prediction parse_prediction(std::string_view given) {
  return parse(predictions(), given, "prediction type");
}

const char* name(SamplerKind kind) noexcept {
  return name_of(samplers(), kind);
}
const char* name(ScheduleKind kind) noexcept {
  return name_of(schedules(), kind);
}
const char* name(NoiseKind kind) noexcept {
  return name_of(noises(), kind);
}
const char* name(Compat kind) noexcept {
  return name_of(compats(), kind);
}
const char* name(Prediction kind) noexcept {
  return name_of(predictions(), kind);
}

std::vector<std::string> sampler_names() {
  return names(samplers());
}
std::vector<std::string> schedule_names() {
  return names(schedules());
}

}  // namespace corepulse
