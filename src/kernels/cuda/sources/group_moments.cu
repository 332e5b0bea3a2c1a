// Block (split, b) takes a range of pixels of batch row b into registers. A thread finds mean and squares of what
// differs from it for each of its channels, then a warp those of a group. Sums of plain squares lose their
// digits where the mean is far from 0.
constexpr int V = 16 / sizeof(T);
__shared__ float2 held[V * THREADS];
const Place<T> at(THREADS, pixels, x, own, skip, more);
const int b = blockIdx.y, width = at.C / GROUPS;
const int steps = (at.pixels + at.R * gridDim.x - 1) / (at.R * gridDim.x);
const int begin = blockIdx.x * at.R * steps, end = min(begin + at.R * steps, at.pixels);
const int full = max(end - begin, 0) / at.R, rest = max(end - begin, 0) % at.R;
const auto count = [&](int r) { return full + (r < rest); };
if (at.r < at.R) {
  uint4 packed[LOADS];
  const T* from = at.from + ((long long)b * at.pixels + begin + at.r) * at.stride;
  const int mine = count(at.r);
  #pragma unroll
  for (int i = 0; i < LOADS; ++i) {
    if (i >= steps) break;
    if (i < mine) packed[i] = load(from + (long long)i * at.R * at.stride);
  }
  float added[V];
  add_up(added, has_row ? row + row_first + b * row_stride : nullptr, has_channel ? channel : nullptr, at.c);
  for (int j = 0; j < V; ++j) {
    float sum = 0, squares = 0;
    #pragma unroll
    for (int i = 0; i < LOADS; ++i) {
      if (i >= steps) break;
      if (i < mine) sum += unpacked<T>(packed[i], j);
    }
    const float mean = sum / max(mine, 1);
    #pragma unroll
    for (int i = 0; i < LOADS; ++i) {
      if (i >= steps) break;
      const float d = i < mine ? unpacked<T>(packed[i], j) - mean : 0.f;
      squares += d * d;
    }
    held[j * THREADS + threadIdx.x] = make_float2(mean + added[j], squares);
  }
}
__syncthreads();
const int lane = threadIdx.x % 32;
const float numbers = (float)max(end - begin, 1) * width;
for (int g = threadIdx.x / 32; g < GROUPS; g += THREADS / 32) {
  // f(row of threads, what it holds of channel g * width + i), i = 0 .. width - 1, summed.
  const auto total = [&](const auto& f) {
    float sum = 0;
    int r = lane / width, i = lane % width;
    while (r < at.R) {
      const int c = g * width + i;
      sum += f((float)count(r), held[c % V * THREADS + r * at.loads + c / V]);
      for (i += 32; i >= width; i -= width) ++r;
    }
    return sum_of_warp(sum);
  };
  const float mean = total([](float n, float2 one) { return n * one.x; }) / numbers;
  const float squares = total([&](float n, float2 one) { return one.y + n * (one.x - mean) * (one.x - mean); });
  if (lane == 0)
    reinterpret_cast<float2*>(moments)[((long long)b * GROUPS + g) * gridDim.x + blockIdx.x] =
        make_float2(mean, squares);
}
