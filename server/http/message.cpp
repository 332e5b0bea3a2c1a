#include "http/message.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "http/problem.h"

namespace corepulse::server {
namespace {

char small(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = small(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") + 1 - begin);
}

/** Calls take(part) for each part between separators. */
template <class Take>
void split(std::string_view text, char separator, const Take& take) {
  for (size_t begin = 0; begin <= text.size();) {
    const auto end = std::min(text.find(separator, begin), text.size());
    take(text.substr(begin, end - begin));
    begin = end + 1;
  }
}

[[noreturn]] void refuse_target(const char* what) {
  throw Problem(400, "invalid_request", fmt::format("[target] {}; expected a plain path such as /v1/jobs", what));
}

void check_segment(std::string_view segment) {
  if (segment == "." || segment == "..") refuse_target("a segment of dots");
  if (segment.find_first_of("/\\") != segment.npos) refuse_target("a slash inside a segment");
  for (const char c : segment)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) refuse_target("a control character");
}

}  // namespace

bool same_letters(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return small(x) == small(y); });
}

bool is_utf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto byte = [&](size_t k) { return k < text.size() ? static_cast<unsigned char>(text[k]) : 0u; };
    const unsigned first = byte(i);
    const size_t length = first < 0x80 ? 1 : first >> 5 == 6 ? 2 : first >> 4 == 14 ? 3 : first >> 3 == 30 ? 4 : 0;
    if (length == 0) return false;
    unsigned code = length == 1 ? first : first & (0x7fu >> length);
    for (size_t k = 1; k < length; ++k) {
      if (byte(i + k) >> 6 != 2) return false;
      code = code << 6 | (byte(i + k) & 0x3f);
    }
    constexpr unsigned kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
    if (code < kLeast[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return false;
    i += length;
  }
  return true;
}

size_t characters(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

void Headers::set(std::string name, std::string value) {
  std::erase_if(all_, [&](const auto& one) { return same_letters(one.first, name); });
  add(std::move(name), std::move(value));
}

std::string Headers::get(std::string_view name) const {
  for (const auto& [key, value] : all_)
    if (same_letters(key, name)) return value;
  return "";
}

size_t Headers::count(std::string_view name) const {
  return static_cast<size_t>(
      std::count_if(all_.begin(), all_.end(), [&](const auto& one) { return same_letters(one.first, name); }));
}

std::string Request::query_value(const std::string& name, const std::string& otherwise) const {
  const auto found = query.find(name);
  return found == query.end() ? otherwise : found->second;
}

int64_t Request::query_number(const std::string& name, int64_t otherwise, int64_t least, int64_t most) const {
  const auto found = query.find(name);
  if (found == query.end() || found->second.empty()) return otherwise;
  const auto& text = found->second;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < least || value > most)
    throw Problem(400, "invalid_request", fmt::format("[{}] expected a whole number of {} to {}", name, least, most));
  return value;
}

std::string Request::cookie(std::string_view name) const {
  std::string result;
  for (const auto& [key, value] : headers) {
    if (!same_letters(key, "cookie")) continue;
    split(value, ';', [&](std::string_view pair) {
      const auto equals = pair.find('=');
      if (equals != pair.npos && trimmed(pair.substr(0, equals)) == name && result.empty())
        result = trimmed(pair.substr(equals + 1));
    });
  }
  return result;
}

std::string Request::content_type() const {
  const auto value = headers.get("content-type");
  std::string type(trimmed(std::string_view(value).substr(0, value.find(';'))));
  std::transform(type.begin(), type.end(), type.begin(), small);
  return type;
}

Response json_response(const nlohmann::json& value, int status) {
  auto response =
      bytes_response(value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), "application/json");
  response.status = status;
  return response;
}

Response bytes_response(std::string bytes, std::string type) {
  Response response;
  response.headers.set("Content-Type", std::move(type));
  response.body = std::move(bytes);
  return response;
}

Response event_stream(Stream stream) {
  Response response;
  response.headers.set("Content-Type", "text/event-stream");
  response.headers.set("X-Accel-Buffering", "no");
  response.stream = std::move(stream);
  return response;
}

bool percent_decode(std::string_view text, std::string& out, bool plus_is_space) {
  out.clear();
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      const int low = high < 0 ? -1 : hex_digit(text[i + 2]);
      if (low < 0) return false;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    } else if (c == '+' && plus_is_space) {
      c = ' ';
    }
    if (c == '\0') return false;
    out += c;
  }
  return is_utf8(out);
}

std::map<std::string, std::string> read_form(std::string_view text) {
  std::map<std::string, std::string> form;
  split(text, '&', [&](std::string_view pair) {
    if (pair.empty()) return;
    const auto equals = std::min(pair.find('='), pair.size());
    std::string name, value;
    if (!percent_decode(pair.substr(0, equals), name, true) ||
        !percent_decode(pair.substr(std::min(equals + 1, pair.size())), value, true))
      throw Problem(400, "invalid_request",
                    "[query] it is not spelled as one; expected name=value with %20 and the like");
    form.emplace(std::move(name), std::move(value));
  });
  return form;
}

void read_target(std::string_view target, Request& request) {
  if (!target.starts_with("/")) refuse_target("it does not begin with a slash");
  const auto mark = std::min(target.find('?'), target.size());
  if (target.find('#') != target.npos) refuse_target("a #");
  request.path.clear();
  split(target.substr(1, mark - 1), '/', [&](std::string_view part) {
    std::string segment;
    if (!percent_decode(part, segment)) refuse_target("wrong percent signs, or no UTF-8");
    check_segment(segment);
    request.path += "/" + segment;
  });
  request.query = read_form(target.substr(std::min(mark + 1, target.size())));
}

}  // namespace corepulse::server
