#include "kernels/primitive.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <stdexcept>

#include "mlx/allocator.h"
#include "mlx/backend/cpu/encoder.h"
#include "mlx/primitives.h"

#include "base/fail.h"
#include "kernels/parallel.h"
#include "kernels/profile.h"

namespace corepulse::kernels {
namespace {

/** Where a strided array lies, free of the array itself. */
struct Layout {
  const float* data;
  mx::Shape shape;
  mx::Strides strides;
};

int64_t offset_of(const Layout& from, int64_t index, int dims) {
  int64_t offset = 0;
  for (int d = dims - 1; d >= 0; --d) {
    offset += index % from.shape[d] * from.strides[d];
    index /= from.shape[d];
  }
  return offset;
}

// Rows along the last axis: most strided inputs are slices of channels, whose rows are contiguous.
void copy_row_contiguous(const Layout& from, int64_t size, float* to) {
  const int last = static_cast<int>(from.shape.size()) - 1;
  const int64_t width = from.shape[last], stride = from.strides[last];
  const int64_t grain = std::max<int64_t>(1, 16384 / width);
  parallel_ranges(size / width, grain, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float* source = from.data + offset_of(from, row, last);
      float* target = to + row * width;
      if (stride == 1) {
        std::memcpy(target, source, static_cast<size_t>(width) * sizeof(float));
      } else {
        for (int64_t i = 0; i < width; ++i) target[i] = source[i * stride];
      }
    }
  });
}

class CpuOp : public mx::Primitive {
 public:
  CpuOp(mx::Stream stream, const char* name, Kernel kernel)
      : mx::Primitive(stream), name_(name), kernel_(std::move(kernel)) {}

  void eval_cpu(const std::vector<mx::array>& inputs, std::vector<mx::array>& outputs) override {
    auto& encoder = mx::cpu::get_command_encoder(stream());
    std::vector<const float*> in;
    for (const auto& input : inputs) in.push_back(contiguous_data(input, encoder));
    auto& out = outputs[0];
    out.set_data(mx::allocator::malloc(out.nbytes()));
    encoder.set_output_array(out);
    encoder.dispatch([kernel = kernel_, name = name_, shape = out.shape(), in = std::move(in), to = out.data<float>()] {
      const KernelTimer timer(name, shape);
      kernel(in, to);
    });
  }

  void eval_gpu(const std::vector<mx::array>&, std::vector<mx::array>&) override {
    fail(ErrorCode::internal, name_, "a CPU kernel was asked to run on a GPU; expected a CPU stream");
  }

  const char* name() const override { return name_; }

 private:
  static const float* contiguous_data(const mx::array& input, mx::cpu::CommandEncoder& encoder) {
    encoder.set_input_array(input);
    if (input.flags().row_contiguous) return input.data<float>();
    mx::array copy(input.shape(), mx::float32, nullptr, {});
    copy.set_data(mx::allocator::malloc(copy.nbytes()));
    float* to = copy.data<float>();
    encoder.dispatch([from = Layout{input.data<float>(), input.shape(), input.strides()},
                      size = static_cast<int64_t>(input.size()), to] { copy_row_contiguous(from, size, to); });
    encoder.add_temporary(std::move(copy));  // MLX keeps it until what was dispatched before has run
    return to;
  }

  const char* name_;
  Kernel kernel_;
};

}  // namespace

mx::array cpu_op(const char* name, std::vector<mx::array> inputs, mx::Shape shape, Kernel kernel) {
  for (const auto& input : inputs) {
    if (input.dtype() != mx::float32)
      fail(ErrorCode::internal, name, "an input is not float32; expected float32 on the CPU");
  }
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return mx::zeros(shape, mx::float32);
  const auto stream = mx::default_stream(mx::Device::cpu);
  return mx::array(std::move(shape), mx::float32, std::make_shared<CpuOp>(stream, name, std::move(kernel)),
                   std::move(inputs));
}

float* scratch(size_t bytes) {
  struct Free {
    void operator()(float* p) const { ::operator delete[](p, std::align_val_t(64)); }
  };
  thread_local std::unique_ptr<float, Free> memory;
  thread_local size_t capacity = 0;
  if (bytes > capacity) {
    memory.reset();
    capacity = 0;
    memory.reset(static_cast<float*>(::operator new[](bytes, std::align_val_t(64))));
    capacity = bytes;
  }
  return memory.get();
}

}  // namespace corepulse::kernels
