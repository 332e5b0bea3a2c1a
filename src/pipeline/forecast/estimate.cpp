#include "pipeline/forecast/estimate.h"

#include <algorithm>
#include <fmt/format.h>
#include <set>

#include "base/fail.h"
#include "control/program/program_data.h"
#include "engine/memory.h"
#include "pipeline/capture/recorder.h"
#include "pipeline/forecast/work.h"
#include "unet/sites.h"
#include "vae/autoencoder.h"
#include "vae/tiny_decoder.h"

namespace corepulse::pipeline {
namespace {

// Peaks measured on the CPU as multiples of one array at the finest level: 52 to 65 for two rows of the UNet at 256^2
// to 768^2, 5.0 to 6.5 for the decoder, whose resnets hold two arrays of twice the channels; the encoder's hold less.
// What side networks leave for the UNet is 5 of its own, and as much again while it is made.
constexpr size_t kUnetArrays = 70, kVaeArrays = 7, kSideArrays = 10;
constexpr int kMeasuredRows = 2, kMeasuredKeys = 77;

/** Pictures that the encoder is given: what the run starts from, and what an inpainting model is shown of it. */
int encodings(const unet::Config& unet, const vae::Config& vae, const Resolved& resolved) {
  return resolved.encodings + (unet.in_channels > vae.latent_channels);
}

/** The texts' keys and values, which are kept through a run, as far as they are more than was measured. */
size_t longer_texts(const unet::Config& unet, const Calls& calls) {
  size_t numbers = static_cast<size_t>(unet.context_width);
  for (const auto& site : unet::sites(unet))
    if (site.cross) numbers += size_t{2} * unet.levels[static_cast<size_t>(site.level)].channels;
  return numbers * calls.beyond * sizeof(float);
}

/** The most that a row reads at a layer beside its texts. */
int most_picture_keys(const control::Program::Data& data) {
  int most = 0;
  for (const auto& plan : data.table.row_plans) {
    int keys = 0;
    for (const auto& reading : plan.readings)
      for (const auto& source : reading.sources)
        if (source.pictured()) keys += data.picture_keys.at(static_cast<size_t>(source.id));
    most = std::max(most, keys);
  }
  return most;
}

void count_keys(const control::Timeline& control, Calls& calls) {
  for (const auto& [step, program] : control.programs()) {  // each has the texts of those before
    calls.longest = calls.beyond = 0;
    for (const int keys : program.data().keys) {
      calls.longest = std::max(calls.longest, keys);
      calls.beyond += std::max(0, keys - kMeasuredKeys);
    }
    const int pictures = most_picture_keys(program.data());
    calls.longest += pictures, calls.beyond += pictures;
  }
}

/** What side networks compute for rows of a call, in rows of the UNet: each network once for all that it adds to. */
double side_rows(const control::StepPlan& plan, const std::vector<control::Row>& rows) {
  double sum = 0;
  for (const auto& row : rows) {
    std::set<int> networks;
    for (const auto& call : plan.side)
      if (call.has(row) && networks.insert(call.network).second) sum += call.work;
  }
  return sum;
}

}  // namespace

Calls calls_of(const control::Timeline& control, bool one_by_one) {
  Calls calls;
  const auto& run = control.programs().front().second.data();
  for (const auto& step : run.calls) {
    const auto plan = control.step(step);
    int all = 0, most = 0;
    for (int image = 0; image < run.batch; ++image) {
      const auto own = plan.rows({image});
      const int rows = static_cast<int>(own.size());
      const auto again = std::count_if(plan.blurred.begin(), plan.blurred.end(), [&](const auto& blurred) {
        return std::find(blurred.images.begin(), blurred.images.end(), image) != blurred.images.end();
      });
      all += rows, calls.rows += static_cast<int>(again), calls.side += side_rows(plan, own);
      most = std::max(most, rows);
    }
    const bool apart = one_by_one && !plan.joins_images;
    calls.count += apart ? run.batch : 1;
    calls.rows += all;
    calls.at_once = std::max(calls.at_once, apart ? most : all);
  }
  count_keys(control, calls);
  return calls;
}

Calls calls_of_all(const std::vector<const control::Timeline*>& controls, bool one_by_one) {
  Calls all;
  for (const auto* control : controls) {
    const auto own = calls_of(*control, one_by_one);
    all.count = one_by_one ? all.count + own.count : std::max(all.count, own.count);
    all.rows += own.rows;
    all.at_once = one_by_one ? std::max(all.at_once, own.at_once) : all.at_once + own.at_once;
    all.longest = std::max(all.longest, own.longest);
    all.beyond += own.beyond;
  }
  return all;
}

Calls calls_of_inversion(const control::Timeline& control, int refinements) {
  Calls calls;
  for (const auto& step : control.programs().front().second.data().calls) {
    const int rows = static_cast<int>(control.step(step).rows({0}).size());
    calls.count += 1 + refinements;
    calls.rows += (1 + refinements) * rows;
    calls.at_once = std::max(calls.at_once, rows);
  }
  count_keys(control, calls);
  return calls;
}

size_t activation_bytes(const unet::Config& unet, const vae::Config& vae, const Resolved& resolved, const Calls& calls,
                        bool decode) {
  const size_t latents = size_t(resolved.latent_height) * resolved.latent_width;
  const size_t at_once = latents > size_t{vae::kWhole} * vae::kWhole ? size_t{vae::kTile} * vae::kTile : latents;
  const size_t pixels = at_once * vae.downscale() * vae.downscale();
  const auto rows = static_cast<size_t>(std::max(calls.at_once, kMeasuredRows));
  const size_t steps =
      (kUnetArrays + (calls.side > 0 ? kSideArrays : 0)) * unet.levels[0].channels * latents * rows * sizeof(float);
  const auto& init = resolved.recipe.init;
  const size_t way = init && init->invert ? latents * vae.latent_channels * (resolved.schedule.t.size() + 1) : 0;
  const bool autoencodes = decode || encodings(unet, vae, resolved) > 0;
  return std::max(steps, autoencodes ? kVaeArrays * vae.channels[0] * pixels * sizeof(float) : 0) +
         way * sizeof(float) + longer_texts(unet, calls);
}

size_t preview_bytes(const std::string& taesd, const Resolved& resolved) {
  return taesd.empty() ? 0 : vae::tiny_decoder_bytes(taesd, resolved.latent_height, resolved.latent_width);
}

engine::Work work_of(const model::Parts& parts, const Resolved& resolved, const Calls& calls, bool decode) {
  const int height = resolved.latent_height, width = resolved.latent_width;
  auto work = unet_work(parts, height, width, calls.longest) * (calls.rows + calls.side);
  if (decode) work += decoder_work(parts, height, width) * static_cast<double>(resolved.recipe.seeds.size());
  work += encoder_work(parts, height, width) * encodings(parts.unet, parts.vae, resolved);
  return work;
}

void require_memory(const std::string& what, size_t bytes) {
  const size_t available = engine::available_memory();
  if (available == 0 || bytes <= available) return;
  fail(ErrorCode::out_of_memory, "memory",
       fmt::format("{} needs about {}; {} is available; choose a smaller picture or model, or end other programs", what,
                   engine::gigabytes(bytes), engine::gigabytes(available)));
}

void require_memory_to_record(const control::Program& program, const Resolved& resolved, const unet::Config& unet) {
  const auto numbers = recorded_numbers(program, {unet, resolved.latent_height, resolved.latent_width});
  if (numbers > 0) require_memory("the recording", numbers * sizeof(float));
}

}  // namespace corepulse::pipeline
