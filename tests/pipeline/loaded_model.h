#pragma once
// A tiny model below the facade, for tests that run the pipeline's parts by themselves.

#include <map>
#include <memory>
#include <string>

#include "model/model.h"
#include "pipeline/known_texts.h"
#include "pipeline/prepare/outline.h"
#include "pipeline/weights/variants.h"
#include "support.h"

namespace corepulse::test {

struct LoadedModel {
  pipeline::Outline outline;
  std::shared_ptr<const model::Model> model;
  pipeline::Variants variants = {};
  pipeline::KnownTexts texts = {};
};

/** In float32. On the engine's thread. Never freed: arrays must not die after the engine. */
inline LoadedModel& loaded_model(const std::string& family) {
  static auto& all = *new std::map<std::string, std::unique_ptr<LoadedModel>>;
  auto& one = all[family];
  if (!one) {
    one.reset(new LoadedModel{pipeline::Outline({.model = tiny_folder(family)}), nullptr});
    one->model = model::load(one->outline.parts, mx::float32);
  }
  return *one;
}

}  // namespace corepulse::test
