#include "kernels/cpu/primitive.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <stdexcept>

#include "mlx/allocator.h"
#include "mlx/backend/cpu/encoder.h"
#include "mlx/primitives.h"

#include "base/fail.h"
#include "base/kept_error.h"
#include "kernels/cpu/profile.h"
#include "kernels/parallel.h"
#include "kernels/plain_weights.h"

namespace corepulse::kernels {

namespace {

/** Where a strided array lies, free of the array itself. */
struct Layout {
  ConstNumbers data;
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
template <class T>
void copy_row_contiguous(const T* data, const Layout& from, int64_t size, T* to) {
  const int last = static_cast<int>(from.shape.size()) - 1;
  const int64_t width = from.shape[last], stride = from.strides[last];
  const int64_t grain = std::max<int64_t>(1, 16384 / width);
  parallel_ranges(size / width, grain, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const T* source = data + offset_of(from, row, last);
      T* target = to + row * width;
      if (stride == 1) {
        std::memcpy(target, source, static_cast<size_t>(width) * sizeof(T));
      } else {
        for (int64_t i = 0; i < width; ++i) target[i] = source[i * stride];
      }
    }
  });
}

Numbers writable(mx::array& x) {
  if (x.dtype() == mx::bfloat16) return reinterpret_cast<BFloat16*>(x.data<uint16_t>());
  return x.data<float>();
}

// MLX's memory begins 8 bytes into a block: every wide load would touch two cache lines.
void allocate_aligned(mx::array& x) {
  constexpr size_t kLine = 64;
  mx::allocator::Data memory(mx::allocator::malloc(x.nbytes() + kLine - 1));
  const auto address = reinterpret_cast<uintptr_t>(memory.buffer().raw_ptr());
  const auto skipped = static_cast<int64_t>((kLine - address % kLine) % kLine);  // in bytes
  mx::array::Flags flags;
  flags.contiguous = flags.row_contiguous = true;
  const auto longest = std::max_element(x.shape().begin(), x.shape().end());
  flags.col_contiguous = x.size() <= 1 || static_cast<size_t>(*longest) == x.size();
  x.set_data(std::move(memory), x.size(), x.strides(), flags, skipped);
}

class CpuOp : public mx::Primitive {
 public:
  CpuOp(mx::Stream stream, const char* name, Kernel kernel)
      : mx::Primitive(stream), name_(name), kernel_(std::move(kernel)) {}

  void eval_cpu(const std::vector<mx::array>& inputs, std::vector<mx::array>& outputs) override {
    auto& encoder = mx::cpu::get_command_encoder(stream());
    Inputs in;
    for (const auto& input : inputs) in.push_back(contiguous_data(input, encoder));
    auto& out = outputs[0];
    allocate_aligned(out);
    encoder.set_output_array(out);
    encoder.dispatch([kernel = kernel_, name = name_, shape = out.shape(), in = std::move(in), to = writable(out)] {
      const KernelTimer timer(name, shape);
      try {
        kernel(in, to);
      } catch (const Error& error) {  // of a file that weights are read from
        keep_error(error);
        throw;
      }
    });
  }

  void eval_gpu(const std::vector<mx::array>&, std::vector<mx::array>&) override {
    fail(ErrorCode::internal, name_, "a CPU kernel was asked to run on a GPU; expected a CPU stream");
  }

  const char* name() const override { return name_; }

 private:
  static ConstNumbers contiguous_data(const mx::array& input, mx::cpu::CommandEncoder& encoder) {
    encoder.set_input_array(input);
    if (input.flags().row_contiguous) return numbers_of(input);
    mx::array copy(input.shape(), input.dtype(), nullptr, {});
    allocate_aligned(copy);
    const Numbers to = writable(copy);
    encoder.dispatch([from = Layout{numbers_of(input), input.shape(), input.strides()},
                      size = static_cast<int64_t>(input.size()), to] {
      to.visit([&]<class T>(T* target) {
        copy_row_contiguous(static_cast<const T*>(from.data.data()), from, size, target);
      });
    });
    encoder.add_temporary(std::move(copy));  // MLX keeps it until what was dispatched before has run
    return to;
  }

  const char* name_;
  Kernel kernel_;
};

}  // namespace

mx::array cpu_op(const char* name, std::vector<mx::array> inputs, mx::Shape shape, Kernel kernel) {
  for (const auto& input : inputs) {
    if (input.dtype() != mx::float32 && input.dtype() != mx::bfloat16)
      fail(ErrorCode::internal, name, "an input is neither float32 nor bfloat16, which are computed on the CPU");
  }
  const auto dtype = inputs.empty() ? mx::float32 : inputs[0].dtype();
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return mx::zeros(shape, dtype);
  const auto stream = mx::default_stream(mx::Device::cpu);
  return mx::array(std::move(shape), dtype, std::make_shared<CpuOp>(stream, name, std::move(kernel)),
                   std::move(inputs));
}

}  // namespace corepulse::kernels
