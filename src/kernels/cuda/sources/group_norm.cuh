// How threads lie over a picture: each keeps its V channels, and R rows of them stand on R pixels. Sizes come in at run
// time, since every set of constants is compiled for itself. So does what is added: row and channel are other memory
// where there is nothing. So is skip, whose channels, `more` of them, follow x's.
template <class T>
struct Place {
  static constexpr int V = 16 / sizeof(T);
  int C, pixels, loads, R, r, c, stride;
  const T* from;  // the thread's channels of the first pixel; the next one's are `stride` numbers away
  __device__ Place(int threads, int pixels_, const T* x, int own, const T* skip, int more)
      : C(own + more), pixels(pixels_), loads(C / V), R(threads / loads), r(threadIdx.x / loads),
        c(threadIdx.x % loads * V), stride(c < own ? own : more), from(c < own ? x + c : skip + (c - own)) {}
};
template <class T>
__device__ inline float unpacked(const uint4& packed, int j) {
  return static_cast<float>(reinterpret_cast<const T*>(&packed)[j]);
}
template <class T>
__device__ inline uint4 load(const T* from) {
  return __ldg(reinterpret_cast<const uint4*>(from));
}
// What is added to the V numbers at channel c before they are normalised.
template <class T, int V>
__device__ inline void add_up(float (&added)[V], const T* row, const T* channel, int c) {
  for (int j = 0; j < V; ++j) added[j] = 0;
  if (row) {
    const uint4 packed = load(row + c);
    for (int j = 0; j < V; ++j) added[j] += unpacked<T>(packed, j);
  }
  if (channel) {
    const uint4 packed = load(channel + c);
    for (int j = 0; j < V; ++j) added[j] += unpacked<T>(packed, j);
  }
}
