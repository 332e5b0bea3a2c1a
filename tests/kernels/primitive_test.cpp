#include "kernels/cpu/primitive.h"

#include <atomic>
#include <doctest/doctest.h>
#include <memory>
#include <stdexcept>

#include "corepulse/error.h"

#include "kernels/memory.h"
#include "kernels/parallel.h"
#include "numbers.h"

namespace corepulse {
namespace {

using kernels::cpu_op;
using Pointers = kernels::Inputs;

mx::array copied(const mx::array& x) {
  const size_t bytes = x.nbytes();
  return cpu_op("copy", {x}, x.shape(), [bytes](const Pointers& in, float* out) { std::memcpy(out, in[0], bytes); });
}

TEST_CASE("a kernel sees its inputs row-contiguous whatever their strides") {
  const auto x = normal({3, 4, 5, 6}, 1);
  const mx::array views[] = {x,
                             mx::transpose(x),
                             mx::transpose(x, {0, 2, 1, 3}),
                             as_slice(x),
                             strided(x),
                             mx::broadcast_to(normal({1, 4, 1, 6}, 2), {3, 4, 5, 6}),
                             mx::slice(x, {1, 3, 0, 5}, {3, 0, 5, 0}, {1, -1, 2, -2}),
                             mx::array(3.0f)};
  for (const auto& view : views) CHECK(same_bits(copied(view), view));
}

TEST_CASE("an exception in a kernel surfaces where the result is evaluated, and the next op runs") {
  const auto x = normal({4}, 1);
  auto broken = cpu_op("broken", {x}, {4}, [](const Pointers&, float*) { throw std::runtime_error("broken"); });
  CHECK_THROWS_AS(broken.eval(), std::runtime_error);
  CHECK(same_bits(copied(x), x));
}

TEST_CASE("what a kernel captures lives until it has run") {
  auto captured = std::make_shared<float>(2.0f);
  const std::weak_ptr<float> watch = captured;
  {
    auto y = cpu_op("fill", {}, {1}, [captured](const Pointers&, float* out) { *out = *captured; });
    captured.reset();
    CHECK_FALSE(watch.expired());
    CHECK(y.item<float>() == 2.0f);
  }
  copied(mx::array(1.0f)).eval();  // MLX lets go of a task when the next one starts
  CHECK(watch.expired());
}

TEST_CASE("an op without elements does not run, and inputs that are neither float32 nor bfloat16 are refused") {
  const auto never = [](const Pointers&, float*) { throw std::runtime_error("ran"); };
  CHECK(floats(cpu_op("never", {normal({4}, 1)}, {3, 0}, never)).empty());
  CHECK_THROWS_AS(cpu_op("never", {mx::zeros({4}, mx::float16)}, {4}, never), Error);
}

TEST_CASE("scratch memory is 64-byte aligned and grows") {
  for (const size_t bytes : {size_t{1}, size_t{1000}, size_t{10}, size_t{1} << 20}) {
    float* memory = kernels::scratch(bytes);
    CHECK(reinterpret_cast<uintptr_t>(memory) % 64 == 0);
    std::memset(memory, 0, bytes);
  }
}

TEST_CASE("parallel loops visit every index once, each worker number below threads()") {
  for (const int threads : {1, 2, 7}) {
    kernels::set_threads(threads);
    for (const int64_t n : {0, 1, 2, 1000}) {
      std::vector<std::atomic<int>> visits(static_cast<size_t>(n));
      std::atomic<bool> in_range = true;
      kernels::parallel_for(n, [&](int64_t i, int worker) {
        ++visits[static_cast<size_t>(i)];
        if (worker < 0 || worker >= threads) in_range = false;
      });
      CHECK(in_range);
      CHECK(std::all_of(visits.begin(), visits.end(), [](const auto& count) { return count == 1; }));
      int64_t total = 0;
      kernels::set_threads(1);
      kernels::parallel_ranges(n, 7, [&](int64_t begin, int64_t end) { total += end - begin; });
      kernels::set_threads(threads);
      CHECK(total == n);
    }
  }
  kernels::set_threads(0);
}

}  // namespace
}  // namespace corepulse
