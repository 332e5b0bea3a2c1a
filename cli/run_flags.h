#pragma once
// The flags that describe a run, shared by the commands that make or explain one.

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "corepulse/model.h"
#include "corepulse/recipe.h"

namespace corepulse::cli {

/** Flags of one command. A recipe (--recipe, --from) is the start; every flag given changes one
 * field of it. */
class RunFlags {
 public:
  explicit RunFlags(CLI::App& command);
  RunFlags(const RunFlags&) = delete;
  RunFlags& operator=(const RunFlags&) = delete;

  /**
   * The run they describe. @param notes gets what a picture of another program says and a recipe cannot.
   * @throws Error for unreadable recipes and wrong values.
   */
  Recipe recipe(std::vector<std::string>* notes = nullptr) const;
  /** What may be a slip: flags given twice with different values. */
  std::vector<std::string> notes() const;

 private:
  void add_start();
  void add_picture();
  void add_init();
  void add_inversion();
  void init_flag(const std::string& flag, const std::string& help, void (*change)(InitPicture&));
  void add_sampling();
  void add_levels();
  void add_model();
  void add_refiner();
  CLI::Option* levels(const std::string& flag, std::vector<double> Recipe::* list, const std::string& help);
  void add_controls();
  void add_guidance();
  void add_loras();
  template <class T>
  CLI::Option* field(const std::string& flag, T Recipe::* member, const std::string& help);
  CLI::Option* text(const std::string& flag, const std::string& help,
                    std::function<void(Recipe&, const std::string&)> change);
  void control(const std::string& flag, const std::string& help, std::function<Control(const std::string&)> parse);
  std::vector<Control> controls() const;
  void take_away(Recipe& recipe) const;

  CLI::App& command_;
  std::string group_;
  std::string recipe_file_, picture_file_;
  int batch_ = 0;
  bool no_controls_ = false;
  std::vector<int> without_;
  std::vector<std::function<void(Recipe&)>> changes_;
  struct ControlFlag {
    CLI::Option* option;
    std::function<Control(const std::string&)> parse;
  };
  std::vector<ControlFlag> control_flags_;
  std::string base_share_, lora_strict_;
};

template <class T>
CLI::Option* RunFlags::field(const std::string& flag, T Recipe::* member, const std::string& help) {
  return command_
      .add_option_function<T>(
          flag,
          [this, member](const T& value) {
            changes_.push_back([member, value](Recipe& recipe) { recipe.*member = value; });
          },
          help)
      ->group(group_);
}

/** "3", "3,4,5" or "random". @throws Error{invalid_request}. */
std::vector<uint64_t> parse_seeds(const std::string& text);

}  // namespace corepulse::cli
