#include "io/tensors/safetensors_sax.h"

#include <fmt/format.h>

#include "io/tensors/stored_type.h"
#include "io/utf8.h"

namespace corepulse::io {
namespace {

constexpr size_t kMostTensors = 65536, kMostMetadata = 65536, kMostRank = 8;
constexpr uint64_t kMostDimension = (uint64_t{1} << 31) - 1;

}  // namespace

void SafetensorsSax::unexpected(std::string_view what) {
  constexpr const char* kExpected[] = {
      "the header to be one object",
      "each tensor to be an object",
      "__metadata__ to hold only text",
      "dtype, shape and data_offsets, each once",
      "dtype to be text",
      "shape to be a list of whole numbers from 0 to 2147483647",
      "data_offsets to be a list of two whole numbers, 0 or more",
  };  // in the order of Place
  const char* expected = kExpected[static_cast<int>(place_)];
  const bool named = !entries.empty() && place_ != Place::start && place_ != Place::metadata;
  refuse(fmt::format("{}{}; expected {}", named ? fmt::format("tensor \"{}\": ", printable(entries.back().name)) : "",
                     what, expected));
}

bool SafetensorsSax::null() {
  // The format's own reader takes no metadata for empty metadata.
  if (place_ == Place::names && !entries.empty() && entries.back().name == "__metadata__")
    return entries.pop_back(), true;
  unexpected("null");
}

bool SafetensorsSax::boolean(bool) {
  unexpected("true or false");
}

bool SafetensorsSax::number_integer(number_integer_t value) {
  unexpected(fmt::format("{}", value));
}

bool SafetensorsSax::number_float(number_float_t, const string_t& text) {
  unexpected(printable(text));
}

bool SafetensorsSax::number_unsigned(number_unsigned_t value) {
  if (!in_list_) unexpected("a number");
  auto& entry = entries.back();
  if (place_ == Place::offsets) {
    if (offsets_ == 2) unexpected("a third offset");
    (offsets_++ == 0 ? entry.begin : entry.end) = value;
  } else {
    if (value > kMostDimension) unexpected(fmt::format("dimension {}", value));
    if (entry.view.shape.size() == kMostRank)
      refuse(fmt::format("tensor \"{}\": more than {} dimensions", printable(entry.name), kMostRank));
    entry.view.shape.push_back(static_cast<int64_t>(value));
  }
  return true;
}

bool SafetensorsSax::string(string_t& value) {
  if (place_ == Place::metadata) return metadata[metadata_key_] = std::move(value), true;
  if (place_ != Place::dtype) unexpected("text");
  auto& entry = entries.back();
  const auto type = parse_stored_type(value);
  if (!type)
    refuse(fmt::format("tensor \"{}\": dtype {}; expected one of {}", printable(entry.name), printable(value),
                       stored_type_names()));
  entry.view.type = *type;
  place_ = Place::tensor;
  return true;
}

bool SafetensorsSax::key(string_t& name) {
  if (place_ == Place::metadata) {
    if (metadata.count(name)) refuse(fmt::format("__metadata__ has \"{}\" twice", printable(name)));
    if (metadata.size() == kMostMetadata) refuse(fmt::format("more than {} entries in __metadata__", kMostMetadata));
    metadata_key_ = name;
  } else if (place_ == Place::names) {
    if (entries.size() == kMostTensors) refuse(fmt::format("more than {} tensors", kMostTensors));
    if (!names_.insert(name).second) refuse(fmt::format("\"{}\" stands twice", printable(name)));
    entries.push_back({std::move(name), {}, 0, 0});
    fields_ = 0, offsets_ = 0;
  } else {
    place_ = name == "dtype"          ? Place::dtype
             : name == "shape"        ? Place::shape
             : name == "data_offsets" ? Place::offsets
                                      : Place::tensor;
    if (place_ == Place::tensor) unexpected(fmt::format("the field \"{}\"", printable(name)));
    const unsigned bit = 1u << static_cast<int>(place_);
    if (fields_ & bit) unexpected(fmt::format("the field {} twice", name));
    fields_ |= bit;
  }
  return true;
}

bool SafetensorsSax::start_object(size_t) {
  enter();
  if (place_ == Place::start) {
    place_ = Place::names;
  } else if (place_ == Place::names) {
    const bool is_metadata = entries.back().name == "__metadata__";
    place_ = is_metadata ? Place::metadata : Place::tensor;
    if (!is_metadata) return true;
    entries.pop_back();
  } else {
    unexpected("an object");
  }
  return true;
}

bool SafetensorsSax::end_object() {
  leave();
  constexpr unsigned all = 1u << static_cast<int>(Place::dtype) | 1u << static_cast<int>(Place::shape) |
                           1u << static_cast<int>(Place::offsets);
  if (place_ == Place::tensor && fields_ != all) unexpected("a field is missing");
  if (place_ == Place::tensor || place_ == Place::metadata) place_ = Place::names;
  return true;
}

bool SafetensorsSax::start_array(size_t) {
  enter();
  if (in_list_ || (place_ != Place::shape && place_ != Place::offsets)) unexpected("a list");
  return in_list_ = true;
}

bool SafetensorsSax::end_array() {
  leave();
  if (place_ == Place::offsets && offsets_ != 2) unexpected("one offset or none");
  in_list_ = false;
  place_ = Place::tensor;
  return true;
}

}  // namespace corepulse::io
