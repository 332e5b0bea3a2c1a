// A block adds to ROWS x COLUMNS of the weight, a warp of it to 32 columns, a thread to eight neighbouring ones of the
// rows lane / 4 and lane / 4 + 8 of each 16: of four products side by side it is given two columns each, so the columns
// of each product lie eight apart. Up and down come through shared memory, 32 ranks at a time, zeros behind the last.
constexpr int ROWS = 16 * TILES, COLUMNS = 32 * WARPS, RANKS = 32;
constexpr int UP_PITCH = RANKS + 8, DOWN_PITCH = COLUMNS + 8;  // 8 more: neighbouring rows start in other banks
__shared__ __align__(16) __half ups[ROWS * UP_PITCH];
__shared__ __align__(16) __half downs[RANKS * DOWN_PITCH];
const int lane = threadIdx.x % 32, quarter = lane / 4, pair = lane % 4 * 2, warp = threadIdx.x / 32;
const int first = blockIdx.y * ROWS, left = blockIdx.x * COLUMNS;
const auto fetch = [&](int k) {
  for (int u = threadIdx.x; u < ROWS * (RANKS / 8); u += WARPS * 32) {
    const int row = u / (RANKS / 8), d = u % (RANKS / 8) * 8;
    const bool there = first + row < out && k + d < rank;
    copy(ups + row * UP_PITCH + d, there ? up + (first + row) * (long long)rank + k + d : up, there ? 16 : 0);
  }
  for (int u = threadIdx.x; u < RANKS * (COLUMNS / 8); u += WARPS * 32) {
    const int row = u / (COLUMNS / 8), c = u % (COLUMNS / 8) * 8;
    const bool there = k + row < rank && left + c < in;
    copy(downs + row * DOWN_PITCH + c, there ? down + (k + row) * (long long)in + left + c : down, there ? 16 : 0);
  }
};
fetch(0);
const float s = static_cast<float>(share[0]);
const int column = left + warp * 32 + pair * 4;
const auto place = [&](int t) {  // of the thread's eight in every eighth row
  const int row = first + t * 8 + quarter;
  return row < out && column < in ? row * (long long)in + column : -1;
};
uint4 eights[2 * TILES];
#pragma unroll
for (int t = 0; t < 2 * TILES; ++t)
  if (const long long at = place(t); at >= 0) eights[t] = __ldg(reinterpret_cast<const uint4*>(weight + at));
float sums[TILES][4][4];
#pragma unroll
for (int i = 0; i < TILES * 16; ++i) sums[i / 16][i / 4 % 4][i % 4] = 0;
for (int k = 0; k < rank; k += RANKS) {
  if (k > 0) {
    __syncthreads();
    fetch(k);
  }
  asm volatile("cp.async.wait_all;" ::: "memory");
  __syncthreads();
  #pragma unroll
  for (int step = 0; step < RANKS; step += 16) {
    uint4 rows[4];
    #pragma unroll
    for (int i = 0; i < 4; ++i)
      rows[i] = *reinterpret_cast<const uint4*>(downs + (step + pair + i % 2 + i / 2 * 8) * DOWN_PITCH + warp * 32 + quarter / 2 * 8);
    unsigned columns[4][2];  // of each product, two rows above each other at a time
    #pragma unroll
    for (int i = 0; i < 8; ++i)
      columns[i / 2][i % 2] = __byte_perm(reinterpret_cast<const unsigned*>(&rows[i % 2 * 2])[i / 2],
                                          reinterpret_cast<const unsigned*>(&rows[i % 2 * 2 + 1])[i / 2],
                                          quarter % 2 ? 0x7632 : 0x5410);
    #pragma unroll
    for (int t = 0; t < TILES; ++t) {
      unsigned a[4];
      #pragma unroll
      for (int r = 0; r < 4; ++r)
        a[r] = *reinterpret_cast<const unsigned*>(ups + (t * 16 + quarter + r % 2 * 8) * UP_PITCH + step + pair + r / 2 * 8);
      #pragma unroll
      for (int n = 0; n < 4; ++n) multiply(sums[t][n], a, columns[n][0], columns[n][1]);
    }
  }
}
#pragma unroll
for (int t = 0; t < 2 * TILES; ++t) {
  const long long at = place(t);
  if (at < 0) continue;
  #pragma unroll
  for (int i = 0; i < 8; ++i) {
    __half& number = reinterpret_cast<__half*>(&eights[t])[i];
    number = __float2half_rn(__half2float(number) + s * sums[t / 2][i / 2][t % 2 * 2 + i % 2]);
  }
  *reinterpret_cast<uint4*>(y + at) = eights[t];
}
