// The kernels on plain memory read and write nothing beyond their arrays: each array ends where a forbidden page
// begins, and in another run begins where one ends.
#include <doctest/doctest.h>
#include <memory>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

#include "kernels/amx/attention.h"
#include "kernels/amx/product.h"
#include "kernels/convert.h"
#include "kernels/cpu/simd/activation.h"
#include "kernels/cpu/simd/attention.h"
#include "kernels/cpu/simd/norm.h"
#include "kernels/device.h"

namespace corepulse::kernels {
namespace {

enum class Side { begin, end } guarded = Side::end;

/** n numbers of T, the byte before the first or after the last of which must not be touched. */
template <class T>
class Guarded {
 public:
  explicit Guarded(int64_t n) {
    const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE)), bytes = static_cast<size_t>(n) * sizeof(T);
    size_ = (bytes + page - 1) / page * page + 2 * page;
    memory_ = static_cast<char*>(::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    REQUIRE(memory_ != MAP_FAILED);
    REQUIRE(::mprotect(memory_, page, PROT_NONE) == 0);
    REQUIRE(::mprotect(memory_ + size_ - page, page, PROT_NONE) == 0);
    data_ = reinterpret_cast<T*>(guarded == Side::end ? memory_ + size_ - page - bytes : memory_ + page);
    for (int64_t i = 0; i < n; ++i) assign(data_[i], static_cast<float>(i % 7) - 3);
  }
  ~Guarded() { ::munmap(memory_, size_); }
  Guarded(const Guarded&) = delete;
  operator T*() const { return data_; }

 private:
  char* memory_;
  size_t size_;
  T* data_;
};

template <class T>
void run_elementwise(int64_t n) {
  const Guarded<T> a(n), b(n), y(n);
  for (const auto f : {Activation::silu, Activation::gelu, Activation::quick_gelu})
    activate(f, static_cast<const T*>(a), static_cast<T*>(y), n);
  multiply_gelu(static_cast<const T*>(a), static_cast<const T*>(b), static_cast<T*>(y), n);
  sum(static_cast<const T*>(a), static_cast<const T*>(b), static_cast<T*>(y), n);
}

template <class T>
void run_norms(int64_t rows, int64_t channels) {
  const Guarded<T> x(rows * channels), y(rows * channels);
  const Guarded<float> mean(channels), rest(channels), scale(channels), shift(channels);
  std::vector<Moments> moments(1);
  add_moments(static_cast<const T*>(x), rows, channels, 0, channels, moments.data());
  for (const bool silu : {false, true})
    normalize_channels(static_cast<const T*>(x), static_cast<T*>(y), rows, channels, channels,
                       {mean, rest, scale, shift}, silu);
  normalize_rows(static_cast<const T*>(x), static_cast<T*>(y), rows, channels, scale, shift, 1e-5f);
}

template <class T>
void run_attention(int64_t queries, int64_t keys, int64_t heads, int64_t size, bool causal) {
  const Guarded<T> q(queries * heads * size), k(keys * heads * size), v(keys * heads * size), y(queries * heads * size);
  const Guarded<float> bias(keys);
  AttentionTask task{
      .batch = 1, .heads = heads, .queries = queries, .keys = keys, .size = size, .scale = 0.1f, .causal = causal};
  task.q = static_cast<const T*>(q), task.k = static_cast<const T*>(k), task.v = static_cast<const T*>(v);
  task.bias = bias, task.out = static_cast<T*>(y);
  plan_attention(task);
  const std::unique_ptr<float[], void (*)(float*)> memory(
      static_cast<float*>(
          std::aligned_alloc(64, sizeof(float) * static_cast<size_t>(heads * (task.packed_keys + task.packed_values) +
                                                                     task.packed_bias + task.workspace))),
      [](float* p) { std::free(p); });
  task.key_store = memory.get();
  task.value_store = task.key_store + heads * task.packed_keys;
  task.bias_store = task.value_store + heads * task.packed_values;
  pack_attention_bias(task, 0);
  for (int64_t unit = 0; unit < task.pack_units(); ++unit) pack_attention(task, unit);
  for (int64_t unit = 0; unit < task.units(); ++unit) attend(task, unit, task.bias_store + task.packed_bias);
}

void run_conversions(int64_t n) {
  const Guarded<BFloat16> half(n), narrow(n);  // 16 bits are 16 bits
  const Guarded<float> wide(n);
  const auto count = static_cast<size_t>(n);
  f16_to_f32(static_cast<BFloat16*>(half), wide, count);
  bf16_to_f32(static_cast<BFloat16*>(half), wide, count);
  f16_to_bf16(static_cast<BFloat16*>(half), narrow, count);
  f32_to_bf16(wide, narrow, count);
}

template <class T>
void run_all() {
  for (const int64_t n : {1, 7, 15, 16, 17, 63, 64, 100}) run_elementwise<T>(n);
  for (const int64_t channels : {1, 3, 15, 16, 33, 64, 100})
    for (const int64_t rows : {1, 2, 7}) run_norms<T>(rows, channels);
  for (const int64_t size : {1, 7, 40, 64, 80, 160, 257, 512})
    for (const auto& [queries, keys] : {std::pair<int64_t, int64_t>{1, 1}, {5, 77}, {7, 131}, {97, 17}})
      for (const bool causal : {false, true}) run_attention<T>(queries, keys, 2, size, causal);
}

template <class T>
void attend_on_tiles(int64_t queries, int64_t keys, int64_t size, bool plain) {
  const Guarded<T> q(queries * 2 * size), k(keys * 2 * size), v(keys * 2 * size), y(queries * 2 * size);
  const Guarded<float> bias(keys);
  const auto numbers = [](const Guarded<T>& x) { return ConstNumbers(static_cast<const T*>(x)); };
  attend_with_tiles({1, 2, queries, keys, size, 0.1f, numbers(q), numbers(k), numbers(v), bias, static_cast<T*>(y)},
                    plain);
}

template <class T>
void multiply_on_tiles(int64_t rows, bool plain) {
  constexpr bool kSplit = std::is_same_v<T, float>;
  constexpr int64_t kOut = 64, kIn = 32, kParts = kSplit ? 2 : 1;
  const Guarded<T> w(kOut * kIn), x(rows * kIn), added(rows * kOut), y(rows * kOut);
  const Guarded<BFloat16> packed(kOut * kIn * kParts), gated(rows * kOut / 2 * kParts);
  const Guarded<float> b(kOut);
  pack_tiles(static_cast<const T*>(w), kOut, kIn, packed);
  TileProduct p{.w = {packed, b, kOut, kIn, kSplit}, .x = static_cast<const T*>(x), .width = kIn, .rows = rows};
  p.added = static_cast<const T*>(added), p.y = static_cast<T*>(y);
  const Guarded<float> workspace(tile_product_workspace(p) / 4);
  run_tile_product(p, workspace, plain);
  p.gated = true, p.added = {}, p.y = static_cast<BFloat16*>(gated);
  run_tile_product(p, workspace, plain);
  const Guarded<T> wide(9 * kOut * kIn);
  const Guarded<BFloat16> wide_packed(9 * kOut * kIn * kParts);
  pack_tiles(static_cast<const T*>(wide), kOut, 9 * kIn, wide_packed, 9);
  run_tile_conv({1, rows, 1, kIn, kOut}, {wide_packed, b, kOut, 9 * kIn, kSplit}, static_cast<const T*>(x), {},
                static_cast<const T*>(added), static_cast<T*>(y), plain);
}

void run_kernels() {
  run_all<float>();
  run_all<BFloat16>();
  for (const int64_t n : {1, 7, 16, 33, 100}) run_conversions(n);
  for (const int64_t size : {1, 7, 40, 64, 80, 160, 257, 512}) {
    for (const auto& [queries, keys] : {std::pair<int64_t, int64_t>{1, 1}, {5, 77}, {7, 131}, {97, 17}}) {
      for (const bool plain : {true, false}) {
        if (!(plain ? has_tile_vectors() : has_tiles())) continue;
        attend_on_tiles<float>(queries, keys, size, plain);
        attend_on_tiles<BFloat16>(queries, keys, size, plain);
        multiply_on_tiles<float>(queries, plain);
        multiply_on_tiles<BFloat16>(queries, plain);
      }
    }
  }
}

TEST_CASE("no kernel touches memory beyond its arrays") {
  for (const Side side : {Side::begin, Side::end}) {
    guarded = side;
    run_kernels();
  }
  CHECK(true);  // reached: a touched page would have ended the program
}

}  // namespace
}  // namespace corepulse::kernels
