// Every block merges the moments of its batch row again, a warp per group, always in the same order.
constexpr int V = 16 / sizeof(T), BATCH = 4;
__shared__ float mean[GROUPS], rate[GROUPS];
const Place<T> at(THREADS, pixels, x, own, skip, more);
const int b = blockIdx.y, width = at.C / GROUPS, lane = threadIdx.x % 32;
const int share = (at.pixels + at.R * splits - 1) / (at.R * splits) * at.R;  // pixels of a split
for (int g = threadIdx.x / 32; g < GROUPS; g += THREADS / 32) {
  const float2* parts = reinterpret_cast<const float2*>(moments) + ((long long)b * GROUPS + g) * splits;
  const auto count = [&](int i) { return (float)max(0, min(share, at.pixels - i * share)); };
  float sum = 0, squares = 0;
  for (int i = lane; i < splits; i += 32) sum += count(i) * __ldg(&parts[i].x);
  const float centre = sum_of_warp(sum) / at.pixels;
  for (int i = lane; i < splits; i += 32) {
    const float2 one = __ldg(&parts[i]);
    const float d = one.x - centre;
    squares += one.y + count(i) * width * d * d;
  }
  squares = sum_of_warp(squares);
  if (lane == 0)
    mean[g] = centre, rate[g] = rsqrtf(squares / ((float)at.pixels * width) + eps);
}
__syncthreads();
if (at.r >= at.R) return;
float added[V], scale[V], shift[V];
add_up(added, has_row ? row + row_first + b * row_stride : nullptr, has_channel ? channel : nullptr, at.c);
for (int j = 0; j < V; j += 4) {
  const float4 w = __ldg(reinterpret_cast<const float4*>(weight + at.c + j));
  const float4 s = __ldg(reinterpret_cast<const float4*>(bias + at.c + j));
  scale[j] = w.x, scale[j + 1] = w.y, scale[j + 2] = w.z, scale[j + 3] = w.w;
  shift[j] = s.x, shift[j + 1] = s.y, shift[j + 2] = s.z, shift[j + 3] = s.w;
}
for (int j = 0, g = at.c / width, i = at.c % width; j < V; ++j) {
  added[j] -= mean[g], scale[j] *= rate[g];
  if (++i == width) i = 0, ++g;
}
const int step = gridDim.x * at.R, end = (b + 1) * at.pixels;
for (int p = b * at.pixels + blockIdx.x * at.R + at.r; p < end; p += BATCH * step) {
  uint4 packed[BATCH];
  #pragma unroll
  for (int k = 0; k < BATCH; ++k)
    if (p + k * step < end) packed[k] = load(at.from + (long long)(p + k * step) * at.stride);
  #pragma unroll
  for (int k = 0; k < BATCH; ++k) {
    for (int j = 0; j < V; ++j) {
      float v = (unpacked<T>(packed[k], j) + added[j]) * scale[j] + shift[j];
      if (SILU) v = __fdividef(v, 1.f + __expf(-v));
      reinterpret_cast<T*>(&packed[k])[j] = static_cast<T>(v);
    }
    if (p + k * step < end) *reinterpret_cast<uint4*>(y + (long long)(p + k * step) * at.C + at.c) = packed[k];
  }
}
