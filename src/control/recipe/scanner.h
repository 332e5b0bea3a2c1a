#pragma once
// Reads short forms from left to right and says where they go wrong.

#include <string>
#include <string_view>
#include <vector>

#include "corepulse/control_values.h"
#include "corepulse/region.h"

namespace corepulse::control {

class Scanner {
 public:
  /** @param form names the short form in messages, e.g. "inject". */
  Scanner(std::string_view form, std::string_view text, size_t begin = 0) : form_(form), text_(text), at_(begin) {
    skip();
  }

  bool done() const { return at_ >= text_.size(); }
  /** Takes a sign or a word (which must end there) if it comes next. */
  bool take(std::string_view token);
  bool take_word(std::string_view word);
  /** The next word, up to a space or a comma; it stays. */
  std::string_view peek_word() const;
  std::string word(const char* expected);
  /** Everything up to the next comma. */
  std::string item();
  /** A word, or a text in double quotes. */
  std::string file_name();
  bool at_number() const;
  double number();
  int whole_number();
  /** n numbers with commas between them. */
  std::vector<double> numbers(int n);
  /** "15..0", "inf..2". */
  std::pair<double, double> range();
  /** "0.8", "0:0 0.5:1", "ramp 0.1..0.9 edge 0.1". */
  Curve curve();
  Region region();

  /** Throws Error{invalid_request}: the form, the position and what stands there. */
  [[noreturn]] void refuse(const std::string& expected) const;

 private:
  void skip();
  Region region_term();
  Region region_shape();
  Region attention_region();

  std::string_view form_, text_;
  size_t at_;
};

}  // namespace corepulse::control
