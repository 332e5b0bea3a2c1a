#include "nn/weights.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unordered_map>

#include "base/fail.h"
#include "io/tensors/stored_type.h"
#include "nn/stored.h"

namespace corepulse::nn {

struct Weights::Bundle {
  struct Entry {
    io::TensorView view;
    bool taken = false;
  };
  std::unordered_map<std::string, Entry> entries;
  std::string component;
  mx::Dtype dtype;
  Files files;
  bool int8;
  Additions additions;
  bool header = false;

  /** What `convert` makes of the tensor's bytes. */
  template <class Convert>
  mx::array read(const io::TensorView& view, Convert convert) const {
    if (header) fail(ErrorCode::internal, component, "a network built from headers alone is used");
    for (const auto& file : files) file->check_unchanged();
    auto array = convert(view);
    for (const auto& file : files) file->give_back({view.data, view.bytes});
    return array;
  }
  /** read, when it is asked for. */
  template <class Convert>
  static kernels::LazyArray later(std::shared_ptr<Bundle> bundle, io::TensorView view, mx::Shape shape,
                                  Convert convert) {
    const auto dtype = bundle->dtype;
    const bool int8 = bundle->int8;
    return {std::move(shape), dtype,
            [bundle = std::move(bundle), view = std::move(view), convert] { return bundle->read(view, convert); },
            int8};
  }
};

namespace {

/** `convert` of the tensor with what is added to it. */
template <class Convert>
auto plus(Addition add, Convert convert) {
  return [add = std::move(add), convert](const io::TensorView& view) {
    auto sum = original_of(view);
    const auto added = add(sum);
    check_shape(added, sum.shape(), "weights");
    auto* const to = sum.data<float>();
    const auto* const from = added.data<float>();
    for (size_t i = 0; i < sum.size(); ++i) to[i] += from[i];
    const io::TensorView changed{.type = io::StoredType::f32,
                                 .shape = {sum.shape().begin(), sum.shape().end()},
                                 .data = sum.data<std::byte>(),
                                 .bytes = sum.nbytes()};
    return convert(changed);
  };
}

}  // namespace

Weights::Weights(io::Tensors tensors, std::string component, mx::Dtype dtype, Files files, bool int8,
                 std::shared_ptr<Made> made, Additions additions)
    : bundle_(std::make_shared<Bundle>(
          Bundle{{}, std::move(component), dtype, std::move(files), int8, std::move(additions)})),
      made_(std::move(made)) {
  bundle_->entries.reserve(tensors.size());
  for (auto& [name, view] : tensors) bundle_->entries.emplace(name, Bundle::Entry{std::move(view)});
}

Weights Weights::header(io::Tensors tensors, std::string component) {
  Weights result(std::move(tensors), std::move(component), mx::float32);
  result.bundle_->header = true;
  return result;
}

Weights::Weights(std::shared_ptr<Bundle> bundle, std::shared_ptr<Made> made, std::string prefix)
    : bundle_(std::move(bundle)), made_(std::move(made)), prefix_(std::move(prefix)) {}

Weights Weights::operator/(std::string_view child) const {
  return {bundle_, made_, prefix_ + std::string(child) + "."};
}

bool Weights::has(std::string_view name) const {
  return bundle_->entries.contains(prefix_ + std::string(name));
}

const std::vector<int64_t>& Weights::stored_shape(std::string_view name) const {
  const auto found = bundle_->entries.find(prefix_ + std::string(name));
  if (found == bundle_->entries.end())
    fail(ErrorCode::unsupported_model, bundle_->component,
         fmt::format("tensor {}{} is missing; the configuration needs it; use a complete checkpoint", prefix_, name));
  return found->second.view.shape;
}

const io::TensorView& Weights::use(std::string_view name, const std::vector<std::vector<int64_t>>& shapes) const {
  const auto& stored = stored_shape(name);
  auto& entry = bundle_->entries.at(prefix_ + std::string(name));
  if (!is_number(entry.view.type))
    fail(ErrorCode::unsupported_model, bundle_->component,
         fmt::format(
             "tensor {}{} is stored as {}; expected F16, BF16, F32, F64 or F8; use the model's F16 or F32 version",
             prefix_, name, io::name(entry.view.type)));
  if (std::find(shapes.begin(), shapes.end(), stored) == shapes.end())
    fail(ErrorCode::unsupported_model, bundle_->component,
         fmt::format("tensor {}{} is [{}]; expected [{}]; the file does not match its configuration", prefix_, name,
                     fmt::join(stored, ", "), fmt::join(shapes.front(), ", ")));
  if (entry.taken)
    fail(ErrorCode::internal, bundle_->component, fmt::format("tensor {}{} is taken twice", prefix_, name));
  entry.taken = true;
  return entry.view;
}

Addition Weights::addition(std::string_view name) const {
  const auto found = bundle_->additions.find(prefix_ + std::string(name));
  return found == bundle_->additions.end() ? Addition() : found->second;
}

mx::array Weights::take_as(std::string_view name, const mx::Shape& shape, mx::Dtype dtype) const {
  const auto& view = use(name, {{shape.begin(), shape.end()}});
  if (bundle_->header) return kernels::LazyArray::placeholder(shape);
  const auto convert = [&](const io::TensorView& stored) { return to_array(stored, shape, dtype); };
  if (const auto add = addition(name)) return bundle_->read(view, plus(add, convert));
  auto& arrays = made_->arrays;
  const auto full = prefix_ + std::string(name);
  if (const auto found = arrays.find(full); found != arrays.end()) return found->second;
  return arrays.emplace(full, bundle_->read(view, convert)).first->second;
}

kernels::Linear Weights::linear(int out, int in, bool bias) const {
  auto& linears = made_->linears;
  const auto name = prefix_ + "weight";
  const bool own = addition("weight") || (bias && addition("bias")) || bundle_->header;
  const auto found = own ? linears.end() : linears.find(name);
  kernels::Linear layer(take_matrix("weight", out, in), bias ? std::optional(take_bias("bias", out)) : std::nullopt);
  if (found != linears.end()) return found->second;
  return own ? layer : linears.emplace(name, std::move(layer)).first->second;
}

kernels::Conv2d Weights::conv2d(int out, int in, int k, int stride, kernels::Padding padding) const {
  auto& convolutions = made_->convolutions;
  const auto name = prefix_ + "weight";
  const bool own = addition("weight") || addition("bias") || bundle_->header;
  const auto found = own ? convolutions.end() : convolutions.find(name);
  kernels::Conv2d layer(take_conv("weight", out, in, k), take_bias("bias", out), stride, padding);
  if (found != convolutions.end()) return found->second;
  return own ? layer : convolutions.emplace(name, std::move(layer)).first->second;
}

mx::array Weights::take(std::string_view name, const mx::Shape& shape) const {
  return take_as(name, shape, bundle_->dtype);
}

mx::array Weights::take_bias(std::string_view name, int width) const {
  return bundle_->dtype == mx::bfloat16 ? take_float32(name, {width}) : take(name, {width});
}

mx::array Weights::take_float32(std::string_view name, const mx::Shape& shape) const {
  return take_as(name, shape, mx::float32);
}

kernels::LazyArray Weights::take_matrix(std::string_view name, int out, int in) const {
  const mx::Shape shape{out, in};
  const auto dtype = bundle_->dtype;
  const std::vector<int64_t> plain{out, in}, convolution{out, in, 1, 1}, turned{in, out};
  const bool transposed = has(name) && bundle_->entries.at(prefix_ + std::string(name)).view.transposed;
  const auto straight = [shape, dtype](const io::TensorView& view) { return to_array(view, shape, dtype); };
  using Shapes = std::vector<std::vector<int64_t>>;
  const auto& view = use(name, transposed ? Shapes{turned} : Shapes{plain, convolution});
  if (auto add = addition(name)) return Bundle::later(bundle_, view, shape, plus(std::move(add), straight));
  if (!transposed) return Bundle::later(bundle_, view, shape, straight);
  return Bundle::later(bundle_, view, shape,
                       [dtype](const io::TensorView& stored) { return transpose_matrix(stored, dtype); });
}

kernels::LazyArray Weights::take_conv(std::string_view name, int out, int in, int k) const {
  std::vector<std::vector<int64_t>> shapes{{out, in, k, k}};
  if (k == 1) shapes.push_back({out, in});
  const auto& view = use(name, shapes);
  const mx::Shape shape{out, k, k, in};
  const auto convert = [=, dtype = bundle_->dtype](const io::TensorView& stored) {
    return to_ohwi(stored, out, in, k, dtype);
  };
  if (auto add = addition(name)) return Bundle::later(bundle_, view, shape, plus(std::move(add), convert));
  return Bundle::later(bundle_, view, shape, convert);
}

void Weights::require_all_taken() const {
  std::vector<std::string> left;
  for (const auto& [name, addition] : bundle_->additions)
    if (!bundle_->entries.contains(name))
      fail(ErrorCode::internal, bundle_->component, fmt::format("something is added to {}, which is no tensor", name));
  for (const auto& [name, entry] : bundle_->entries)
    if (!entry.taken) left.push_back(name);
  if (left.empty()) return;
  std::sort(left.begin(), left.end());
  const size_t total = left.size();
  if (left.size() > 5) left.resize(5);
  fail(ErrorCode::unsupported_model, bundle_->component,
       fmt::format("{} tensor(s) of the file belong to no layer: {}{}; the model has parts this "
                   "program would ignore",
                   total, fmt::join(left, ", "), total > 5 ? ", ..." : ""));
}

mx::Dtype Weights::dtype() const {
  return bundle_->dtype;
}

}  // namespace corepulse::nn
