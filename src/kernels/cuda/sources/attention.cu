// Flash attention (Dao 2023): a warp keeps 16 queries and their sums in registers while keys and values pass through
// shared memory, 32 at a time. A thread holds numbers of the rows lane / 4 and lane / 4 + 8.
constexpr int KEYS = 32, PITCH = D + 8;  // 8 more: neighbouring rows start in other banks
__shared__ __align__(16) __half stages[2][2][KEYS * PITCH];  // keys and values, of these 32 and the next
const int b = blockIdx.z, head = blockIdx.y;
const int lane = threadIdx.x % 32, quarter = lane / 4, pair = lane % 4 * 2;
const int row = (blockIdx.x * WARPS + threadIdx.x / 32) * 16 + quarter;
const __half* from_q = q + q_first + (long long)b * q_batch + head * D;
const __half* from_k = k + k_first + (long long)b * k_batch + head * D;
const __half* from_v = v + v_first + (long long)b * v_batch + head * D;
unsigned query[D / 16][4];
#pragma unroll
for (int i = 0; i < D / 16; ++i)
  #pragma unroll
  for (int r = 0; r < 4; ++r) {
    const int n = row + r % 2 * 8;
    query[i][r] = n < queries ? *reinterpret_cast<const unsigned*>(from_q + (long long)n * q_row + i * 16 + pair + r / 2 * 8) : 0;
  }
float out[D / 8][4], most[2] = {-INFINITY, -INFINITY}, sum[2] = {0, 0};
#pragma unroll
for (int n = 0; n < D / 8; ++n)
  for (int j = 0; j < 4; ++j) out[n][j] = 0;
// Copies into shared memory that go on in the background; zeros after the last key.
const auto fetch = [&](int first) {
  __half* const to = stages[first / KEYS % 2][0];
  for (int u = threadIdx.x; u < KEYS * (D / 8) && first < keys; u += WARPS * 32) {
    const int key = u / (D / 8), d = u % (D / 8) * 8, from = min(first + key, keys - 1);
    const int bytes = first + key < keys ? 16 : 0;
    copy(to + key * PITCH + d, from_k + (long long)from * k_row + d, bytes);
    copy(to + (KEYS + key) * PITCH + d, from_v + (long long)from * v_row + d, bytes);
  }
  asm volatile("cp.async.commit_group;" ::: "memory");
};
fetch(0);
for (int first = 0; first < keys; first += KEYS) {
  fetch(first + KEYS);
  asm volatile("cp.async.wait_group 1;" ::: "memory");
  __syncthreads();
  const __half* const ks = stages[first / KEYS % 2][0];
  const __half* const vs = stages[first / KEYS % 2][1];
  float p[KEYS / 8][4];
  #pragma unroll
  for (int n = 0; n < KEYS / 8; ++n) {
    for (int j = 0; j < 4; ++j) p[n][j] = 0;
    #pragma unroll
    for (int i = 0; i < D / 16; ++i) {
      const __half* at = ks + (n * 8 + quarter) * PITCH + i * 16 + pair;
      multiply(p[n], query[i], *reinterpret_cast<const unsigned*>(at), *reinterpret_cast<const unsigned*>(at + 8));
    }
  }
  #pragma unroll
  for (int half = 0; half < 2; ++half) {
    float largest = most[half];
    #pragma unroll
    for (int n = 0; n < KEYS / 8; ++n)
      #pragma unroll
      for (int j = 2 * half; j < 2 * half + 2; ++j) {
        const int key = first + n * 8 + pair + j % 2;
        p[n][j] = key < keys ? p[n][j] * scale + (BIAS ? static_cast<float>(bias[b * keys + key]) : 0.f) : -INFINITY;
        largest = fmaxf(largest, p[n][j]);
      }
    largest = most_of_four(largest);
    const float base = largest == -INFINITY ? 0.f : largest;  // no key is to be looked at yet
    const float shrink = __expf(most[half] - base);
    most[half] = largest;
    sum[half] *= shrink;
    #pragma unroll
    for (int n = 0; n < KEYS / 8; ++n)
      #pragma unroll
      for (int j = 2 * half; j < 2 * half + 2; ++j) sum[half] += p[n][j] = __expf(p[n][j] - base);
    #pragma unroll
    for (int n = 0; n < D / 8; ++n) out[n][2 * half] *= shrink, out[n][2 * half + 1] *= shrink;
  }
  #pragma unroll
  for (int i = 0; i < KEYS / 16; ++i) {
    const unsigned weights[4] = {two_halves(p[2 * i][0], p[2 * i][1]), two_halves(p[2 * i][2], p[2 * i][3]),
                                 two_halves(p[2 * i + 1][0], p[2 * i + 1][1]),
                                 two_halves(p[2 * i + 1][2], p[2 * i + 1][3])};
    #pragma unroll
    for (int n = 0; n < D / 8; ++n) {
      unsigned v0, v1;
      const auto at = static_cast<unsigned>(__cvta_generic_to_shared(vs + (i * 16 + lane % 16) * PITCH + n * 8));
      asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0,%1}, [%2];" : "=r"(v0), "=r"(v1) : "r"(at));
      multiply(out[n], weights, v0, v1);
    }
  }
  __syncthreads();  // the next round fetches over these
}
#pragma unroll
for (int half = 0; half < 2; ++half) {
  const float all = sum_of_four(sum[half]), rate = all > 0 ? 1 / all : 0.f;
  const int n = row + half * 8;
  if (n >= queries) continue;
  __half* to = y + ((long long)b * queries + n) * (gridDim.y * D) + head * D + pair;
  #pragma unroll
  for (int i = 0; i < D / 8; ++i)
    *reinterpret_cast<unsigned*>(to + i * 8) = two_halves(out[i][2 * half] * rate, out[i][2 * half + 1] * rate);
}
