#include "pipeline/guide/picture_prompts.h"

#include <algorithm>
#include <fmt/format.h>
#include <set>

#include "base/fail.h"
#include "control/effects/picture_prompt.h"
#include "control/program/program_data.h"
#include "io/digest/digests.h"
#include "io/digest/sha256.h"
#include "io/utf8.h"
#include "pipeline/guide/clip_picture.h"
#include "pipeline/init/picture.h"
#include "pipeline/prepare/visit_files.h"

namespace corepulse::pipeline {
namespace {

std::string digest_of_all(const nn::Weights::Files& mappings) {
  std::string all;
  for (const auto& mapping : mappings) all += io::kept_sha256(mapping);
  return mappings.size() == 1 ? all : io::sha256_of(all);
}

void require_digest(const std::string& wanted, const std::string& found, const std::string& name, const char* field) {
  if (!wanted.empty() && wanted != found)
    fail(ErrorCode::bad_file, "picture_prompt",
         fmt::format("{} is not the file that the recipe was made with: its SHA-256 is {:.10}..., the recipe's "
                     "{:.10}...; put that file back, or take {} out of the recipe",
                     io::printable(name, 300), found, io::printable(wanted), field));
}

/** Several controls may read different pictures by one adapter: its tensors are understood once. */
void find_networks(const PicturePrompt& prompt, const PicturePrompts& known, const model::Parts& parts,
                   PromptPictures& made) {
  for (const auto& other : known) {
    if (other->file != prompt.file) continue;
    made.adapter = other->adapter, made.sha256 = other->sha256;
    if (other->encoder_file == prompt.encoder)
      made.encoder = other->encoder, made.encoder_sha256 = other->encoder_sha256;
  }
  if (!made.adapter) {
    made.adapter =
        std::make_shared<const model::PictureAdapterParts>(model::understand_picture_adapter(prompt.file, parts));
    made.sha256 = digest_of_all(made.adapter->mappings);
  }
  const bool faces = made.adapter->config.kind == vision::IpAdapterConfig::Kind::face_id;
  if (faces && !prompt.encoder.empty())
    fail(ErrorCode::invalid_request, "encoder", "a FaceID adapter reads vectors, which none makes here; leave it out");
  if (faces && !prompt.data.empty())
    fail(ErrorCode::invalid_request, "data",
         "a FaceID adapter reads faces' vectors; expected safetensors files that hold them, as pictures");
  if (faces || made.encoder) return;
  made.encoder = std::make_shared<const model::VisionParts>(model::find_vision_encoder(*made.adapter, prompt.encoder));
  made.encoder_sha256 = digest_of_all(made.encoder->mappings);
}

void read_faces(const PicturePrompt& prompt, PromptPictures& made) {
  for (size_t i = 0; i < prompt.pictures.size(); ++i) {
    made.pictures.push_back(model::read_face_vectors(prompt.pictures[i], made.adapter->config.input));
    made.picture_sha256.push_back(io::sha256_file(prompt.pictures[i]));
    if (!prompt.picture_sha256.empty())
      require_digest(prompt.picture_sha256[i], made.picture_sha256[i], prompt.pictures[i], "picture_sha256");
    made.key += made.picture_sha256.back();
  }
}

void read_pictures(const PicturePrompt& prompt, PromptPictures& made) {
  const int size = made.encoder->config.image_size;
  for (size_t i = 0; i < prompt.pictures.size(); ++i) {
    const auto wanted = prompt.picture_sha256.empty() ? "" : prompt.picture_sha256[i];
    const auto read = read_start_picture({.file = prompt.pictures[i], .sha256 = wanted}, "pictures");
    made.pictures.push_back(clip_picture(read.image, size));
    made.picture_sha256.push_back(read.sha256), made.key += read.sha256;
  }
  for (const auto& data : prompt.data) {
    made.pictures.push_back(clip_picture(read_start_picture({.data = data}, "data").image, size));
    made.key += io::sha256_of(data);
  }
}

int tokens_of(const PromptPictures& made) {
  const auto& config = made.adapter->config;
  size_t tokens = 0;
  for (const auto& one : made.pictures) {
    if (config.kind == vision::IpAdapterConfig::Kind::full_face)
      tokens += 1 + static_cast<size_t>(made.encoder->config.patches());
    else if (config.kind == vision::IpAdapterConfig::Kind::face_id)
      tokens += one.size() / static_cast<size_t>(config.input) * static_cast<size_t>(config.tokens);
    else
      tokens += static_cast<size_t>(config.tokens);
  }
  constexpr size_t kMost = 1 << 16;
  if (tokens > kMost)
    fail(ErrorCode::invalid_request, "pictures",
         fmt::format("they make {} tokens; expected at most {}: fewer pictures", tokens, kMost));
  return static_cast<int>(tokens);
}

std::shared_ptr<const PromptPictures> read_prompt(const PicturePrompt& prompt, const PicturePrompts& known,
                                                  const model::Parts& parts) {
  PromptPictures made;
  made.file = prompt.file, made.encoder_file = prompt.encoder;
  find_networks(prompt, known, parts, made);
  made.key = made.sha256 + made.encoder_sha256;
  if (made.encoder)
    read_pictures(prompt, made);
  else
    read_faces(prompt, made);
  made.info = {control::picture_prompt_name(prompt), tokens_of(made), made.adapter->what};
  return std::make_shared<const PromptPictures>(std::move(made));
}

auto named_by(const PicturePrompt& prompt) {
  return [wanted = control::picture_prompt_name(prompt)](const auto& made) { return made->info.name == wanted; };
}

/** visit(PicturePrompt&) for those that act. */
template <class Controls, class Visit>
void each_prompt(Controls& controls, const std::string& path, const Visit& visit) {
  for (size_t i = 0; i < controls.size(); ++i) {
    auto* prompt = controls[i].enabled ? picture_prompt_of(controls[i]) : nullptr;
    if (!prompt) continue;
    try {
      visit(*prompt);
    } catch (const Error& e) {
      throw Error(e.code(), fmt::format("[{}[{}]] {}", path, i, e.what()));
    }
  }
}

/** Whether control's own checks find nothing wrong with what names files: else they say so. */
bool names_files(const PicturePrompt& prompt) {
  const auto filled = [](const std::vector<std::string>& names) {
    return std::none_of(names.begin(), names.end(), [](const std::string& name) { return name.empty(); });
  };
  return !prompt.file.empty() && prompt.pictures.size() + prompt.data.size() > 0 && filled(prompt.pictures) &&
         filled(prompt.data) &&
         (prompt.picture_sha256.empty() || prompt.picture_sha256.size() == prompt.pictures.size());
}

/** Those that some row reads at some call. */
std::set<int> prompts_read(const control::Timeline& control) {
  std::set<int> ids;
  for (const auto& [step, program] : control.programs())
    for (const auto& plan : program.data().table.row_plans)
      for (const auto& reading : plan.readings)
        for (const auto& source : reading.sources)
          if (source.pictured()) ids.insert(source.id);
  return ids;
}

}  // namespace

PicturePrompts with_picture_prompts(PicturePrompts known, const std::vector<Control>& controls, const std::string& path,
                                    const model::Parts& parts) {
  each_prompt(controls, path, [&](const PicturePrompt& prompt) {
    if (!names_files(prompt)) return;
    auto made = std::find_if(known.begin(), known.end(), named_by(prompt));
    if (made == known.end()) made = known.insert(made, read_prompt(prompt, known, parts));
    require_digest(prompt.sha256, (*made)->sha256, prompt.file, "sha256");
    if ((*made)->encoder)
      require_digest(prompt.encoder_sha256, (*made)->encoder_sha256, (*made)->encoder->path.string(), "encoder_sha256");
    for (size_t i = 0; i < prompt.picture_sha256.size(); ++i)
      require_digest(prompt.picture_sha256[i], (*made)->picture_sha256[i], prompt.pictures[i], "picture_sha256");
  });
  return known;
}

void keep_digests(std::vector<Control>& controls, const PicturePrompts& prompts) {
  each_prompt(controls, "controls", [&](PicturePrompt& prompt) {
    const auto& made = **std::find_if(prompts.begin(), prompts.end(), named_by(prompt));
    prompt.sha256 = made.sha256, prompt.encoder_sha256 = made.encoder_sha256;
    prompt.picture_sha256 = made.picture_sha256;
  });
}

uint64_t picture_bytes(const control::Timeline& control, const PicturePrompts& prompts, mx::Dtype dtype,
                       const control::Timeline* held) {
  std::set<std::string> files;
  uint64_t adapters = 0, encoder = 0;
  if (held)
    for (const int id : prompts_read(*held)) files.insert(prompts.at(static_cast<size_t>(id))->sha256);
  for (const int id : prompts_read(control)) {
    const auto& one = *prompts.at(static_cast<size_t>(id));
    if (files.insert(one.sha256).second) adapters += one.adapter->bytes(dtype);
    if (one.encoder) encoder = std::max(encoder, one.encoder->bytes(dtype));
  }
  return adapters + encoder;
}

engine::Work picture_work(const control::Timeline& control, const PicturePrompts& prompts) {
  engine::Work work;
  for (const int id : prompts_read(control)) {
    const auto& one = *prompts.at(static_cast<size_t>(id));
    if (!one.encoder) continue;
    double elements = 0;
    for (const auto& [name, view] : one.encoder->tensors)
      if (view.shape.size() > 1 && name.find("embedding") == name.npos)
        elements += static_cast<double>(view.elements());
    const double tokens = 1. + one.encoder->config.patches(), width = one.encoder->config.width;
    const auto pictures = static_cast<double>(one.pictures.size() + 1);  // and the one of zeros
    work.matrix += pictures * elements * tokens;
    work.attention += pictures * one.encoder->config.layers * 2 * tokens * tokens * width;
  }
  return work;
}

}  // namespace corepulse::pipeline
