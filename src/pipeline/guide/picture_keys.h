#pragma once
// What the picture prompts of a run give attention to read.

#include <list>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "attention/pictures.h"
#include "pipeline/guide/picture_prompts.h"

namespace corepulse::pipeline {

/** A prompt whose pictures were seen. */
struct SeenPictures {
  std::shared_ptr<const vision::IpAdapter> adapter;
  mx::array tokens, blank;  ///< [1, T, context_width]: of its pictures; of none, as many.
};

/** The picture prompts that a pipeline's runs asked for, kept for the next ones. */
class PictureStore {
 public:
  /** Loaded and seen now, if it is not held; its encoder is not kept. On the engine's thread. @throws as
   * model::load_picture_adapter, load_vision. */
  std::shared_ptr<const SeenPictures> of(const PromptPictures& prompt, mx::Dtype dtype);
  /** The others go. */
  void keep(const PicturePrompts& prompts);

 private:
  std::shared_ptr<const vision::IpAdapter> adapter_of(const PromptPictures& prompt, mx::Dtype dtype) const;
  struct Held {
    std::string key, adapter_sha256;
    std::shared_ptr<const SeenPictures> seen;
  };
  std::list<Held> held_;
};

class PromptKeys {
 public:
  /** @param store null: one of its own. @param prompts by Source::id; they may become more, and must outlive this. */
  PromptKeys(PictureStore* store, const PicturePrompts& prompts, mx::Dtype dtype)
      : store_(store ? store : &own_), prompts_(prompts), dtype_(dtype) {}
  PromptKeys(const PromptKeys&) = delete;

  /** As attention::Pictures. */
  attention::KeyValue operator()(const control::Source& source, const control::Site& site);

 private:
  PictureStore own_, *store_;
  const PicturePrompts& prompts_;
  mx::Dtype dtype_;
};

}  // namespace corepulse::pipeline
