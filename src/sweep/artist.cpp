#include "sweep/artist.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/fail.h"

namespace corepulse::sweep {

namespace {

/** Each may hold a picture to start from, and hints of ControlNets. */
constexpr size_t kMostKeptRuns = 32;

ComputeType compute_type(const std::string& name) {
  if (name == "f32") return ComputeType::float32;
  if (name == "f16") return ComputeType::float16;
  if (name == "bf16") return ComputeType::bfloat16;
  return name == "int8" ? ComputeType::int8 : ComputeType::automatic;
}

}  // namespace

size_t Artist::together(const std::vector<Order>&, bool) {
  return 1;
}

std::vector<Drawn> Artist::draw_together(const std::vector<Order>& orders) {
  std::vector<Drawn> all;
  for (const auto& order : orders) all.push_back(draw(*order.recipe, order.folder));
  return all;
}

Recipe shape_part(const Recipe& recipe) {
  auto part = recipe;
  for (const auto text : {&Recipe::prompt, &Recipe::negative_prompt, &Recipe::prompt_2, &Recipe::negative_prompt_2})
    part.*text = "";
  part.seeds = {0}, part.guidance = 1, part.guidance_rescale = 0, part.controls.clear();
  if (part.second_pass) part.second_pass->controls.reset();
  return part;
}

Recipe model_part(const Recipe& recipe) {
  Recipe part;
  for (const auto field :
       {&Recipe::model, &Recipe::unet, &Recipe::vae, &Recipe::text_encoder, &Recipe::text_encoder_2, &Recipe::tokenizer,
        &Recipe::config, &Recipe::family, &Recipe::prediction, &Recipe::variant, &Recipe::dtype})
    part.*field = recipe.*field;
  return part;
}

const Pipeline& PipelineArtist::pipeline(const Recipe& recipe) {
  auto part = model_part(recipe);
  if (!draws_) part.dtype = Recipe().dtype;
  if (!pipeline_ || part != loaded_) {
    kept_.clear();
    pipeline_.reset();  // before the next one takes its memory
    pipeline_ =
        Pipeline::load(model_source(recipe), {.dtype = compute_type(part.dtype), .device = device_, .lazy = true});
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
  keep(recipe, pipeline(recipe).prepare(request(recipe)));
}

void PipelineArtist::keep(const Recipe& recipe, PreparedRun run) {
  if (kept_.size() < kMostKeptRuns) kept_.emplace_back(recipe, std::move(run));
}

PreparedRun PipelineArtist::run_of(const Recipe& recipe) {
  const auto& model = pipeline(recipe);
  const auto found = std::find_if(kept_.begin(), kept_.end(), [&](const auto& each) { return each.first == recipe; });
  if (found == kept_.end()) return model.prepare(request(recipe));
  auto run = std::move(found->second);
  kept_.erase(found);
  return run;
}

double PipelineArtist::seconds(const Recipe& recipe) {
  return pipeline(recipe).estimate(request(recipe)).seconds;
}

Drawn PipelineArtist::draw(const Recipe& recipe, const std::filesystem::path& folder) {
  return std::move(draw_together({{&recipe, folder}})[0]);
}

std::vector<PreparedRun> PipelineArtist::prepared(const std::vector<Order>& orders) {
  (void)pipeline(*orders[0].recipe);
  std::vector<PreparedRun> runs;
  for (const auto& order : orders) {
    if (model_part(*order.recipe) != loaded_) break;
    runs.push_back(run_of(*order.recipe));
  }
  return runs;
}

size_t PipelineArtist::together(const std::vector<Order>& orders, bool fastest) {
  if (orders.size() < 2 || (fastest && !pipeline(*orders[0].recipe).shares_calls())) return 1;
  auto runs = prepared(orders);
  size_t count = 1;
  if (fastest)
    count = how_many_together(runs, runs.size());
  else
    while (count < runs.size() && runs[0].kept_apart_from(runs[count]).empty()) ++count;
  for (size_t i = runs.size(); i-- > 0;) kept_.emplace_front(*orders[i].recipe, std::move(runs[i]));
  return count;
}

std::vector<Drawn> PipelineArtist::draw_together(const std::vector<Order>& orders) {
  const auto begin = std::chrono::steady_clock::now();
  auto results = generate_together(prepared(orders));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  std::vector<Drawn> drawn;
  for (size_t i = 0; i < orders.size(); ++i) {
    auto& result = results.at(i);
    if (result.images.size() != 1) fail(ErrorCode::internal, "sweep", "a cell drew other than one picture");
    auto text = image_text(result, 0, orders[i].folder);
    drawn.push_back(
        {std::move(result.images[0]), std::move(text), std::move(result.recipe), took.count() / double(orders.size())});
  }
  return drawn;
}

}  // namespace corepulse::sweep
