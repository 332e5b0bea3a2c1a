#include "adapters/stored.h"

#include <cmath>
#include <cstring>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/fail.h"
#include "io/tensors/stored_type.h"
#include "io/utf8.h"
#include "nn/stored.h"

namespace corepulse::adapters {
namespace {

template <class T>
double number_at(const std::byte* data) {
  T value;
  std::memcpy(&value, data, sizeof value);
  return static_cast<double>(value);
}

}  // namespace

Sizes squeezed(Sizes shape) {
  while (shape.size() > 2 && shape.back() == 1) shape.pop_back();
  return shape;
}

int64_t product_of(const Sizes& sizes, size_t from) {
  int64_t n = 1;
  for (size_t i = from; i < sizes.size(); ++i) n *= sizes[i];
  return n;
}

std::string shown(const Sizes& sizes) {
  return fmt::format("[{}]", fmt::join(sizes, ", "));
}

Sizes Stored::sizes() const {
  return squeezed(view.shape);
}

void Stored::refuse(std::string_view what) const {
  fail(ErrorCode::bad_file, "adapter", fmt::format("{}: tensor {} {}", source->path, io::printable(key, 200), what));
}

std::vector<float> Stored::read() const {
  if (source->mapping) source->mapping->check_unchanged();
  const auto array = nn::to_array(view, {static_cast<int>(view.elements())}, mx::float32);
  if (source->mapping) source->mapping->give_back({view.data, view.bytes});
  std::vector<float> numbers(array.data<float>(), array.data<float>() + array.size());
  for (const float x : numbers)
    if (!std::isfinite(x)) refuse("holds numbers that are not finite; the file is damaged, or its training failed");
  return numbers;
}

double Stored::scalar() const {
  using enum io::StoredType;
  if (view.elements() != 1) refuse(fmt::format("is {}; expected one number", shown(view.shape)));
  if (nn::is_number(view.type)) return read()[0];
  if (source->mapping) source->mapping->check_unchanged();
  switch (view.type) {
    case i8:
      return number_at<int8_t>(view.data);
    case i16:
      return number_at<int16_t>(view.data);
    case i32:
      return number_at<int32_t>(view.data);
    case i64:
      return number_at<int64_t>(view.data);
    default:
      return number_at<uint8_t>(view.data);
  }
}

const Stored* Layer::take(std::string_view slot) {
  const auto found = parts.find(slot);
  if (found == parts.end()) return nullptr;
  used_[slot] = true;
  return &found->second;
}

const Stored& Layer::need(std::string_view slot) {
  if (const auto* stored = take(slot)) return *stored;
  refuse(fmt::format("has no {} beside it", slot));
}

const Stored& Layer::need(std::string_view slot, const Sizes& sizes) {
  const auto& stored = need(slot);
  const auto given = stored.sizes();
  bool fits = given.size() == sizes.size();
  for (size_t i = 0; fits && i < sizes.size(); ++i) fits = sizes[i] ? given[i] == sizes[i] : given[i] <= kMostRank;
  if (!fits) {
    std::vector<std::string> expected;
    for (const auto size : sizes) expected.push_back(size ? std::to_string(size) : "rank");
    stored.refuse(fmt::format("is {}; expected [{}] for a layer of {}; the adapter was made for another model",
                              shown(stored.view.shape), fmt::join(expected, ", "), shown(weight)));
  }
  return stored;
}

const Stored& Layer::need_flat(std::string_view slot, int64_t rows) {
  if (has(slot) && parts.at(slot).view.shape.size() == 2) return need(slot, {rows, product_of(weight, 1)});
  auto sizes = inputs();
  sizes.insert(sizes.begin(), rows);
  return need(slot, sizes);
}

std::vector<const Stored*> Layer::left() const {
  std::vector<const Stored*> result;
  for (const auto& [slot, stored] : parts)
    if (!used_.contains(slot)) result.push_back(&stored);
  return result;
}

void Layer::refuse(std::string_view what) const {
  parts.begin()->second.refuse(what);
}

double Layer::scale_of(int64_t rank) {
  if (const auto* alpha = take("alpha")) {
    const double value = alpha->scalar();
    // Trainers write 0 for "as the rank".
    return value == 0 ? 1 : value / static_cast<double>(rank);
  }
  if (!peft) return 1;
  const double r = peft->rank.value_or(static_cast<double>(rank));
  return peft->alpha / (peft->square_root ? std::sqrt(r) : r);
}

float Layer::scale(int64_t rank) {
  const auto scale = static_cast<float>(scale_of(rank));
  if (!std::isfinite(scale)) refuse("has an alpha beyond the numbers of float32");
  return scale;
}

}  // namespace corepulse::adapters
