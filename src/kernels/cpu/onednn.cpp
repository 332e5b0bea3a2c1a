#include "kernels/cpu/onednn.h"

#include <fmt/format.h>
#include <omp.h>
#include <string_view>
#include <unordered_map>

#include "mlx/ops.h"

#include "base/fail.h"
#include "kernels/cpu/cpu.h"
#include "kernels/device.h"
#include "kernels/memory.h"

namespace corepulse::kernels {
namespace {

constexpr size_t kMaxPlans = 64;

// A oneDNN stream is cheap and not thread-safe; MLX runs each of its streams on one thread.
dnnl::stream& onednn_stream() {
  thread_local dnnl::stream stream(onednn_engine());
  return stream;
}

[[noreturn]] void rethrow(const dnnl::error& error) {
  if (error.status == dnnl_out_of_memory)
    fail(ErrorCode::out_of_memory, "onednn", "out of memory; free memory or use a smaller picture");
  fail(ErrorCode::internal, "onednn", fmt::format("{} (status {})", error.what(), static_cast<int>(error.status)));
}

dnnl::memory reordered(dnnl::memory from, const dnnl::memory::desc& format) {
  dnnl::memory to(format, onednn_engine());
  dnnl::reorder(from, to).execute(onednn_stream(), from, to);
  onednn_stream().wait();
  return to;
}

// oneDNN's plain loops: a hundred times slower than a packing made for the shape.
bool is_reference(const dnnl::primitive_desc& desc) {
  return std::string_view(desc.impl_info_str()).substr(0, 3) == "ref";
}

}  // namespace

const dnnl::engine& onednn_engine() {
  // Never destroyed: primitives in other statics may outlive any order of destruction.
  static const auto* engine = new dnnl::engine(dnnl::engine::kind::cpu, 0);
  return *engine;
}

mx::array sum_of(const mx::array& x, const mx::array& y) {
  const auto sum = cpu::add(x, y);
  return sum ? *sum : x + y;
}

dnnl::memory::data_type onednn_type(mx::Dtype dtype) {
  return dtype == mx::bfloat16 ? dnnl::memory::data_type::bf16 : dnnl::memory::data_type::f32;
}

dnnl::primitive_attr onednn_attributes() {
  dnnl::primitive_attr attributes;
  // The library's own scratchpad belongs to the creating thread: executing on another one crashes.
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

dnnl::primitive_desc describe_product(int64_t rows, bool bias, const dnnl::memory::desc& weights) {
  using Format = dnnl::memory::format_tag;
  const int64_t out = weights.dims()[0], in = weights.dims()[1];
  const auto type = weights.data_type();
  const auto bias_desc = bias ? dnnl::memory::desc({out}, kBiasType, Format::x) : dnnl::memory::desc();
  return dnnl::inner_product_forward::primitive_desc({dnnl::prop_kind::forward_inference,
                                                      {{rows, in}, type, Format::ab},
                                                      weights,
                                                      bias_desc,
                                                      {{rows, out}, type, Format::ab}},
                                                     onednn_attributes(), onednn_engine());
}

OnednnWeights::OnednnWeights(std::shared_ptr<PlainWeights> plain, dnnl::memory::desc layout)
    : plain_(std::move(plain)), layout_(std::move(layout)) {}

dnnl::memory::desc OnednnWeights::any_format() const {
  return {layout_.dims(), layout_.data_type(), dnnl::memory::format_tag::any};
}

void OnednnWeights::pack(const Describe& describe) {
  const auto plain = plain_->arrays();
  // oneDNN only reads it; its handle type is not const.
  const dnnl::memory weight(layout_, onednn_engine(), const_cast<void*>(plain.at(0).data<void>()));
  if (plain_->has_bias()) packed_bias_.assign(plain[1].data<float>(), plain[1].data<float>() + layout_.dims()[0]);
  packed_.push_back(reordered(weight, describe(any_format()).weights_desc()));
  plain_->drop();
}

dnnl::memory OnednnWeights::packed_as(const dnnl::memory::desc& format) {
  for (const auto& held : packed_) {
    if (held.get_desc() == format) return held;
  }
  packed_.push_back(reordered(packed_[0], format));
  return packed_.back();
}

OnednnPlan OnednnWeights::make_plan(const Describe& describe) {
  dnnl::primitive_desc desc;
  try {
    desc = describe(packed_[0].get_desc());
  } catch (const dnnl::error&) {  // no kernel for this shape reads the format that is held
  }
  if (!desc.get(true) || is_reference(desc)) desc = describe(any_format());
  const auto query = [&](dnnl::query what, int index) { return desc.query_md(what, index); };
  return {dnnl::primitive(desc), packed_as(query(dnnl::query::weights_md, 0)), query(dnnl::query::src_md, 0),
          query(dnnl::query::dst_md, 0), query(dnnl::query::scratchpad_md, 0)};
}

OnednnPlan OnednnWeights::plan(const std::vector<int64_t>& shape, const Describe& describe) {
  const std::lock_guard lock(mutex_);
  if (packed_.empty()) pack(describe);
  auto key = shape;
  key.push_back(threads());  // a primitive is made for a number of threads
  if (const auto known = plans_.find(key); known != plans_.end()) return known->second;
  if (plans_.size() >= kMaxPlans) plans_.clear();
  return plans_[key] = make_plan(describe);
}

void OnednnWeights::run(ConstNumbers source, Numbers out, const std::vector<int64_t>& shape,
                        const Describe& describe) try {
  if (source.bf16() != (layout_.data_type() == dnnl::memory::data_type::bf16))
    fail(ErrorCode::internal, "onednn", "input and weights are of different types; expected one");
  omp_set_num_threads(threads());
  const OnednnPlan p = plan(shape, describe);
  const auto& engine = onednn_engine();
  std::unordered_map<int, dnnl::memory> arguments{
      {DNNL_ARG_SRC, dnnl::memory(p.source, engine, const_cast<void*>(source.data()))},
      {DNNL_ARG_WEIGHTS, p.weights},
      {DNNL_ARG_DST, dnnl::memory(p.target, engine, out.data())}};
  if (plain_->has_bias()) {
    const dnnl::memory::desc desc({layout_.dims()[0]}, kBiasType, dnnl::memory::format_tag::x);
    arguments[DNNL_ARG_BIAS] = dnnl::memory(desc, engine, packed_bias_.data());
  }
  if (const size_t bytes = p.scratchpad.get_size())
    arguments[DNNL_ARG_SCRATCHPAD] = dnnl::memory(p.scratchpad, engine, scratch(bytes));
  p.primitive.execute(onednn_stream(), arguments);
  onednn_stream().wait();
} catch (const dnnl::error& error) {
  rethrow(error);
}

}  // namespace corepulse::kernels
