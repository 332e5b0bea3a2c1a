#include "sweep/values.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fmt/format.h>

#include "corepulse/control.h"
#include "corepulse/recipe.h"
#include "corepulse/sweep.h"

#include "base/ascii.h"
#include "base/fail.h"
#include "base/number.h"
#include "io/utf8.h"

namespace corepulse::sweep {

namespace {

constexpr long long kMostWhole = 1LL << 53;

/** Without the last digits that sums of decimal fractions get wrong: 0.1 * 3 is 0.3. */
double tidy(double x) {
  const auto number = leading_number(fmt::format("{:.12g}", x));
  return number ? number->value : x;
}

long long count_of(const Range& range, double from, double to, std::string_view where) {
  const double step = std::abs(range.step ? range.step->get<double>() : 1.0);
  const double count = range.count ? double(*range.count) : std::floor(std::abs(to - from) / step + 1e-9) + 1;
  if (!(step > 0) || !(count >= 1) || !(count <= double(Sweep::kMostCells)))
    fail(ErrorCode::invalid_request, where,
         fmt::format("from {} to {} with these steps are not 1 to {} values", from, to, Sweep::kMostCells));
  return static_cast<long long>(count);
}

/** The whole text as a number; whole ones without a point. */
std::optional<io::Json> number_in(std::string_view text) {
  text = trim(text);
  unsigned long long natural = 0;
  long long whole = 0;
  const char *first = text.data(), *end = first + text.size();
  if (const auto r = std::from_chars(first, end, natural); r.ec == std::errc() && r.ptr == end && first != end)
    return natural;
  if (const auto r = std::from_chars(first, end, whole); r.ec == std::errc() && r.ptr == end && first != end)
    return whole;
  const auto number = leading_number(text);
  if (!number || number->length != text.size() || !std::isfinite(number->value)) return {};
  return number->value;
}

/** "0..1:5", "0..1/0.1", "1..10"; nothing for other texts. */
std::optional<Range> range_in(std::string_view text) {
  const auto dots = text.find("..");
  if (dots == text.npos) return {};
  const auto behind = text.substr(dots + 2);
  const auto mark = behind.find_first_of(":/");
  const auto from = number_in(text.substr(0, dots)), to = number_in(behind.substr(0, mark));
  if (!from || !to) return {};
  Range range{*from, *to};
  if (mark == behind.npos) return range;
  const auto last = number_in(behind.substr(mark + 1));
  if (!last || (behind[mark] == ':' && !last->is_number_unsigned())) return {};
  if (behind[mark] == '/')
    range.step = *last;
  else
    range.count = static_cast<long long>(std::min(last->get<double>(), double(kMostWhole)));
  return range;
}

/** "sigma 15..3" as {"sigma": [15, 3]}. */
std::optional<io::Json> window_in(std::string_view text) {
  for (const std::string_view unit : {"sigma", "steps", "progress", "percent"}) {
    if (!text.starts_with(unit)) continue;
    const auto rest = trim(text.substr(unit.size()));
    const auto dots = rest.find("..");
    if (dots == rest.npos) return {};
    const auto to = number_in(rest.substr(dots + 2));
    auto from = number_in(rest.substr(0, dots));
    if (trim(rest.substr(0, dots)) == "inf") from = "inf";
    if (!from || !to) return {};
    return io::Json{{std::string(unit), {*from, *to}}};
  }
  if (text == "always") return io::Json("always");
  return {};
}

/** A region as the recipe has it. */
io::Json region_in(std::string_view text) {
  const auto control = to_json(std::vector<Control>{smooth(0).within(parse_region(text))}, -1);
  return io::parse_json(control, "axis", {}, ErrorCode::invalid_request).at(0).at("region");
}

io::Json value_in(std::string_view text, const std::string& field) {
  if (field.starts_with("{") && !text.starts_with("\"")) return std::string(text);  // a word: 007 is not 7
  if (const auto number = number_in(text)) return *number;
  if (text == "null") return nullptr;
  if (text == "true" || text == "false") return text == "true";
  if (field == "when")
    if (const auto window = window_in(text)) return *window;
  if (field == "region") return region_in(text);
  if (!text.empty() && (text.front() == '"' || text.front() == '{'))
    return io::parse_json(text, "axis", {}, ErrorCode::invalid_request);
  return std::string(text);
}

}  // namespace

std::vector<io::Json> values_of(const Range& range, std::string_view where) {
  const auto finite = [](const io::Json& n) { return n.is_number() && std::isfinite(n.get<double>()); };
  if (!finite(range.from) || !finite(range.to) || (range.step && !finite(*range.step)))
    fail(ErrorCode::invalid_request, where, "a range of what is no number; expected from, to and count or step");
  const double from = range.from.get<double>(), to = range.to.get<double>();
  const auto count = count_of(range, from, to, where);
  const double step = std::copysign(range.step ? range.step->get<double>() : 1.0, to - from);
  std::vector<io::Json> values;
  for (long long i = 0; i < count; ++i) {
    double value = from + double(i) * step;
    if (range.count) value = count > 1 ? (from * double(count - 1 - i) + to * double(i)) / double(count - 1) : from;
    if (value != std::floor(value)) value = tidy(value);  // seeds keep all their digits
    if (value == std::floor(value) && std::abs(value) <= double(kMostWhole))
      values.emplace_back(static_cast<long long>(value));
    else
      values.emplace_back(value);
  }
  return values;
}

std::vector<io::Json> parse_values(std::string_view text, const std::string& field) {
  text = trim(text);
  if (!io::is_utf8(text)) fail(ErrorCode::invalid_request, "axis", "the values are not UTF-8");
  if (text.starts_with("[")) {
    const auto list = io::parse_json(text, "axis", {}, ErrorCode::invalid_request);
    return {list.begin(), list.end()};
  }
  std::vector<io::Json> values;
  while (true) {
    const auto comma = text.find(',');
    const auto item = trim(text.substr(0, comma));
    if (item.empty())
      fail(ErrorCode::invalid_request, "axis", "an empty value; expected values between commas, or a JSON list");
    if (const auto range = range_in(item))
      for (auto& value : values_of(*range, "axis")) values.push_back(std::move(value));
    else
      values.push_back(value_in(item, field));
    if (values.size() > Sweep::kMostCells)
      fail(ErrorCode::invalid_request, "axis", fmt::format("more than {} values", Sweep::kMostCells));
    if (comma == text.npos) return values;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace corepulse::sweep
