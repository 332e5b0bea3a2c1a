// split_run MODEL RUNS.json [--split] [--gpu]: draws runs one after the other and prints a line of JSON for each: its
// latents' digest, or its error. A run is {"recipe": {...}} and what disturbs it. On the CPU in float32; --gpu: there,
// in float16, with the seconds of the steps.
#include <cstdio>
#include <fmt/format.h>
#include <iostream>
#include <span>
#include <string>

#include "corepulse/attention_function.h"
#include "corepulse/live_controls.h"
#include "corepulse/pipeline.h"
#include "corepulse/probe.h"

#include "io/digest/sha256.h"
#include "io/json.h"

using namespace corepulse;

namespace {

/** "stop_at": step N ends the run; "pause_at": it says so and waits for a line; "throw_at": the callback throws. */
ProgressFunction disturbed(const io::Json& run) {
  return [run](const Progress& at) {
    if (run.value("throw_at", 0) == at.step) throw std::runtime_error("of the application");
    if (run.value("pause_at", 0) == at.step) {
      std::cout << "paused" << std::endl;
      std::string line;
      std::getline(std::cin, line);
    }
    return run.value("stop_at", 0) != at.step;
  };
}

Request request_of(const io::Json& run) {
  Request request{.recipe = recipe_from_json(run.at("recipe").dump()), .progress = disturbed(run), .decode = false};
  const auto with = run.value("with", "");
  if (with == "live") request.live = std::make_shared<LiveControls>();
  if (with == "probe")
    request.probes.push_back(probe(ProbePoint::prediction, "", [](const auto& x, auto&&...) { return x; }));
  if (with == "function")
    request.functions.push_back(replace_attention("middle:0", [](const auto& q, auto&&...) { return q; }));
  if (with == "latents") request.latents.emplace_back(run.at("latents").get<size_t>(), 0.5f);
  return request;
}

io::Json drawn(const Pipeline& pipeline, const io::Json& run, bool timed) {
  const auto request = request_of(run);
  auto result = pipeline.prepare(request);
  if (run.value("with", "") == "together") {
    std::vector<PreparedRun> runs;
    runs.push_back(std::move(result)), runs.push_back(pipeline.prepare(request));
    generate_together(std::move(runs));
    return "drawn";
  }
  const auto made = std::move(result).generate();
  io::Sha256 digest;
  for (const auto& latents : made.latents) digest.update(std::as_bytes(std::span(latents)));
  io::Json line{{"sha256", digest.hex()}, {"calls", made.model_calls}, {"notes", made.notes}};
  if (timed) line["seconds"] = made.seconds_steps;
  return line;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 3) return 2;
  bool gpu = false;
  LoadOptions options{.dtype = ComputeType::float32, .device = LoadOptions::Device::cpu};
  for (const std::string flag : std::span(arguments + 3, arguments + count)) {
    if (flag == "--split") options.split_guidance = true;
    if (flag == "--gpu") gpu = true;
  }
  if (gpu) options.dtype = ComputeType::float16, options.device = LoadOptions::Device::gpu;
  try {
    const auto pipeline = Pipeline::load({.model = arguments[1]}, options);
    for (const auto& run : io::read_json(arguments[2])) {
      io::Json line;
      try {
        line = drawn(pipeline, run, gpu);
      } catch (const Error& error) {
        line = {{"error", name(error.code())}, {"message", error.what()}};
      } catch (const std::exception& error) {
        line = {{"thrown", error.what()}};
      }
      std::cout << line.dump() << std::endl;
    }
    return 0;
  } catch (const Error& error) {
    fmt::print(stderr, "{}\n", error.what());
    return exit_status(error.code());
  }
}
