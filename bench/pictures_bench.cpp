// Whole pictures a second, drawn together and one by one: the steps, and the decoding of every picture.
//   pictures_bench [--shape sdxl|sd15|tiny|builtin] [--steps N] [--batch 1,8] [--repeat N] [--dtype f16|f32|bf16]
//                  [--vae f32|f16|bf16] [--cache GB]
// Random weights of the true shapes, but for the built-in model; every picture has a prompt, a seed and an injection of
// its own. One line a case: seconds of a whole batch, medians with least and most; where they went; what memory they
// took.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "mlx/memory.h"
#include "mlx/random.h"
#include "mlx/transforms.h"

#include "../tests/support/plain_control.h"
#include "model/config/derive.h"
#include "pipeline/denoise.h"
#include "pipeline/picture/preview.h"
#include "pipeline/prepare/outline.h"
#include "random_tensors.h"
#include "sampler/noise/noise.h"
#include "sampler/step.h"

namespace corepulse {
namespace {

struct Shape {
  std::string name;
  test::LdmUNet unet;
  Family family;
  int size;  ///< Of the latents.
};

struct Choices {
  std::string shape = "sdxl";
  int steps = 20, repeat = 3;
  std::vector<int> batches{1, 8};
  mx::Dtype dtype = mx::float16, vae = mx::float32;  // float16 overflows in SDXL's own VAE
  double cache = 0;                                  // GB; 0: MLX's own limit
};

Shape shape_of(const std::string& name) {
  if (name == "sd15") return {name, test::sd1_unet(), Family::sd1, 64};
  if (name == "builtin") return {name, {}, Family::sd1, 32};
  if (name == "sdxl") return {name, test::sdxl_unet(), Family::sdxl, 128};
  auto unet = test::sdxl_unet();
  unet.channels = 64, unet.depth = {0, 1, 1}, unet.middle_depth = 1;
  return {"tiny", unet, Family::sdxl, 32};
}

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

mx::array normal(const mx::Shape& shape, mx::Dtype dtype) {
  auto x = mx::astype(mx::random::normal(shape, mx::float32), dtype);
  x.eval();
  return x;
}

/** Guided; in some block the prompt's row reads text 2, or half of it beside its own. */
class Injected : public test::EditedControl {
 public:
  Injected(control::BlockKind where, bool soft)
      : EditedControl([=](control::AttentionPlan& plan, const control::Site& site, const control::Step& step) {
          if (!site.cross || site.kind != where) return;
          for (size_t row = 0; row < step.rows.size(); ++row) {
            if (!step.rows[row].conditional()) continue;
            auto other = plan.rows[row][0];
            other.sources[0].id = 2;
            static const auto half = std::make_shared<const std::vector<float>>(1, 0.5f);
            if (!soft) plan.rows[row].clear();
            if (soft) plan.rows[row][0].share = other.share = half;
            plan.rows[row].push_back(other);
          }
        }) {}
  control::StepPlan step(const control::Step&) const override { return {.guidance = 5, .guided = true}; }
};

enum class What { prompts, whole, half };

/** A run of one picture. */
struct Drawn {
  Injected control;
  std::vector<pipeline::EncodedText> texts;
  sampler::BatchNoise noise;
};

class Bench {
 public:
  Bench(const Shape& shape, const Choices& choices) : shape_(shape), choices_(choices) {
    model_ = shape.name == "builtin" ? model::load(pipeline::Outline({.model = "builtin"}).parts, choices.dtype)
                                     : random_model();
    sampling_ = model_->scheduler.options(SamplerKind::euler);
    sampling_.sampler = SamplerKind::euler, sampling_.steps = choices.steps;
    schedule_ = sampler::make_schedule(model_->scheduler.training, sampling_);
  }

  void time(What what, int batch) {
    std::vector<double> whole, steps;
    mx::reset_peak_memory();
    for (int i = -1; i < choices_.repeat; ++i) {  // the first compiles kernels
      const double start = now();
      const auto latents = drawn(what, batch);
      const double drawn = now();
      for (int p = 0; p < batch; ++p)
        pipeline::to_image(model_->vae.decode_within_memory(pipeline::rows(latents, p, p + 1)));
      if (i < 0) continue;
      whole.push_back(now() - start), steps.push_back(drawn - start);
    }
    std::sort(whole.begin(), whole.end()), std::sort(steps.begin(), steps.end());
    const double median = whole[whole.size() / 2], drawing = steps[steps.size() / 2];
    const char* names[] = {"prompts", "injections", "half injections"};
    std::printf(
        "%-5s %d steps, %d together, %-15s %8.3f s [%.3f .. %.3f]  %.3f pictures/s  steps %.3f decoding %.3f"
        "  peak %.1f GB\n",
        shape_.name.c_str(), choices_.steps, batch, names[static_cast<int>(what)], median, whole.front(), whole.back(),
        batch / median, drawing, median - drawing, static_cast<double>(mx::get_peak_memory()) / 1e9);
    std::fflush(stdout);
  }

 private:
  std::shared_ptr<const model::Model> random_model() const {
    double bytes = 0;
    auto unet = random_tensors(io::Naming::ldm_unet, test::unet_shapes(shape_.unet, ""), bytes);
    auto vae = random_tensors(io::Naming::ldm_vae, test::vae_shapes(""), bytes);
    const auto config = model::derive_unet(unet, shape_.family, "bench");
    const auto vae_config = model::derive_vae(vae, shape_.family, "bench");
    return std::shared_ptr<const model::Model>(
        new model::Model{{},
                         {},
                         unet::UNet(nn::Weights(std::move(unet), "unet", choices_.dtype), config),
                         vae::Autoencoder(nn::Weights(std::move(vae), "vae", choices_.vae), vae_config),
                         model::family_scheduler(shape_.family, Prediction::epsilon, false)});
  }

  pipeline::EncodedText text() const {
    const auto& config = model_->unet.config();
    pipeline::EncodedText encoded{normal({1, 77, config.context_width}, choices_.dtype), {}};
    if (config.addition_input) encoded.pooled = normal({1, 1280}, choices_.dtype);
    return encoded;
  }

  std::unique_ptr<Drawn> picture(What what, int i, const pipeline::EncodedText& negative) const {
    using Kind = control::BlockKind;
    const Kind where[] = {Kind::input, Kind::middle, Kind::output};
    return std::make_unique<Drawn>(
        Drawn{Injected(what == What::prompts ? Kind::none : where[i % 3], what == What::half),
              {text(), negative, text()},
              sampler::BatchNoise(NoiseKind::cpu, {static_cast<uint64_t>(i)}, shape_.size, shape_.size)});
  }

  /** The latents of a batch. */
  mx::array drawn(What what, int batch) const {
    const auto negative = text();
    std::vector<std::unique_ptr<Drawn>> all;
    std::vector<pipeline::Run> runs;
    std::vector<mx::array> firsts;
    runs.reserve(static_cast<size_t>(batch));
    std::vector<pipeline::RunImages> parts;
    const float side = static_cast<float>(8 * shape_.size);
    for (int i = 0; i < batch; ++i) {
      all.push_back(picture(what, i, negative));
      runs.push_back({.model = *model_,
                      .parts = parts_,
                      .control = all.back()->control,
                      .training = model_->scheduler.training,
                      .schedule = schedule_,
                      .sampling = sampling_,
                      .dtype = choices_.dtype,
                      .texts = all.back()->texts,
                      .time_ids = {side, side, 0, 0, side, side},
                      .one_by_one = false});
      parts.push_back({&runs.back(), 1});
      firsts.push_back(sampler::times(schedule_.initial_scale, all.back()->noise()));
    }
    auto x = mx::concatenate(firsts, 0);
    const auto go_on = [](int, double, const mx::array&, const mx::array&) { return true; };
    pipeline::denoise_together(parts, x, [&](auto) { return mx::zeros_like(x); }, go_on);
    x.eval();
    return x;
  }

  Shape shape_;
  Choices choices_;
  SamplingOptions sampling_;
  sampler::Schedule schedule_;
  model::Parts parts_;
  std::shared_ptr<const model::Model> model_;
};

mx::Dtype dtype_of(const std::string& name) {
  return name == "f32" ? mx::float32 : name == "bf16" ? mx::bfloat16 : mx::float16;
}

Choices choices_of(int argc, char** argv) {
  Choices choices;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string flag = argv[i], value = argv[i + 1];
    if (flag == "--shape") choices.shape = value;
    if (flag == "--steps") choices.steps = std::max(1, std::atoi(value.c_str()));
    if (flag == "--repeat") choices.repeat = std::max(1, std::atoi(value.c_str()));
    if (flag == "--dtype") choices.dtype = dtype_of(value);
    if (flag == "--vae") choices.vae = dtype_of(value);
    if (flag == "--cache") choices.cache = std::atof(value.c_str());
    if (flag != "--batch") continue;
    choices.batches.clear();
    std::istringstream numbers(value);
    for (std::string one; std::getline(numbers, one, ',');)
      choices.batches.push_back(std::max(1, std::atoi(one.c_str())));
  }
  return choices;
}

}  // namespace
}  // namespace corepulse

int main(int argc, char** argv) {
  using namespace corepulse;
  const auto choices = choices_of(argc, argv);
  if (choices.cache > 0) mx::set_cache_limit(static_cast<size_t>(choices.cache * (size_t{1} << 30)));
  Bench bench(shape_of(choices.shape), choices);
  for (const auto what : {What::prompts, What::whole, What::half})
    for (const int batch : choices.batches) bench.time(what, batch);
}
