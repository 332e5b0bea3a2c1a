#pragma once
// Whoever draws the cells: a pipeline, or a test's own.

#include <atomic>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "corepulse/pipeline.h"

namespace corepulse::sweep {

struct Drawn {
  Image image;
  ImageText text;
  Recipe recipe;  ///< Resolved.
  double seconds = 0;
};

class Artist {
 public:
  virtual ~Artist() = default;
  /** @throws the Error that drawing would throw, as far as it can be known. */
  virtual void check(const Recipe& recipe) = 0;
  /** Roughly; 0: not known. */
  virtual double seconds(const Recipe& recipe) = 0;
  /** @param folder where the picture will lie. */
  virtual Drawn draw(const Recipe& recipe, const std::filesystem::path& folder) = 0;
};

/** What of a recipe says which model is loaded, and as what: cells are drawn model by model. */
Recipe model_part(const Recipe& recipe);

/** Has one model in memory, that of the last recipe. */
class PipelineArtist : public Artist {
 public:
  PipelineArtist(LoadOptions::Device device, std::shared_ptr<const std::atomic<bool>> stop)
      : device_(device), stop_(std::move(stop)) {}
  void check(const Recipe& recipe) override;
  double seconds(const Recipe& recipe) override;
  Drawn draw(const Recipe& recipe, const std::filesystem::path& folder) override;

 private:
  const Pipeline& pipeline(const Recipe& recipe);
  Request request(const Recipe& recipe) const;

  LoadOptions::Device device_;
  std::shared_ptr<const std::atomic<bool>> stop_;
  Recipe loaded_;
  std::optional<Pipeline> pipeline_;
};

}  // namespace corepulse::sweep
