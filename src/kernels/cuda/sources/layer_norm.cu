// A warp holds a row in registers: mean first, then the squares of what differs from it. The row is x, or x + other,
// which is then stored too, with `carried` added to it if it `carries` that.
constexpr int V = 16 / sizeof(T);
const int lane = threadIdx.x % 32, row = blockIdx.x * (THREADS / 32) + threadIdx.x / 32;
if (row >= rows) return;
const long long start = (long long)row * C;
float values[LOADS][V];
float total = 0;
#pragma unroll
for (int i = 0; i < LOADS; ++i) {
  const int c = (i * 32 + lane) * V;
  if (c < C) {
    uint4 packed = __ldg(reinterpret_cast<const uint4*>(x + start + c));
    T* numbers = reinterpret_cast<T*>(&packed);
    if (SUM) {
      const uint4 more = __ldg(reinterpret_cast<const uint4*>(other + start + c));
      for (int j = 0; j < V; ++j)
        numbers[j] = static_cast<T>(static_cast<float>(numbers[j]) +
                                    static_cast<float>(reinterpret_cast<const T*>(&more)[j]));
    }
    for (int j = 0; j < V; ++j) values[i][j] = static_cast<float>(numbers[j]), total += values[i][j];
    if (SUM) {
      if (carries) {
        const uint4 more = __ldg(reinterpret_cast<const uint4*>(carried + c));
        for (int j = 0; j < V; ++j)
          numbers[j] = static_cast<T>(values[i][j] + static_cast<float>(reinterpret_cast<const T*>(&more)[j]));
      }
      *reinterpret_cast<uint4*>(sum + start + c) = packed;
    }
  }
}
const float mean = sum_of_warp(total) / C;
float squares = 0;
#pragma unroll
for (int i = 0; i < LOADS; ++i)
  if ((i * 32 + lane) * V < C)
    for (int j = 0; j < V; ++j) squares += (values[i][j] - mean) * (values[i][j] - mean);
const float rate = rsqrtf(sum_of_warp(squares) / C + eps);
#pragma unroll
for (int i = 0; i < LOADS; ++i) {
  const int c = (i * 32 + lane) * V;
  if (c < C) {
    uint4 packed;
    T* numbers = reinterpret_cast<T*>(&packed);
    for (int j = 0; j < V; j += 4) {
      const float4 w = __ldg(reinterpret_cast<const float4*>(weight + c + j));
      const float4 s = __ldg(reinterpret_cast<const float4*>(bias + c + j));
      numbers[j] = static_cast<T>((values[i][j] - mean) * rate * w.x + s.x);
      numbers[j + 1] = static_cast<T>((values[i][j + 1] - mean) * rate * w.y + s.y);
      numbers[j + 2] = static_cast<T>((values[i][j + 2] - mean) * rate * w.z + s.z);
      numbers[j + 3] = static_cast<T>((values[i][j + 3] - mean) * rate * w.w + s.w);
    }
    *reinterpret_cast<uint4*>(y + start + c) = packed;
  }
}
