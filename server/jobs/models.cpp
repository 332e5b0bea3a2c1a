#include "jobs/models.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>
#include <tuple>

#include "corepulse/doctor.h"
#include "corepulse/host/recipe_files.h"

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
uint64_t bytes_of(const ModelInfo& info, const std::string& dtype) {
  static const bool cpu = describe_machine().backend == "cpu";
  const bool wide = dtype == "f32" || (dtype == "auto" && cpu);
  return info.parameters * (wide ? 4 : 2);
}

/** ControlNets, IP-Adapters, LoRAs: as large as their files, which is cheap to know. */
uint64_t bytes_beside(const Recipe& recipe) {
  std::set<std::string> files;
  (void)with_file_names(recipe, [&](const std::string& file) {
    files.insert(file);
    return file;
  });
  const auto source = model_source(recipe);
  for (const auto& own : {source.model, source.unet, source.vae, source.text_encoder, source.text_encoder_2})
    files.erase(own);
  if (recipe.refiner) files.erase(recipe.refiner->model);
  uint64_t bytes = 0;
  for (const auto& file : files) {
    std::error_code error;
    if (!file.ends_with(".safetensors")) continue;
    const auto size = std::filesystem::file_size(file, error);
    if (!error) bytes += size;
  }
  return bytes;
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
  } else {
    const LoadOptions options{.dtype = compute_type(recipe.dtype), .device = device_, .lazy = true};
    auto pipeline = Pipeline::load(source, options);  // its files' headers alone: the weights are read by the first run
    const auto bytes = bytes_of(pipeline.info(), recipe.dtype);
    entries_.push_front({source, recipe.dtype, bytes, std::move(pipeline)});
  }
  auto& entry = entries_.front();
  // A refiner stays until another comes, the rest until a run that has none of it.
  if (recipe.refiner) entry.refiner = bytes_of(inspect_model({.model = recipe.refiner->model}), recipe.dtype);
  entry.beside = bytes_beside(recipe);
  while (entries_.size() > 1 && held() > budget_) entries_.pop_back();
  return entry.pipeline;
}

uint64_t Models::held() const {
  uint64_t sum = 0;
  for (const auto& entry : entries_) sum += entry.bytes + entry.refiner + entry.beside;
  return sum;
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
  return held();
}

size_t Models::count() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace corepulse::server
