#include "jobs/models.h"

#include <algorithm>
#include <tuple>

#include "corepulse/doctor.h"

namespace corepulse::server {
namespace {

auto fields(const ModelSource& source) {
  return std::tie(source.model, source.unet, source.vae, source.text_encoder, source.text_encoder_2, source.tokenizer,
                  source.config, source.family, source.prediction, source.variant);
}

ComputeType compute_type(const std::string& dtype) {
  if (dtype == "f32") return ComputeType::float32;
  if (dtype == "f16") return ComputeType::float16;
  if (dtype == "bf16") return ComputeType::bfloat16;
  return dtype == "int8" ? ComputeType::int8 : ComputeType::automatic;
}

/** What the weights take once they are loaded, roughly; `automatic` on a CPU may be float32. */
uint64_t bytes_of(const ModelInfo& info, const std::string& dtype, bool cpu) {
  const bool wide = dtype == "f32" || (dtype == "auto" && cpu);
  return info.parameters * (wide ? 4 : 2);
}

}  // namespace

bool Models::is_of(const Entry& entry, const Recipe& recipe) {
  return entry.dtype == recipe.dtype && fields(entry.source) == fields(model_source(recipe));
}

Pipeline Models::get(const Recipe& recipe) {
  const auto source = model_source(recipe);
  const std::lock_guard lock(mutex_);
  const auto same = [&](const Entry& entry) { return is_of(entry, recipe); };
  if (const auto found = std::find_if(entries_.begin(), entries_.end(), same); found != entries_.end()) {
    entries_.splice(entries_.begin(), entries_, found);
    return entries_.front().pipeline;
  }
  static const bool cpu = describe_machine().backend == "cpu";
  const LoadOptions options{.dtype = compute_type(recipe.dtype), .device = device_, .lazy = true};
  auto pipeline = Pipeline::load(source, options);  // its files' headers alone: the weights are read by the first run
  const auto bytes = bytes_of(pipeline.info(), recipe.dtype, cpu);
  const auto held = [&] {
    uint64_t sum = 0;
    for (const auto& entry : entries_) sum += entry.bytes;
    return sum;
  };
  while (!entries_.empty() && held() + bytes > budget_) entries_.pop_back();
  entries_.push_front({source, recipe.dtype, bytes, pipeline});
  return pipeline;
}

bool Models::give_back_others(const Recipe& recipe) {
  const std::lock_guard lock(mutex_);
  return entries_.remove_if([&](const Entry& entry) { return !is_of(entry, recipe); }) > 0;
}

Result Models::run(const Recipe& recipe, const std::function<Result(Pipeline)>& draw,
                   const std::function<bool()>& repeatable) {
  try {
    return draw(get(recipe));
  } catch (const Error& error) {
    if (error.code() != ErrorCode::out_of_memory || !repeatable() || !give_back_others(recipe)) throw;
  }
  return draw(get(recipe));
}

bool Models::is_loaded(const std::string& model) const {
  const std::lock_guard lock(mutex_);
  return std::any_of(entries_.begin(), entries_.end(), [&](const auto& entry) { return entry.source.model == model; });
}

uint64_t Models::bytes() const {
  const std::lock_guard lock(mutex_);
  uint64_t sum = 0;
  for (const auto& entry : entries_) sum += entry.bytes;
  return sum;
}

size_t Models::count() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace corepulse::server
