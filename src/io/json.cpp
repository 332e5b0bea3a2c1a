#include "io/json.h"

#include <fmt/format.h>
#include <iterator>
#include <vector>

#include "base/fail.h"
#include "io/file.h"
#include "io/json_sax.h"
#include "io/python_json.h"
#include "io/utf8.h"

namespace corepulse::io {
namespace {

// An iterator whose place is seen from outside: nlohmann tells its readers no position.
struct WatchedPlace {
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  const char** at;
  reference operator*() const { return **at; }
  WatchedPlace& operator++() { return ++*at, *this; }
  friend bool operator==(WatchedPlace a, WatchedPlace b) { return *a.at == *b.at; }
};

// Builds the value tree.
class Tree : public BoundedSax {
 public:
  Tree(std::string_view where, ErrorCode code, const JsonLimits& limits)
      : BoundedSax(where, "", code, limits.depth), most_values_(limits.values) {}
  Json root;

 private:
  Json* add(Json&& value) {
    if (++values_ > most_values_) refuse(fmt::format("more than {} values", most_values_));
    if (open_.empty()) return &(root = std::move(value));
    if (open_.back()->is_object()) return &(*slot_ = std::move(value));
    open_.back()->push_back(std::move(value));
    return &open_.back()->back();
  }
  bool open(Json&& container) {
    enter();
    open_.push_back(add(std::move(container)));
    return true;
  }
  bool close() {
    leave();
    open_.pop_back();
    return true;
  }
  bool null() override { return add(nullptr), true; }
  bool boolean(bool value) override { return add(value), true; }
  bool number_integer(number_integer_t value) override { return add(value), true; }
  bool number_unsigned(number_unsigned_t value) override { return add(value), true; }
  bool number_float(number_float_t value, const string_t&) override { return add(value), true; }
  bool string(string_t& value) override { return add(std::move(value)), true; }
  bool start_object(size_t) override { return open(Json::object()); }
  bool end_object() override { return close(); }
  bool start_array(size_t) override { return open(Json::array()); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    const auto [place, fresh] = open_.back()->emplace(name, nullptr);
    if (!fresh) refuse(fmt::format("the key \"{}\" stands twice in one object", printable(name)));
    slot_ = &*place;
    return true;
  }

  size_t most_values_, values_ = 0;
  std::vector<Json*> open_;  // A container does not move while something inside it is open.
  Json* slot_ = nullptr;
};

/** Python's numbers that JSON lacks, put in quotes. */
std::string quote_python_numbers(std::string_view text) {
  std::string result;
  bool quoted = false;
  for (size_t at = 0; at < text.size();) {
    size_t length = quoted && text[at] == '\\' && at + 1 < text.size() ? 2 : 1;
    if (length == 1 && text[at] == '"') quoted = !quoted;
    bool number = false;
    if (!quoted)
      for (const std::string_view word : {"Infinity", "-Infinity", "NaN"})
        if (text.substr(at, word.size()) == word) number = true, length = word.size();
    const auto piece = text.substr(at, length);
    number ? result.append("\"").append(piece).append("\"") : result.append(piece);
    at += length;
  }
  return result;
}

}  // namespace

void BoundedSax::parse(std::string_view text) {
  begin_ = at_ = text.data();
  const char* end = text.data() + text.size();
  // nlohmann takes a NUL byte for the end of the text: what follows would go unseen.
  if (const auto nul = text.find('\0'); nul != text.npos) {
    at_ += nul;
    refuse("a NUL byte; expected JSON text");
  }
  Json::sax_parse(WatchedPlace{&at_}, WatchedPlace{&end}, static_cast<nlohmann::json_sax<Json>*>(this));
}

void BoundedSax::refuse(std::string_view message) const {
  fail(code_, where_,
       fmt::format("{}{}{} (at byte {})", subject_, subject_.empty() ? "" : ": ", message, at_ - begin_));
}

void BoundedSax::enter() {
  if (++depth_ > most_depth_) refuse(fmt::format("nested deeper than {} levels", most_depth_));
}

bool BoundedSax::parse_error(size_t, const std::string&, const nlohmann::detail::exception& error) {
  std::string_view text = error.what();  // "[json.exception.parse_error.101] parse error at line 1, column 2: ..."
  if (const auto id = text.find("] "); id != text.npos) text.remove_prefix(id + 2);
  refuse(fmt::format("not valid JSON: {}", printable(text, 200)));
}

Json parse_json(std::string_view text, std::string_view where, const JsonLimits& limits, ErrorCode code) {
  if (text.size() > limits.bytes)
    fail(code, where, fmt::format("{} bytes of JSON; expected at most {}", text.size(), limits.bytes));
  Tree tree(where, code, limits);
  tree.parse(text);
  return std::move(tree.root);
}

Json parse_python_json(std::string_view text, std::string_view where, const JsonLimits& limits, ErrorCode code) {
  return parse_json(quote_python_numbers(text), where, limits, code);
}

Json read_json(const std::filesystem::path& file, const JsonLimits& limits) {
  return parse_python_json(read_file(file, limits.bytes), shown(file), limits);
}

}  // namespace corepulse::io
