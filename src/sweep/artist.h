#pragma once
// Whoever draws the cells: a pipeline, or a test's own.

#include <atomic>
#include <filesystem>
#include <list>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "corepulse/pipeline.h"

namespace corepulse::sweep {

struct Drawn {
  Image image;
  ImageText text;
  Recipe recipe;  ///< Resolved.
  double seconds = 0;
};

/** A picture to draw. */
struct Order {
  const Recipe* recipe;
  std::filesystem::path folder;  ///< Where it will lie.
};

class Artist {
 public:
  virtual ~Artist() = default;
  /** @throws the Error that drawing would throw, as far as it can be known. */
  virtual void check(const Recipe& recipe) = 0;
  /** Whether pictures like this one are faster in one call. */
  virtual bool shares_calls(const Recipe&) { return false; }
  /** Roughly; 0: not known. */
  virtual double seconds(const Recipe& recipe) = 0;
  /** @param folder where the picture will lie. */
  virtual Drawn draw(const Recipe& recipe, const std::filesystem::path& folder) = 0;
  /**
   * How many of the orders, from the first on, one draw_together draws: at least 1. @param fastest no more than makes
   * each faster; else as many as can be.
   */
  virtual size_t together(const std::vector<Order>& orders, bool fastest);
  /** Those that together() counted, each as by itself. What is wrong with one is an error of all. */
  virtual std::vector<Drawn> draw_together(const std::vector<Order>& orders);
};

/** What of a recipe says which model is loaded, and as what: cells are drawn model by model. */
Recipe model_part(const Recipe& recipe);

/** What of a recipe says, as far as it can be seen in it, which others it may be drawn together with. */
Recipe shape_part(const Recipe& recipe);

/** Has one model in memory, that of the last recipe, and the first runs that were prepared and not drawn yet. */
class PipelineArtist : public Artist {
 public:
  /** @param draws false: it only checks, for others that draw on devices that may have other number types. */
  PipelineArtist(LoadOptions::Device device, std::shared_ptr<const std::atomic<bool>> stop, bool draws = true)
      : device_(device), stop_(std::move(stop)), draws_(draws) {}
  void check(const Recipe& recipe) override;
  bool shares_calls(const Recipe& recipe) override { return pipeline(recipe).shares_calls(); }
  double seconds(const Recipe& recipe) override;
  Drawn draw(const Recipe& recipe, const std::filesystem::path& folder) override;
  size_t together(const std::vector<Order>& orders, bool fastest) override;
  std::vector<Drawn> draw_together(const std::vector<Order>& orders) override;

 private:
  std::vector<PreparedRun> prepared(const std::vector<Order>& orders);
  const Pipeline& pipeline(const Recipe& recipe);
  Request request(const Recipe& recipe) const;
  /** The run that was kept, which goes, or a new one. */
  PreparedRun run_of(const Recipe& recipe);
  /** For its next use, while there is room. */
  void keep(const Recipe& recipe, PreparedRun run);

  LoadOptions::Device device_;
  std::shared_ptr<const std::atomic<bool>> stop_;
  bool draws_;
  Recipe loaded_;
  std::optional<Pipeline> pipeline_;
  std::list<std::pair<Recipe, PreparedRun>> kept_;  // of pipeline_, in the order in which they will be drawn
};

}  // namespace corepulse::sweep
