#include "pipeline/capture/recording_file.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "mlx/allocator.h"

#include "base/fail.h"
#include "control/recipe/read_object.h"
#include "io/digest/digests.h"
#include "io/file.h"
#include "io/tensors/stored_type.h"
#include "io/utf8.h"
#include "kernels/parallel.h"
#include "pipeline/prepare/visit_files.h"
#include "unet/sites.h"

namespace corepulse {
namespace {

constexpr const char* kKey = "corepulse.recording";
constexpr int kVersion = 1, kMostSide = 1024, kMostSteps = 1000;

}  // namespace

void save_recording(const Recording& recording, const std::filesystem::path& file) {
  if (!recording.run || recording.run->steps.empty())
    fail(ErrorCode::invalid_request, "recording", "it is empty; expected one of a result's recordings");
  const auto& run = *recording.run;
  const io::Json header{{"version", kVersion},
                        {"model", run.model},
                        {"height", run.latent_height},
                        {"width", run.latent_width},
                        {"steps", run.steps},
                        {"sigmas", run.sigmas},
                        {"unconditional", run.unconditional},
                        {"conditional", run.conditional}};
  io::Tensors tensors;
  const auto steps = static_cast<int64_t>(run.steps.size()), rows = int64_t{run.unconditional} + run.conditional;
  for (const auto& layer : run.layers)
    tensors[layer.path] = {.type = run.type,
                           .shape = {steps, rows, layer.tokens, layer.channels},
                           .data = layer.data.data(),
                           .bytes = layer.data.size()};
  io::write_safetensors(file, tensors, {{kKey, header.dump()}});
}

namespace pipeline {
namespace {

mx::Dtype dtype_of(io::StoredType type) {
  return type == io::StoredType::f32 ? mx::float32 : type == io::StoredType::f16 ? mx::float16 : mx::bfloat16;
}

}  // namespace

RecordingFile::RecordingFile(const std::string& file, const unet::Config& unet,
                             const std::function<std::string()>& model)
    : file_(io::open_safetensors(file)) {
  info_.name = file;
  read_header();
  if (const auto own = model(); model_ != own)
    fail(ErrorCode::invalid_request, "recording",
         fmt::format("{} was recorded with the model {:.10}; this run's is {:.10}; expected the same model",
                     io::printable(file, 300), io::printable(model_), own));
  check_layers(unet);
  check_numbers();
}

void RecordingFile::damaged(const std::string& message) const {
  fail(ErrorCode::bad_file, "recording", fmt::format("{}: {}", io::printable(info_.name, 300), message));
}

void RecordingFile::read_header() {
  const auto text = file_.metadata.find(kKey);
  if (text == file_.metadata.end()) damaged("holds no recording; expected a file that corepulse recorded");
  const auto json = io::parse_json(text->second, kKey);
  int version = 0;
  try {
    control::ObjectReader object(json, "");
    const auto field = [&](const char* name, auto& out) { control::read(object.require(name), out, name); };
    field("version", version);
    if (version != kVersion)
      damaged(fmt::format("version {}; this program reads version {}: record it anew", version, kVersion));
    field("model", model_);
    field("height", info_.latent_height), field("width", info_.latent_width);
    field("steps", info_.steps), field("sigmas", info_.sigmas);
    field("unconditional", info_.unconditional), field("conditional", info_.conditional);
    object.finish("a recording");
  } catch (const Error& e) {
    if (e.code() == ErrorCode::bad_file) throw;
    damaged(e.what());
  }
  const auto side = [](int n) { return n >= 1 && n <= kMostSide; };
  if (!side(info_.latent_height) || !side(info_.latent_width))
    damaged(fmt::format("a latent size of {}x{}; expected 1..{}", info_.latent_width, info_.latent_height, kMostSide));
  const auto& steps = info_.steps;
  const bool rising = std::adjacent_find(steps.begin(), steps.end(), std::greater_equal<>()) == steps.end();
  if (steps.empty() || !rising || steps.front() < 0 || steps.back() >= kMostSteps ||
      info_.sigmas.size() != steps.size())
    damaged("its steps are no rising list with a sigma each");
  if (!info_.unconditional && !info_.conditional) damaged("it holds no row");
}

void RecordingFile::check_layers(const unet::Config& unet) {
  auto sites = unet::sites(unet);
  std::erase_if(sites, [](const control::Site& site) { return site.cross; });
  const auto resnets = unet::resnets(unet);
  sites.insert(sites.end(), resnets.begin(), resnets.end());
  const RecordedShape shape{unet, info_.latent_height, info_.latent_width};
  const auto steps = static_cast<int64_t>(info_.steps.size());
  const auto rows = int64_t{info_.unconditional} + info_.conditional;
  if (file_.tensors.empty()) damaged("it holds no layer");
  for (const auto& [name, tensor] : file_.tensors) {
    const auto site = std::find_if(sites.begin(), sites.end(), [&](const control::Site& s) { return s.path == name; });
    if (site == sites.end())
      damaged(fmt::format("\"{}\" is no self-attention layer and no resnet of the model", io::printable(name)));
    const int64_t channels = unet.levels[site->level].channels;
    const auto tokens = static_cast<int64_t>(shape.numbers(*site)) / channels;
    const bool number =
        tensor.type == io::StoredType::f32 || tensor.type == io::StoredType::f16 || tensor.type == io::StoredType::bf16;
    if (!number || tensor.shape != std::vector<int64_t>{steps, rows, tokens, channels})
      damaged(fmt::format("{} is {} [{}]; expected F32, F16 or BF16 [{}, {}, {}, {}]", name, io::name(tensor.type),
                          fmt::join(tensor.shape, ", "), steps, rows, tokens, channels));
    info_.sites.push_back(name);
  }
}

// Before the run: a number that is none would be met only at the step that reads it.
void RecordingFile::check_numbers() const {
  io::check_unchanged(file_);
  for (const auto& [name, view] : file_.tensors) {
    const bool wide = view.type == io::StoredType::f32;
    const uint32_t exponent = wide ? 0x7f800000 : view.type == io::StoredType::f16 ? 0x7c00 : 0x7f80;
    const int64_t width = wide ? 4 : 2, count = static_cast<int64_t>(view.bytes) / width;
    std::atomic<bool> finite{true};
    kernels::parallel_ranges(count, 1 << 20, [&, data = view.data](int64_t begin, int64_t end) {
      bool all = true;
      for (int64_t i = begin; i < end; ++i) {
        uint32_t bits = 0;  // little-endian, as the format is
        std::memcpy(&bits, data + i * width, wide ? 4 : 2);
        all = all && (bits & exponent) != exponent;
      }
      if (!all) finite = false;
    });
    if (!finite) damaged(fmt::format("{} has numbers that are not finite; record it anew", name));
  }
}

const std::string& RecordingFile::sha256() const {
  if (!sha256_) sha256_ = io::kept_sha256(file_.mapping);
  return *sha256_;
}

mx::array RecordingFile::read(const control::Site& site, const control::Step& step, const control::Row& row) const {
  const auto found = std::find(info_.steps.begin(), info_.steps.end(), step.index);
  const auto tensor = file_.tensors.find(site.path);
  if (found == info_.steps.end() || tensor == file_.tensors.end())
    fail(ErrorCode::internal, "recording", "a layer or step is read that it does not hold");
  io::check_unchanged(file_);
  const auto& view = tensor->second;
  const auto rows = static_cast<size_t>(view.shape[1]);
  const size_t place =
      static_cast<size_t>(found - info_.steps.begin()) * rows + (rows == 2 && row.conditional() ? 1 : 0);
  const size_t bytes = view.bytes / (static_cast<size_t>(view.shape[0]) * rows);
  const mx::Shape shape{1, static_cast<int>(view.shape[2]), static_cast<int>(view.shape[3])};
  mx::array numbers(mx::allocator::malloc(bytes), shape, dtype_of(view.type));
  std::memcpy(numbers.data<char>(), view.data + place * bytes, bytes);  // the file's may be unaligned
  return numbers;
}

namespace {

void check_sha256(const std::string& sha256, const RecordingFile& file) {
  if (!sha256.empty() && sha256 != file.sha256())
    fail(ErrorCode::bad_file, "recording",
         fmt::format("{} is not the recording that the recipe was made with: its SHA-256 is {:.10}..., the recipe's "
                     "{:.10}...; put that file back, or take sha256 out of the recipe",
                     io::printable(file.info().name, 300), file.sha256(), io::printable(sha256)));
}

}  // namespace

RecordingList with_recordings(RecordingList known, const std::vector<Control>& controls, const std::string& path,
                              const unet::Config& unet, const std::function<std::string()>& model) {
  for (size_t i = 0; i < controls.size(); ++i) {
    const auto read = recording_of(controls[i]);
    if (!read || !controls[i].enabled) continue;
    const auto same = [&](const auto& file) { return file->info().name == *read.recording; };
    try {
      auto file = std::find_if(known.begin(), known.end(), same);
      if (file == known.end()) file = known.insert(file, std::make_shared<RecordingFile>(*read.recording, unet, model));
      check_sha256(*read.sha256, **file);
    } catch (const Error& e) {
      throw Error(e.code(), fmt::format("[{}[{}].recording] {}", path, i, e.what()));
    }
  }
  return known;
}

void keep_digests(std::vector<Control>& controls, const RecordingList& files) {
  for (auto& control : controls) {
    const auto read = recording_of(control);
    if (!read || !control.enabled) continue;
    const auto named = [&](const auto& file) { return file->info().name == *read.recording; };
    *read.sha256 = (*std::find_if(files.begin(), files.end(), named))->sha256();
  }
}

}  // namespace pipeline
}  // namespace corepulse
