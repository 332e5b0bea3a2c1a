#pragma once
// How a Program is made: controls are checked and placed, then composed for every layer, call and row.

#include <unordered_map>

#include "control/program/program_data.h"
#include "control/program/selector.h"

namespace corepulse::control {

/** Equal lists of numbers become one. */
class Interner {
 public:
  /** null for an empty list. @throws Error{invalid_request} when all of them together get too large. */
  Values operator()(const std::vector<double>& numbers);

 private:
  std::unordered_map<size_t, std::vector<Values>> known_;
  size_t stored_ = 0;
};

/** A control (or a user's function) placed in the run. */
struct Placed {
  int index = -1;  ///< In the list of controls; -1: a function.
  const corepulse::Control* control = nullptr;
  std::string path;
  EffectPointer effect;
  Rows rows = Rows::cond;
  std::vector<bool> sites, calls;
  std::vector<int> numbers_at;  ///< By call: index of `numbers`; -1 outside the window.
  std::vector<std::vector<double>> numbers;
  // What composing finds out:
  bool matched = false, changed = false, cut = false;
  std::set<int> texts;  ///< Where its phrase was found.
  std::set<int> tried;  ///< The texts that were read where it was not.

  bool takes_image(int image) const;
  bool takes_row(bool conditional) const { return rows == Rows::both || (rows == Rows::cond) == conditional; }
};

class Resolver {
 public:
  Resolver(const std::vector<corepulse::Control>& controls, const ProgramInputs& inputs, const ProgramOptions& options);
  std::shared_ptr<const Program::Data> operator()();

 private:
  using Data = Program::Data;
  /** "controls[3]". */
  std::string path_of(int index) const { return options_.path + "[" + std::to_string(index) + "]"; }

  // place.cpp
  void place_all();
  void place(int index);
  Placed placed(EffectPointer effect, const std::string& where, const Window& when, Rows rows, const std::string& path);
  void check_images(const corepulse::Control& control, const std::string& path) const;
  void check_heads(const Placed& placed) const;
  void check_regions(const Placed& placed);
  void add_functions();
  void add_capture(int index);
  void check_calls(const Placed& placed) const;

  // recording.cpp
  void settle_recording(CaptureSpec& spec, const corepulse::Control& control, const std::string& path) const;
  void narrow_to_recording(Placed& placed) const;
  void narrow_layers(Placed& placed, const RecordingInfo& info) const;
  void narrow_calls(Placed& placed, const RecordingInfo& info) const;

  // step_inputs.cpp
  void step_inputs();
  void step_input(int index);
  bool guided(int call) const {
    const double scale = data_->steps[call].guidance;
    return scale > 1 || (scale < 1 && inputs_.guided_below_one);
  }

  // compose.cpp
  void classify_rows();
  void classify_sites();
  void compose_all();
  int compose(const Site& site, int call);
  std::vector<int> signature(int site_class, int call);
  std::vector<Draft> compose_row(const Site& site, int call, bool conditional, int image, std::set<int>& acting);
  Part part_of(const Placed& placed, const Site& site, const std::vector<double>& numbers);
  int publish(const std::vector<Draft>& drafts);

  // report.cpp
  void finish_captures();
  void report();
  void report_region(const Region& region, const std::string& path, const Placed& placed, ControlReport& report);
  void note();
  void refuse_idle(const Placed& placed) const;

  std::vector<Grid> grids_of(const std::vector<bool>& sites) const;

  const std::vector<corepulse::Control>& controls_;
  const ProgramInputs& inputs_;
  const ProgramOptions& options_;
  Budget budget_;
  SiteTable site_table_;
  std::unique_ptr<Tables> tables_;
  std::shared_ptr<Data> data_ = std::make_shared<Data>();
  Interner interner_;
  std::vector<Placed> placed_;
  std::vector<int> negative_;                    ///< By call: the negative prompt's internal number.
  std::vector<std::vector<int>> site_controls_;  ///< By site class: who acts there, in order.
  std::vector<int> row_images_[2];               ///< By role and row class: an image of the class.
};

}  // namespace corepulse::control
