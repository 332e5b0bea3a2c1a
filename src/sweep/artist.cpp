#include "sweep/artist.h"

#include <chrono>

#include "base/fail.h"

namespace corepulse::sweep {

namespace {

ComputeType compute_type(const std::string& name) {
  if (name == "f32") return ComputeType::float32;
  if (name == "f16") return ComputeType::float16;
  if (name == "bf16") return ComputeType::bfloat16;
  return name == "int8" ? ComputeType::int8 : ComputeType::automatic;
}

}  // namespace

Recipe model_part(const Recipe& recipe) {
  Recipe part;
  for (const auto field :
       {&Recipe::model, &Recipe::unet, &Recipe::vae, &Recipe::text_encoder, &Recipe::text_encoder_2, &Recipe::tokenizer,
        &Recipe::config, &Recipe::family, &Recipe::prediction, &Recipe::variant, &Recipe::dtype})
    part.*field = recipe.*field;
  return part;
}

const Pipeline& PipelineArtist::pipeline(const Recipe& recipe) {
  if (auto part = model_part(recipe); !pipeline_ || part != loaded_) {
    pipeline_.reset();  // before the next one takes its memory
    pipeline_ =
        Pipeline::load(model_source(recipe), {.dtype = compute_type(recipe.dtype), .device = device_, .lazy = true});
    loaded_ = std::move(part);
  }
  return *pipeline_;
}

Request PipelineArtist::request(const Recipe& recipe) const {
  Request request;
  request.recipe = recipe;
  request.stop = stop_;
  return request;
}

void PipelineArtist::check(const Recipe& recipe) {
  (void)pipeline(recipe).prepare(request(recipe));
}

double PipelineArtist::seconds(const Recipe& recipe) {
  return pipeline(recipe).estimate(request(recipe)).seconds;
}

Drawn PipelineArtist::draw(const Recipe& recipe, const std::filesystem::path& folder) {
  const auto begin = std::chrono::steady_clock::now();
  auto result = pipeline(recipe).generate(request(recipe));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  if (result.images.size() != 1) fail(ErrorCode::internal, "sweep", "a cell drew other than one picture");
  auto text = image_text(result, 0, folder);
  return {std::move(result.images[0]), std::move(text), std::move(result.recipe), took.count()};
}

}  // namespace corepulse::sweep
