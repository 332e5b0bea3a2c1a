// What was found, for people and for programs.
#include <cmath>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "corepulse/doctor.h"

#include "engine/memory.h"

namespace corepulse {
namespace {

using Json = nlohmann::ordered_json;

std::string line(const std::string& name, const std::string& value) {
  return fmt::format("  {:<34}{}\n", name, value.empty() ? "unknown" : value);
}

std::string bytes(uint64_t n) {
  if (n == 0) return "unknown";
  return n < 1'000'000'000 ? fmt::format("{:.0f} MB", double(n) / 1e6) : engine::gigabytes(n);
}

std::string lines(const Facts& facts) {
  std::string text;
  for (const auto& [name, value] : facts) text += line(name, value);
  return text;
}

/** A variable that is set and empty is known. */
std::string environment_lines(const Facts& set) {
  std::string text;
  for (const auto& [name, value] : set) text += line(name, value.empty() ? "\"\"" : value);
  return text;
}

std::string text_of(const Machine& m) {
  std::string text = "Machine\n";
  text += line("program", m.program) + line("system", m.system) + line("processor", m.processor);
  text += line("computes on", m.backend);
  text += line("own kernels", m.isa == "mlx" ? "none on the CPU (mlx)" : m.isa) +
          line("threads", fmt::to_string(m.threads));
  text += line("memory", bytes(m.memory)) + line("memory a run may take", bytes(m.available));
  text += line("memory MLX may take", bytes(m.mlx_limit));
  text += "\nThe device, as MLX describes it\n" + lines(m.device);
  text += "\nWhere things lie\n" + lines(m.folders);
  if (!m.environment.empty()) text += "\nFrom the environment\n" + environment_lines(m.environment);
  return text;
}

std::string text_of(const SelfTest& t) {
  std::string text = fmt::format("\nSelf-test: {}\n", name(t.verdict));
  text += line("class of device", t.device_class);
  text += line("latents, relative difference", fmt::format("{:.2e} (at most {:.0e})", t.latents, t.latents_bound));
  text += line("colours, levels of 255", fmt::format("{:.2f} (at most {})", t.picture, t.picture_bound));
  return text + "  " + t.message + "\n";
}

std::string text_of(const StepTime& s) {
  std::string text = fmt::format("\nA step of {}, {} x {}, two rows, {}\n", s.model, s.width, s.height, s.dtype);
  if (!s.problem.empty()) return text + "  none: " + s.problem + "\n";
  text += line("median", fmt::format("{:.1f} ms", s.median * 1e3));
  text += line(fmt::format("of {}, from - to", s.seconds.size()),
               fmt::format("{:.1f} - {:.1f} ms", s.lowest * 1e3, s.highest * 1e3));
  text += line("the first, which makes ready", fmt::format("{:.1f} ms", s.first * 1e3));
  text += line("operations",
               fmt::format("{:.1f} GFLOP, {:.1f} GFLOP/s", s.operations / 1e9, s.operations / 1e9 / s.median));
  return text + line("MLX's memory at most", bytes(s.peak_bytes));
}

std::string text_of(const Pace& p) {
  const auto rate = [](double gflops) { return gflops > 0 ? fmt::format("{:.0f} GFLOP/s", gflops) : "failed"; };
  return "\nSingle products of a middle size\n" + line("convolution", rate(p.convolution)) +
         line("matrix", rate(p.matrix)) + line("attention", rate(p.attention));
}

Json json_of(const Facts& facts) {
  auto object = Json::object();
  for (const auto& [name, value] : facts) object[name] = value;
  return object;
}

/** JSON has no infinity. */
Json json_of(double number) {
  return std::isfinite(number) ? Json(number) : Json();
}

}  // namespace

const char* name(SelfTest::Verdict verdict) noexcept {
  constexpr const char* names[] = {"passed", "failed", "unknown"};
  return names[static_cast<int>(verdict)];
}

std::string to_text(const Findings& f) {
  const bool timed = !f.step.seconds.empty() || !f.step.problem.empty();
  return text_of(f.machine) + text_of(f.self_test) + (timed ? text_of(f.step) + text_of(f.pace) : "");
}

std::string to_json(const Findings& f) {
  const auto& [m, t, s, p] = f;
  const Json json{{"machine",
                   {{"program", m.program},
                    {"system", m.system},
                    {"processor", m.processor},
                    {"backend", m.backend},
                    {"isa", m.isa},
                    {"threads", m.threads},
                    {"device", json_of(m.device)},
                    {"memory", m.memory},
                    {"available", m.available},
                    {"mlx_limit", m.mlx_limit},
                    {"folders", json_of(m.folders)},
                    {"environment", json_of(m.environment)}}},
                  {"self_test",
                   {{"verdict", name(t.verdict)},
                    {"device_class", t.device_class},
                    {"latents", json_of(t.latents)},
                    {"picture", json_of(t.picture)},
                    {"latents_bound", t.latents_bound},
                    {"picture_bound", t.picture_bound},
                    {"message", t.message}}},
                  {"step",
                   {{"model", s.model},
                    {"dtype", s.dtype},
                    {"width", s.width},
                    {"height", s.height},
                    {"seconds", s.seconds},
                    {"median", s.median},
                    {"lowest", s.lowest},
                    {"highest", s.highest},
                    {"first", s.first},
                    {"operations", s.operations},
                    {"peak_bytes", s.peak_bytes},
                    {"problem", s.problem}}},
                  {"pace", {{"convolution", p.convolution}, {"matrix", p.matrix}, {"attention", p.attention}}}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace corepulse
