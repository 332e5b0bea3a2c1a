// Each thread computes 16 bytes of a row.
constexpr unsigned V = 16 / sizeof(T);
const unsigned loads = width / V, all = rows * loads;
const unsigned u = blockIdx.x * THREADS + threadIdx.x;
if (u >= all) return;
const long long row = u / loads, c = u % loads * V;
const T* from = x + row * 2 * width + c;
uint4 values = __ldg(reinterpret_cast<const uint4*>(from));
const uint4 gates = __ldg(reinterpret_cast<const uint4*>(from + width));
for (int j = 0; j < V; ++j) {
  T& value = reinterpret_cast<T*>(&values)[j];
  const float g = static_cast<float>(reinterpret_cast<const T*>(&gates)[j]);
  value = static_cast<T>(static_cast<float>(value) * (0.5f * g * (1.f + erff(g * 0.70710678f))));
}
*reinterpret_cast<uint4*>(y + row * width + c) = values;
