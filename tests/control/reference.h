#pragma once
// The composition rule written as plainly as possible: every pixel and head keeps its own list of what it reads.

#include <map>
#include <string>
#include <vector>

#include "control/program/program.h"
#include "list.h"

namespace corepulse::control::test {

/** One thing a pixel reads: for every key, whose embedding it is and its numbers. */
struct Read {
  double share = 1;
  std::string prompt;  ///< Cross: the text whose words are looked for.
  List<int> keys;      ///< Numbers of "prompt#position", "own#3", "image 1#3".
  List<double> weight, key_gain, value_gain;
  double temperature = 1;

  int query = -1;         ///< The image whose queries ask; -1: the row's own.
  double blur = 0;        ///< Of the queries, in tokens; infinity: their mean.
  List<int> values;       ///< As keys, where they are other ones.
  List<double> map;       ///< [keys, values], or empty: key i is value i.
  bool identity = false;  ///< Every pixel reads its own value alone.
  bool added = false;     ///< Beside those whose shares sum to 1.
  int finish = 0;         ///< 1, 2, ..: not a reading, but what normalised guidance does afterwards, in this order,
  double scale = 0, limit = 0;  ///< with the text of `keys`.

  bool mapped() const { return !values.empty() || !map.empty(); }
};

/** The one finite blur that tests use. */
constexpr double kBlurSigma = 1.5;

/** What one pixel and head reads, as key name -> numbers; readings that agree are one. */
using Pixel = std::vector<Read>;

/** By hand: what the controls make of a row at a site and call. Heads x pixels. */
std::vector<Pixel> expected_row(const std::vector<corepulse::Control>& controls, const ProgramInputs& inputs,
                                const Site& site, const Step& call, const Row& row);

/** The same from a plan. */
std::vector<Pixel> planned_row(const Program& program, const ProgramInputs& inputs, const Site& site,
                               const AttentionPlan& plan, size_t row);

/** "" if both say the same (shares and numbers to 1e-5), else what differs. */
std::string difference(const std::vector<Pixel>& a, const std::vector<Pixel>& b);

}  // namespace corepulse::control::test
