#include "sweep/expansion.h"

#include <algorithm>
#include <fmt/format.h>

#include "base/fail.h"
#include "io/utf8.h"

namespace corepulse::sweep {

namespace {

[[noreturn]] void wrong_axis(const std::string& name, const std::string& why) {
  fail(ErrorCode::invalid_request, "axes", fmt::format("{}: {}", io::printable(name), why));
}

bool is_word(const std::string& path) {
  return path.starts_with("{");
}

/** Replaces the word in every text. @return whether there was one. */
bool replace(io::Json& json, const std::string& word, const std::string& with) {
  bool any = false;
  if (json.is_structured())
    for (auto& part : json) any |= replace(part, word, with);
  if (!json.is_string()) return any;
  auto& text = json.get_ref<std::string&>();
  for (size_t at = 0; (at = text.find(word, at)) != text.npos; at += with.size()) {
    text.replace(at, word.size(), with);
    any = true;
  }
  return any;
}

std::string path_names(const SweepAxis& axis) {
  std::string text;
  for (const auto& field : axis.fields) text += (text.empty() ? "" : " + ") + field.path;
  return text;
}

/** "strength" of "controls[0].strength". */
std::string short_names(const SweepAxis& axis) {
  std::string text;
  for (const auto& field : axis.fields) {
    const auto name =
        is_word(field.path) ? field.path.substr(1, field.path.size() - 2) : parse_path(field.path).last_name();
    text += (text.empty() ? "" : " + ") + name;
  }
  return text;
}

}  // namespace

std::string label_of(const io::Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_null()) return "none";
  if (value.is_number_float()) return fmt::format("{}", value.get<double>());
  if (value.is_object() && value.size() == 1) {
    const auto& range = value.front();
    if (range.is_array() && range.size() == 2 && !range[0].is_structured() && !range[1].is_structured())
      return fmt::format("{} {}..{}", value.begin().key(), label_of(range[0]), label_of(range[1]));
  }
  return value.dump();
}

Expansion::Expansion(const Sweep& sweep)
    : folder_(sweep.folder), recipe_(io::parse_json(sweep.recipe, "recipe", {}, ErrorCode::invalid_request)) {
  if (!recipe_.is_object())
    fail(ErrorCode::invalid_request, "recipe", "it is no object; expected {\"version\": 1, \"prompt\": ...}");
  for (const auto& axis : sweep.axes) add(axis);
  name_axes(sweep.axes);
}

void Expansion::add(const SweepAxis& axis) {
  const auto name = axis.name.empty() ? path_names(axis) : axis.name;
  if (axis.fields.empty()) wrong_axis(name, "no field; expected at least one");
  Axis read_axis;
  read_axis.size = axis.fields[0].values.size();
  for (const auto& field : axis.fields) {
    if (field.values.size() != read_axis.size)
      wrong_axis(name,
                 fmt::format("{} values of {}, {} of {}; fields that change together have as many", read_axis.size,
                             axis.fields[0].path, field.values.size(), io::printable(field.path)));
    read_axis.fields.push_back(read(field));
  }
  if (read_axis.size == 0) wrong_axis(name, "no values; expected at least one");
  if (!axis.labels.empty() && axis.labels.size() != read_axis.size)
    wrong_axis(name, fmt::format("{} labels for {} values; expected one each", axis.labels.size(), read_axis.size));
  if (read_axis.size > Sweep::kMostCells || size_ * read_axis.size > Sweep::kMostCells)
    fail(
        ErrorCode::invalid_request, "axes",
        fmt::format("more than {} cells; expected fewer: leave values out, or make several sweeps", Sweep::kMostCells));
  size_ *= read_axis.size;
  axes_.push_back(std::move(read_axis));
}

Expansion::Field Expansion::read(const SweepField& field) {
  if (!io::is_utf8(field.path)) wrong_axis(field.path, "it is not UTF-8");
  Field out{field.path, {}, {}};
  if (!is_word(field.path)) out.path = parse_path(field.path);
  if (!out.path && (field.path.size() < 3 || field.path.find('}') != field.path.size() - 1))
    wrong_axis(field.path, "this is no word to replace; expected one as {animal}");
  for (const auto& value : field.values) {
    out.values.push_back(io::parse_json(value, "axes", {}, ErrorCode::invalid_request));
    if (!out.path && out.values.back().is_structured())
      wrong_axis(field.path, "a word is replaced by a list or an object; expected a text or a number");
  }
  return out;
}

void Expansion::name_axes(const std::vector<SweepAxis>& axes) {
  for (const auto& axis : axes) names_.push_back(axis.name.empty() ? short_names(axis) : axis.name);
  const auto first = names_;
  for (size_t i = 0; i < names_.size(); ++i)  // two strengths: by their whole paths
    if (axes[i].name.empty() && std::count(first.begin(), first.end(), first[i]) > 1) names_[i] = path_names(axes[i]);
  for (const auto& name : names_)
    if (std::count(names_.begin(), names_.end(), name) > 1) wrong_axis(name, "there are two axes of this name");
  for (size_t i = 0; i < axes.size(); ++i) {
    auto& labels = labels_.emplace_back(axes[i].labels);
    for (const auto& label : labels)
      if (!io::is_utf8(label)) wrong_axis(names_[i], "a label is not UTF-8");
    for (size_t k = labels.size(); k < axes_[i].size; ++k) {
      std::string label;
      for (const auto& field : axes_[i].fields) label += (label.empty() ? "" : ", ") + label_of(field.values[k]);
      labels.push_back(label);
    }
  }
}

std::vector<size_t> Expansion::at(size_t cell) const {
  std::vector<size_t> places(axes_.size());
  for (size_t i = axes_.size(); i-- > 0; cell /= axes_[i].size) places[i] = cell % axes_[i].size;
  return places;
}

std::vector<std::string> Expansion::labels_of(size_t cell) const {
  const auto places = at(cell);
  std::vector<std::string> out;
  for (size_t i = 0; i < places.size(); ++i) out.push_back(labels_[i][places[i]]);
  return out;
}

std::string Expansion::title(size_t cell) const {
  const auto own = labels_of(cell);
  std::string text;
  for (size_t i = 0; i < own.size(); ++i) text += fmt::format("{}{} {}", i ? ", " : "", names_[i], own[i]);
  return text;
}

io::Json Expansion::values_of(size_t cell) const {
  const auto places = at(cell);
  auto values = io::Json::object();
  for (size_t i = 0; i < places.size(); ++i)
    for (const auto& field : axes_[i].fields) values[field.text] = field.values[places[i]];
  return values;
}

Recipe Expansion::recipe(size_t cell) const {
  auto json = recipe_;
  const auto places = at(cell);
  for (size_t i = 0; i < places.size(); ++i)
    for (const auto& field : axes_[i].fields)
      if (field.path) make_way(json, *field.path, field.values[places[i]]);
  for (size_t i = 0; i < places.size(); ++i)
    for (const auto& field : axes_[i].fields)
      if (field.path) set_field(json, *field.path, field.values[places[i]]);
  for (size_t i = 0; i < places.size(); ++i)
    for (const auto& field : axes_[i].fields)
      if (!field.path && !replace(json, field.text, label_of(field.values[places[i]])))
        fail(ErrorCode::invalid_request, field.text, "no text of the recipe holds this word");
  auto recipe = recipe_from_json(json.dump());
  if (recipe.seeds.size() != 1)
    fail(ErrorCode::invalid_request, "seeds",
         fmt::format("{} seeds; a cell is one picture: expected one, and an axis `seed`", recipe.seeds.size()));
  return recipe_from_folder(std::move(recipe), folder_);
}

void Complaints::add(size_t cell, const std::string& title, const std::string& message) {
  ++cells_;
  auto same = std::find_if(list_.begin(), list_.end(), [&](const auto& c) { return c.message == message; });
  constexpr size_t kMostKept = 1000;  // what is counted beyond is not told apart
  if (same == list_.end() && list_.size() == kMostKept) return;
  if (same == list_.end())
    same = list_.insert(same, {message, fmt::format("cell {}{}", cell, title.empty() ? "" : " (" + title + ")"), 0});
  ++same->cells;
}

void Complaints::raise() const {
  constexpr size_t kMostLines = 20;
  if (list_.empty()) return;
  std::string text = fmt::format("{} cell{} wrong, nothing was drawn", cells_, cells_ == 1 ? " is" : "s are");
  for (size_t i = 0; i < std::min(kMostLines, list_.size()); ++i) {
    const auto& c = list_[i];
    text +=
        fmt::format("\n  {}{}: {}", c.first, c.cells > 1 ? fmt::format(" and {} more", c.cells - 1) : "", c.message);
  }
  if (list_.size() > kMostLines) text += fmt::format("\n  and {} other errors", list_.size() - kMostLines);
  fail(ErrorCode::invalid_request, "sweep", text);
}

}  // namespace corepulse::sweep

namespace corepulse {

size_t cell_count(const Sweep& sweep) {
  return sweep::Expansion(sweep).size();
}

std::vector<SweepCell> cells(const Sweep& sweep) {
  const sweep::Expansion all(sweep);
  sweep::Complaints complaints;
  std::vector<SweepCell> out;
  for (size_t i = 0; i < all.size(); ++i) {
    try {
      out.push_back({i, all.labels_of(i), all.recipe(i)});
    } catch (const Error& error) {
      complaints.add(i, all.title(i), error.what());
    }
  }
  complaints.raise();
  return out;
}

}  // namespace corepulse
