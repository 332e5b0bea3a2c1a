// Block (g, b) takes a whole group into registers, in pairs of channels: each thread keeps its pair, and rows of
// threads stand on R pixels. Mean first, then squares of what differs from it: nothing is read twice. What is added,
// and skip, as in group_norm.cuh.
__shared__ float sums[THREADS / 32], squares[THREADS / 32];
const int C = own + more;
const int width = C / GROUPS, columns = width / 2, R = THREADS / columns;
const int r = threadIdx.x / columns, c = blockIdx.x * width + threadIdx.x % columns * 2, b = blockIdx.y;
const int stride = c < own ? own : more;
const T* from = (c < own ? x + c : skip + (c - own)) + ((long long)b * pixels + r) * stride;
const int mine = r < R && r < pixels ? (pixels - r - 1) / R + 1 : 0;
unsigned pairs[LOADS];
#pragma unroll
for (int i = 0; i < LOADS; ++i) {
  if (i >= mine) break;
  pairs[i] = __ldg(reinterpret_cast<const unsigned*>(from));
  from += R * stride;
}
const auto numbers = [](unsigned pair) { return __half22float2(*reinterpret_cast<const __half2*>(&pair)); };
float2 added = make_float2(0.f, 0.f);
const auto add_up = [&](const T* at) {
  const float2 two = numbers(*reinterpret_cast<const unsigned*>(at));
  added.x += two.x, added.y += two.y;
};
if (mine > 0 && has_row) add_up(row + row_first + b * row_stride + c);
if (mine > 0 && has_channel) add_up(channel + c);
float sum = mine * (added.x + added.y);
#pragma unroll
for (int i = 0; i < LOADS; ++i) {
  if (i >= mine) break;
  const float2 two = numbers(pairs[i]);
  sum += two.x + two.y;
}
const float count = (float)pixels * width, mean = sum_of_block<THREADS>(sum, sums) / count;
added.x -= mean, added.y -= mean;
sum = 0;
#pragma unroll
for (int i = 0; i < LOADS; ++i) {
  if (i >= mine) break;
  const float2 two = numbers(pairs[i]);
  sum += (two.x + added.x) * (two.x + added.x) + (two.y + added.y) * (two.y + added.y);
}
const float rate = rsqrtf(sum_of_block<THREADS>(sum, squares) / count + eps);
if (mine == 0) return;
const float2 scale = make_float2(weight[c] * rate, weight[c + 1] * rate), shift = make_float2(bias[c], bias[c + 1]);
const auto result = [](float v) { return SILU ? __fdividef(v, 1.f + __expf(-v)) : v; };
T* to = y + ((long long)b * pixels + r) * C + c;
#pragma unroll
for (int i = 0; i < LOADS; ++i) {
  if (i >= mine) break;
  const float2 two = numbers(pairs[i]);
  *reinterpret_cast<__half2*>(to) = __floats2half2_rn(result((two.x + added.x) * scale.x + shift.x),
                                                      result((two.y + added.y) * scale.y + shift.y));
  to += R * C;
}
